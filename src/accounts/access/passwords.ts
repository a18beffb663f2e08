import { hash, parseOptions, verify } from '@node-rs/argon2';
import { z } from 'zod';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Account } from '../model.ts';
import { Credential } from './model.ts';

/** OWASP's password storage cheat sheet: argon2id with 19 MiB, two passes, one lane. argon2id is the library's default. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** The hash of random bytes that nobody knows: a name that does not exist costs as much time as one that does. */
const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$rO2KKAVo2aErakt6LXwkbQ$1uLSypjArEuASONkFUyEc7Yj40dePDKZGOkCa3iHg54';

const MIN_PASSWORD_LENGTH = 10;

/** Long enough, and not one thing over and over; no rules about signs (NIST SP 800-63B, 3.1.1.2). */
export const NewPassword = z
  .string()
  .min(MIN_PASSWORD_LENGTH, `At least ${MIN_PASSWORD_LENGTH} characters, please; a few words are good.`)
  .max(200, 'At most 200 characters, please.')
  .refine((text) => new Set(text).size > 3, 'That is too easy to guess.');

/** About 20 ms of work on another thread: do it before a transaction, not in one. */
export const hashPassword = (password: string): Promise<string> => hash(password.normalize('NFKC'), COST);

/** Replaces the password. Persisted with the caller's flush. */
export async function setPassword(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
  password: string,
): Promise<void> {
  const secret = await hashPassword(password);
  const known = await em.findOne(Credential, { account, kind: 'password' });
  if (known) known.secret = secret;
  else em.persist(em.create(Credential, { id: newId(), account, kind: 'password', secret, createdAt: now() }));
}

/** Is this the account's password? Takes the same time when there is no account, or none with a password. */
export async function matchesPassword(
  { em }: Pick<Work, 'em'>,
  account: Account | null,
  password: string,
): Promise<boolean> {
  const known = account && (await em.findOne(Credential, { account, kind: 'password' }));
  const matches = await verify(known?.secret ?? NOBODYS_HASH, password.normalize('NFKC'));
  if (!known || !matches) return false;
  const { memoryCost, timeCost } = parseOptions(known.secret);
  if (memoryCost < COST.memoryCost || timeCost < COST.timeCost) known.secret = await hashPassword(password);
  return true;
}
