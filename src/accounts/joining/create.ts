import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { Credential } from '../access/model.ts';
import { hashPassword, NewPassword } from '../access/passwords.ts';
import { accountAwaitsApproval, accountJoined } from '../events.ts';
import { Login, normaliseEmail } from '../login.ts';
import { Account } from '../model.ts';
import { ROLE_PERMISSIONS, type Role } from '../permissions.ts';

/** What peers also take as a name: dots and hyphens within, not at the ends. */
const AccountName = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^[a-z0-9_](?:[a-z0-9_.-]{0,28}[a-z0-9_])$/,
    'Two to thirty letters (a to z), digits or underscores; dots and hyphens within.',
  )
  // the names of topics as other servers know them (gallery/topics/names.ts): `@model-12@host` is never a person
  .refine((name) => !/^(?:model|collection|tag)-/.test(name), 'Names that begin so belong to models and tags.');

export const Email = z
  .string()
  .transform(normaliseEmail)
  .pipe(z.email('This does not look like an e-mail address.').max(254));

export const NewAccount = z.object({ name: AccountName, email: Email, password: NewPassword });

interface Admission {
  readonly role?: Role;
  readonly state?: Account['state'];
  readonly termsVersion?: number;
  readonly isAdult?: boolean;
  readonly signUpNote?: string;
  readonly inviter?: Account | null;
  readonly isEmailVerified?: boolean;
}

/**
 * Makes an account of this node. It asks nobody's leave: for the operator at the machine; pages call `signUp` or
 * `setUp`. Throws `conflict` when the name or the address is taken. Flushes.
 */
export async function createAccount(
  work: Pick<Work, 'em' | 'now'>,
  form: z.output<typeof NewAccount>,
  role: Role = 'member',
): Promise<Account> {
  const passwordHash = await hashPassword(form.password);
  return work.em.transactional((em) =>
    insertAccount({ ...work, em }, form, passwordHash, { role, isEmailVerified: true }),
  );
}

/** The rows of a new account, and the event when it may come in at once, in the caller's transaction. */
export async function insertAccount(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { name, email }: Pick<z.output<typeof NewAccount>, 'name' | 'email'>,
  passwordHash: string,
  admission: Admission,
): Promise<Account> {
  const { role = 'member', state = 'active' } = admission;
  await refuseTaken({ em }, name, email);
  const account = em.create(Account, { name, role, state, permissions: ROLE_PERMISSIONS[role], createdAt: now() });
  em.persist(account);
  em.persist(
    em.create(Login, {
      account,
      email,
      emailVerifiedAt: admission.isEmailVerified ? now() : null,
      termsVersion: admission.termsVersion ?? 0,
      termsAgreedAt: admission.termsVersion ? now() : null,
      adultStatedAt: admission.isAdult ? now() : null,
      signUpNote: admission.signUpNote ?? '',
      inviter: admission.inviter ?? null,
    }),
  );
  em.persist(em.create(Credential, { id: newId(), account, kind: 'password', secret: passwordHash, createdAt: now() }));
  try {
    await em.flush();
  } catch (cause) {
    // somebody else took the name between the question and the answer
    if (cause instanceof UniqueConstraintViolationException) throw taken('name', 'This name is taken.');
    throw cause;
  }
  if (state === 'active') record(em, accountJoined, { accountId: account.id });
  if (state === 'awaiting_approval') record(em, accountAwaitsApproval, { accountId: account.id });
  return account;
}

async function refuseTaken({ em }: Pick<Work, 'em'>, name: string, email: string): Promise<void> {
  await refuseTakenName({ em }, name);
  if ((await em.count(Login, { email })) > 0) throw taken('email', 'There is an account with this address already.');
}

/** Also a deleted account keeps its name: peers remember who it was. */
export async function refuseTakenName({ em }: Pick<Work, 'em'>, name: string): Promise<void> {
  if ((await em.count(Account, { host: '', name })) > 0) throw taken('name', 'This name is taken.');
}

const taken = (field: string, message: string) => new AppError('conflict', message, { fields: { [field]: message } });
