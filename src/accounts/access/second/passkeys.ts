import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import { Account } from '../../model.ts';
import { Credential } from '../model.ts';
import { consumeOneTime, findOneTime, issueOneTime } from '../one-time.ts';

/*
 * A challenge is a one-time secret like any other: kept as its hash, bound to the account when there is one, gone with
 * its first use. The origin that the browser signed is compared with ours, so a copy of our page elsewhere gets nothing.
 */

/** What a browser sends; the library checks every byte of it. */
const Response = z.object({
  id: z.string().max(1400),
  rawId: z.string().max(1400),
  type: z.literal('public-key'),
  response: z.record(z.string(), z.unknown()),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
  authenticatorAttachment: z.string().optional(),
});

export const PasskeyForm = z.object({ label: z.string().trim().max(60).default(''), answer: Response });
export const PasskeyAnswer = z.object({ answer: Response });

/** With its parsers of certificates it takes 25 MB: loaded with the first passkey. */
const library = () => import('@simplewebauthn/server');

const MAX_PASSKEYS = 20;
type Deeds = Pick<Work, 'em' | 'now'>;

export async function beginPasskey(work: Deeds, account: Account, publicUrl: URL, nodeName: string) {
  const known = await work.em.find(Credential, { account, kind: 'passkey' });
  if (known.length >= MAX_PASSKEYS) throw new AppError('conflict', 'You have many passkeys. Remove one first.');
  const { generateRegistrationOptions } = await library();
  const options = await generateRegistrationOptions({
    rpName: nodeName,
    rpID: publicUrl.hostname,
    userName: account.name,
    userDisplayName: account.displayName || account.name,
    userID: new Uint8Array(Buffer.from(String(account.id))),
    attestationType: 'none',
    excludeCredentials: known.map((one) => ({ id: one.externalId ?? '', transports: one.transports })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  });
  issueOneTime(work, 'passkey', { account, secret: options.challenge });
  await work.em.flush();
  return options;
}

/** Keeps a new passkey. Throws `invalid` when the answer is not to a challenge of ours for this account. */
export async function addPasskey(
  work: Deeds,
  account: Account,
  publicUrl: URL,
  { label, answer }: z.output<typeof PasskeyForm>,
): Promise<void> {
  const { em, now } = work;
  const { verifyRegistrationResponse } = await library();
  const checked = await verifyRegistrationResponse({
    response: answer as unknown as RegistrationResponseJSON,
    expectedChallenge: (challenge) => takeChallenge(work, challenge, account.id),
    expectedOrigin: publicUrl.origin,
    expectedRPID: publicUrl.hostname,
    requireUserVerification: true,
  }).catch(refuse);
  if (!checked.verified) throw refusal();
  const { credential } = checked.registrationInfo;
  if ((await em.count(Credential, { externalId: credential.id })) > 0) {
    throw new AppError('conflict', 'This passkey is already known.');
  }
  const transports = z.array(z.string().max(20)).max(10).catch([]).parse(answer.response.transports);
  em.persist(
    em.create(Credential, {
      id: newId(),
      account,
      kind: 'passkey',
      externalId: credential.id,
      secret: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports,
      label: label || `Passkey of ${now().toISOString().slice(0, 10)}`,
      createdAt: now(),
    }),
  );
  await em.flush();
}

/** For signing in (no account: the authenticator offers what it has), or as the second step of a known account. */
export async function askForPasskey(work: Deeds, publicUrl: URL, account: Account | null) {
  const known = account ? await work.em.find(Credential, { account, kind: 'passkey' }) : [];
  const { generateAuthenticationOptions } = await library();
  const options = await generateAuthenticationOptions({
    rpID: publicUrl.hostname,
    userVerification: 'required',
    allowCredentials: known.map((one) => ({ id: one.externalId ?? '', transports: one.transports })),
  });
  issueOneTime(work, 'passkey', { account, secret: options.challenge });
  await work.em.flush();
  return options;
}

/** Whose passkey answered. `account` is set in the second step: then it must be one of theirs. Throws `invalid`. */
export async function usePasskey(
  work: Deeds,
  publicUrl: URL,
  account: Account | null,
  { answer }: z.output<typeof PasskeyAnswer>,
): Promise<Account> {
  const { em, now } = work;
  const known = await em.findOne(Credential, { kind: 'passkey', externalId: answer.id }, { populate: ['account'] });
  if (!known || (account && known.account.id !== account.id)) throw refusal();
  const { verifyAuthenticationResponse } = await library();
  const checked = await verifyAuthenticationResponse({
    response: answer as unknown as AuthenticationResponseJSON,
    expectedChallenge: (challenge) => takeChallenge(work, challenge, account?.id ?? null),
    expectedOrigin: publicUrl.origin,
    expectedRPID: publicUrl.hostname,
    requireUserVerification: true,
    credential: {
      id: answer.id,
      publicKey: new Uint8Array(Buffer.from(known.secret, 'base64url')),
      counter: known.counter,
      transports: known.transports,
    },
  }).catch(refuse);
  if (!checked.verified) throw refusal();
  known.counter = checked.authenticationInfo.newCounter;
  known.usedAt = now();
  await em.flush();
  return em.findOneOrFail(Account, known.account.id);
}

async function takeChallenge(work: Deeds, challenge: string, accountId: number | null): Promise<boolean> {
  const token = await findOneTime(work, 'passkey', challenge);
  if (!token || (token.account?.id ?? null) !== accountId) return false;
  return consumeOneTime(work, token);
}

const refusal = (cause?: unknown) =>
  new AppError('invalid', 'This passkey was not accepted. Please try again.', { cause });

/** The library throws on every answer that does not fit. */
function refuse(cause: unknown): never {
  throw refusal(cause);
}

export async function listPasskeys({ em }: Pick<Work, 'em'>, account: Account) {
  const known = await em.find(Credential, { account, kind: 'passkey' }, { orderBy: { createdAt: 'asc' } });
  return known.map((one) => ({
    id: one.id,
    label: one.label,
    createdAt: one.createdAt.toISOString(),
    usedAt: one.usedAt?.toISOString() ?? null,
  }));
}

/** Throws `not_found` for a passkey of somebody else. */
export async function removePasskey({ em }: Pick<Work, 'em'>, account: Account, id: string): Promise<void> {
  const gone = await em.nativeDelete(Credential, { id, account: account.id, kind: 'passkey' });
  if (gone === 0) throw new AppError('not_found', 'There is no such passkey.');
}
