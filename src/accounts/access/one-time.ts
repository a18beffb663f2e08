import { newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Account } from '../model.ts';
import { type OneTimeKind, OneTimeToken } from './model.ts';
import { hashSecret } from './secrets.ts';

const LIFETIME_MS: Readonly<Record<OneTimeKind, number>> = {
  set_up: 7 * 86_400_000,
  verify_email: 3 * 86_400_000,
  reset_password: 3_600_000,
  second_factor: 10 * 60_000,
  passkey: 5 * 60_000,
};

interface Subject {
  readonly account?: Account | null;
  readonly email?: string;
  /** A passkey's challenge is made by the library; all other secrets are made here. */
  readonly secret?: string;
}

/** Makes a secret that works once. Persisted with the caller's flush; the secret itself is in no table. */
export function issueOneTime(
  { em, now }: Pick<Work, 'em' | 'now'>,
  kind: OneTimeKind,
  { account = null, email, secret = randomToken() }: Subject,
): string {
  em.persist(
    em.create(OneTimeToken, {
      id: newId(),
      kind,
      tokenHash: hashSecret(secret),
      account,
      email: email ?? null,
      createdAt: now(),
      expiresAt: new Date(now().getTime() + LIFETIME_MS[kind]),
    }),
  );
  return secret;
}

export async function findOneTime(
  { em, now }: Pick<Work, 'em' | 'now'>,
  kind: OneTimeKind,
  secret: string,
): Promise<OneTimeToken | null> {
  return em.findOne(
    OneTimeToken,
    { kind, tokenHash: hashSecret(secret), expiresAt: { $gt: now() } },
    { populate: ['account'] },
  );
}

/** Takes the token out of the world; of two that come at once, one gets false. */
export async function consumeOneTime({ em }: Pick<Work, 'em'>, token: OneTimeToken): Promise<boolean> {
  return (await em.nativeDelete(OneTimeToken, { id: token.id })) === 1;
}

/** Also those of other kinds of use: after a change of password no older link works. */
export async function revokeOneTime({ em }: Pick<Work, 'em'>, account: Account, kinds: readonly OneTimeKind[]) {
  await em.nativeDelete(OneTimeToken, { account: account.id, kind: { $in: [...kinds] } });
}

export async function sweepOneTime({ em, now }: Pick<Work, 'em' | 'now'>): Promise<void> {
  await em.nativeDelete(OneTimeToken, { expiresAt: { $lte: now() } });
}
