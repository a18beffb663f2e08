import { z } from 'zod';
import { ApiToken } from '../../accounts/access/model.ts';
import { hashSecret } from '../../accounts/access/secrets.ts';
import { Account } from '../../accounts/model.ts';
import { OAUTH_SCOPES, type OAuthScope } from '../../accounts/scopes.ts';
import { AppError } from '../../kit/errors.ts';
import { isId, newId, randomToken } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { OAuthClient, OAuthGrant, OAuthSecret } from './model.ts';
import { matchesRedirect } from './redirects.ts';

/** RFC 9700 asks for minutes at most; a redirect takes a second. */
const CODE_MS = 60_000;
const MOST_APPS = 50;

const one = (most: number) => z.string().max(most).optional().catch(undefined);
/** As the program sent it; a name that stands twice is as if it did not (RFC 6749 3.1). */
export const AuthorizeQuery = z.object({
  response_type: one(40),
  client_id: one(60),
  redirect_uri: one(500),
  scope: one(300),
  state: one(1_000),
  code_challenge: one(200),
  code_challenge_method: one(20),
});
export type AuthorizeQuery = z.output<typeof AuthorizeQuery>;

export interface Authorization {
  readonly client: OAuthClient;
  readonly redirectUri: string;
  readonly state: string | undefined;
  readonly scopes: readonly OAuthScope[];
  readonly challenge: string;
}

/** Who asks, and where its answer may go. Throws `invalid`, for the person: such an answer goes nowhere (RFC 9700 4.11). */
export async function loadClient(
  { em }: Pick<Work, 'em'>,
  { client_id: id = '', redirect_uri: redirectUri = '' }: AuthorizeQuery,
): Promise<{ client: OAuthClient; redirectUri: string }> {
  const client = isId(id) ? await em.findOne(OAuthClient, { id }) : null;
  if (!client) throw new AppError('invalid', t('oauth.no-client'));
  if (!client.redirectUris.some((registered) => matchesRedirect(registered, redirectUri))) {
    throw new AppError('invalid', t('oauth.no-redirect'));
  }
  return { client, redirectUri };
}

/**
 * The rest of the request. Throws `invalid`, which the person is told and not the program: anybody can register one, and
 * a refusal that goes to its address unasked would lead people from here to anywhere (RFC 9700 4.11.2).
 */
export function readAuthorization(query: AuthorizeQuery): Pick<Authorization, 'state' | 'scopes' | 'challenge'> {
  if (query.response_type !== 'code') throw new AppError('invalid', t('oauth.wrong', { what: 'response_type' }));
  if (query.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(query.code_challenge ?? '')) {
    throw new AppError('invalid', t('oauth.wrong', { what: 'code_challenge (PKCE, S256)' }));
  }
  const asked = (query.scope ?? 'read').split(' ').filter((name) => name !== '');
  const scopes = OAUTH_SCOPES.filter((scope) => asked.includes(scope));
  if (scopes.length === 0 || asked.some((name) => !OAUTH_SCOPES.some((scope) => scope === name))) {
    throw new AppError('invalid', t('oauth.wrong', { what: 'scope' }));
  }
  return { state: query.state, scopes, challenge: query.code_challenge ?? '' };
}

/** The person said yes. Returns the code for the program, good once and for a minute. */
export async function allow(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  { client, redirectUri, scopes, challenge }: Authorization,
): Promise<string> {
  const code = randomToken();
  const at = now();
  await em.transactional(async (tx) => {
    await dropUnredeemed(tx, viewer.id, at);
    if ((await tx.count(ApiToken, { account: viewer.id, kind: 'app' })) >= MOST_APPS) {
      throw new AppError('conflict', t('oauth.too-many'));
    }
    const token = tx.create(ApiToken, {
      ...{ id: newId(), account: tx.getReference(Account, viewer.id), kind: 'app', label: client.name.slice(0, 60) },
      // of no secret that anybody has, until the code is redeemed
      ...{ tokenHash: hashSecret(randomToken()), hint: '', scopes: [...scopes], createdAt: at, expiresAt: at },
    });
    const grant = tx.create(OAuthGrant, {
      ...{ id: newId(), token, client: tx.getReference(OAuthClient, client.id), redeemedAt: null, createdAt: at },
    });
    tx.create(
      OAuthSecret,
      {
        ...{ id: newId(), grant, kind: 'code', hash: hashSecret(code), redirectUri, challenge, createdAt: at },
        expiresAt: new Date(at.getTime() + CODE_MS),
      },
      { persist: true },
    );
    await tx.flush();
  });
  return code;
}

/** Of codes that were never fetched nothing stays. */
async function dropUnredeemed(em: Work['em'], accountId: number, now: Date): Promise<void> {
  const stale = await em.find(OAuthGrant, {
    token: { account: accountId },
    redeemedAt: null,
    createdAt: { $lt: new Date(now.getTime() - CODE_MS) },
  });
  await em.nativeDelete(ApiToken, { id: { $in: stale.map(({ token }) => token.id) } });
}

/** The address of the program with the answer in its query; `iss` says whose answer it is (RFC 9207). */
export function answerUrl(redirectUri: string, issuer: string, answer: Readonly<Record<string, string | undefined>>) {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries({ ...answer, iss: issuer })) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}
