import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { Account } from '../model.ts';
import { SCOPE_NAMES } from '../scopes.ts';
import { ApiToken } from './model.ts';
import { hashSecret } from './secrets.ts';

/** Makes a token findable by secret scanners. */
export const TOKEN_PREFIX = 'tessera_';
const MAX_TOKENS = 50;

const listOf = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

export const TokenForm = z.object({
  label: z.string().trim().min(1, 'Name it, so that you know it later.').max(60),
  scopes: listOf
    .default([])
    .pipe(
      z
        .array(z.enum(SCOPE_NAMES as readonly [string, ...string[]], 'There is no such scope.'))
        .min(1, 'Choose what it may do.'),
    ),
  days: z.enum(['30', '90', '365', 'never']).default('90'),
});

interface NewToken {
  readonly label: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
}

/** Makes a token and returns its secret, which is shown once. For the operator at the machine; pages call `issueToken`. */
export async function createToken(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
  { label, scopes, expiresAt }: NewToken,
): Promise<{ secret: string; token: ApiToken }> {
  const secret = TOKEN_PREFIX + randomToken();
  const token = em.create(ApiToken, {
    id: newId(),
    tokenHash: hashSecret(secret),
    account,
    label,
    scopes: [...new Set(scopes)],
    hint: secret.slice(-4),
    createdAt: now(),
    expiresAt,
  });
  await em.persist(token).flush();
  return { secret, token };
}

/** For the viewer's own account. A scope gives no more than its person has, now or later: see `permissionsWithin`. */
export async function issueToken(work: Pick<Work, 'em' | 'viewer' | 'now'>, form: z.output<typeof TokenForm>) {
  const { em, viewer, now } = work;
  const account = viewer && (await em.findOne(Account, viewer.id));
  if (!account) throw new AppError('unauthenticated', 'Please sign in.');
  if ((await em.count(ApiToken, { account: account.id, kind: 'personal' })) >= MAX_TOKENS) {
    throw new AppError('conflict', 'You have many tokens. Delete one that you no longer use.');
  }
  const expiresAt = form.days === 'never' ? null : new Date(now().getTime() + Number(form.days) * 86_400_000);
  return createToken(work, account, { label: form.label, scopes: form.scopes, expiresAt });
}

/** Throws `not_found` for a token of somebody else. */
export async function deleteToken({ em, viewer }: Pick<Work, 'em' | 'viewer'>, tokenId: string): Promise<void> {
  const gone = viewer ? await em.nativeDelete(ApiToken, { id: tokenId, account: viewer.id, kind: 'personal' }) : 0;
  if (gone === 0) throw new AppError('not_found', 'There is no such token.');
}

export async function listTokens({ em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>) {
  if (!viewer) return [];
  const tokens = await em.find(ApiToken, { account: viewer.id, kind: 'personal' }, { orderBy: { createdAt: 'desc' } });
  return tokens.map((token) => ({
    id: token.id,
    label: token.label,
    scopes: token.scopes,
    hint: token.hint,
    createdAt: token.createdAt.toISOString(),
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
    expiresAt: token.expiresAt?.toISOString() ?? null,
    isExpired: token.expiresAt !== null && token.expiresAt !== undefined && token.expiresAt <= now(),
  }));
}
