import { createHash, timingSafeEqual } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import { z } from 'zod';
import { ApiToken } from '../../accounts/access/model.ts';
import { hashSecret } from '../../accounts/access/secrets.ts';
import { TOKEN_PREFIX } from '../../accounts/access/tokens.ts';
import { Account } from '../../accounts/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { isId, newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { OAuthError } from './errors.ts';
import { OAuthClient, OAuthGrant, OAuthSecret } from './model.ts';

const ACCESS_MS = 3_600_000;
/** Since it was used last. */
const REFRESH_MS = 90 * 86_400_000;

type OAuthWork = Pick<Work, 'em' | 'now'>;

export interface Credentials {
  readonly clientId: string;
  /** '' where none was sent. */
  readonly secret: string;
}

/** A program that registered with a secret shows it. Throws `invalid_client`. */
export async function loadProvenClient({ em }: OAuthWork, { clientId, secret }: Credentials): Promise<OAuthClient> {
  const client = isId(clientId) ? await em.findOne(OAuthClient, { id: clientId }) : null;
  const isProven =
    client &&
    (client.secretHash == null
      ? secret === ''
      : timingSafeEqual(Buffer.from(hashSecret(secret)), Buffer.from(client.secretHash)));
  if (!client || !isProven)
    throw new OAuthError('invalid_client', 'There is no such client, or its secret is another.');
  return client;
}

export const TokenBody = z.discriminatedUnion('grant_type', [
  z.object({
    grant_type: z.literal('authorization_code'),
    code: z.string().max(200),
    redirect_uri: z.string().max(500),
    code_verifier: z.string().regex(/^[\w.~-]{43,128}$/),
  }),
  z.object({
    grant_type: z.literal('refresh_token'),
    refresh_token: z.string().max(200),
    scope: z.string().max(300).optional(),
  }),
]);

const refused = () => new OAuthError('invalid_grant', 'It is not good, or no longer, or not for this client.');

/** Tokens for a code or for a refresh token, each of which is good once. Throws `OAuthError`. */
export async function redeem(work: OAuthWork, client: OAuthClient, body: z.output<typeof TokenBody>): Promise<object> {
  const isCode = body.grant_type === 'authorization_code';
  const secret = await useOnce(work, client, isCode ? 'code' : 'refresh', isCode ? body.code : body.refresh_token);
  if (isCode) {
    const isProven = challengeOf(body.code_verifier) === secret.challenge && body.redirect_uri === secret.redirectUri;
    if (!isProven) {
      await revoke(work, secret.grant.$);
      throw refused();
    }
  }
  return issue(work, secret.grant.$);
}

const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url');

/**
 * Of two that come with the same secret, one is a thief, and nobody knows which: all that was allowed is taken back
 * (RFC 9700 2.1.1 and 4.14.2).
 */
async function useOnce({ em, now }: OAuthWork, client: OAuthClient, kind: OAuthSecret['kind'], text: string) {
  const hash = hashSecret(text);
  const secret = await em.findOne(OAuthSecret, { hash, kind }, { populate: ['grant', 'grant.token'] });
  if (!secret || secret.grant.$.client.id !== client.id) throw refused();
  const [mine] = await rows(em, 'update oauth_secret set used_at = ? where id = ? and used_at is null returning id', [
    now(),
    secret.id,
  ]);
  if (!mine) {
    await revoke({ em }, secret.grant.$);
    throw refused();
  }
  if (secret.expiresAt <= now()) throw refused();
  return secret;
}

async function issue({ em, now }: OAuthWork, { id, token }: OAuthGrant): Promise<object> {
  const at = now();
  const [access, refresh] = [TOKEN_PREFIX + randomToken(), randomToken()];
  return em.transactional(async (tx) => {
    // locked, so that taking it back waits until all of it is written, or comes before
    const row = await tx.findOne(ApiToken, { id: token.id }, { refresh: true, lockMode: LockMode.PESSIMISTIC_WRITE });
    const isActive = row && (await tx.count(Account, { id: row.account.id, state: 'active' })) > 0;
    if (!row || !isActive) throw refused();
    const expiresAt = new Date(at.getTime() + ACCESS_MS);
    Object.assign(row, { tokenHash: hashSecret(access), hint: access.slice(-4), expiresAt, lastUsedAt: at });
    tx.create(
      OAuthSecret,
      {
        ...{ id: newId(), grant: tx.getReference(OAuthGrant, id), kind: 'refresh', hash: hashSecret(refresh) },
        ...{ redirectUri: null, challenge: null, createdAt: at, expiresAt: new Date(at.getTime() + REFRESH_MS) },
      },
      { persist: true },
    );
    await tx.flush();
    await tx.nativeUpdate(OAuthGrant, { id, redeemedAt: null }, { redeemedAt: at });
    // marks of secrets that had run out anyway
    await tx.nativeDelete(OAuthSecret, { grant: id, expiresAt: { $lt: new Date(at.getTime() - ACCESS_MS) } });
    return {
      ...{ access_token: access, token_type: 'Bearer', expires_in: ACCESS_MS / 1_000 },
      ...{ refresh_token: refresh, scope: row.scopes.join(' ') },
    };
  });
}

/** The token goes, and the grant and its secrets with it. */
const revoke = ({ em }: Pick<Work, 'em'>, grant: OAuthGrant) => em.nativeDelete(ApiToken, { id: grant.token.id });

/** RFC 7009: either token ends all that was allowed; one that is not this program's, or no token at all, is fine. */
export async function revokeToken(work: OAuthWork, client: OAuthClient, text: string): Promise<void> {
  const hash = hashSecret(text);
  const grant =
    (await work.em.findOne(OAuthGrant, { client: client.id, token: { tokenHash: hash } })) ??
    (
      await work.em.findOne(
        OAuthSecret,
        { hash, kind: 'refresh', grant: { client: client.id } },
        { populate: ['grant'] },
      )
    )?.grant.$;
  if (grant) await revoke(work, grant);
}
