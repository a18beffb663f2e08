import { z } from 'zod';
import { hashSecret } from '../../accounts/access/secrets.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { OAuthError } from './errors.ts';
import { AUTH_METHODS, OAuthClient } from './model.ts';
import { isRedirectUri } from './redirects.ts';

/** RFC 7591 2; what else a program says of itself is not kept. */
export const Registration = z.object({
  client_name: z.string().trim().min(1).max(80).default('Unnamed app'),
  redirect_uris: z.array(z.string().max(500)).min(1).max(10),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).default('client_secret_basic'),
  grant_types: z
    .array(z.enum(['authorization_code', 'refresh_token']))
    .max(2)
    .optional(),
  response_types: z.array(z.literal('code')).max(1).optional(),
  scope: z.string().max(200).optional(),
});

/** Programs that nobody allowed anything are forgotten after a day. */
const UNUSED_MS = 86_400_000;
const MOST_CLIENTS = 10_000;

/** Anybody may; the caller limits how often. Throws `OAuthError`. */
export async function registerClient(
  { em, now }: Pick<Work, 'em' | 'now'>,
  said: z.output<typeof Registration>,
): Promise<object> {
  if (!said.redirect_uris.every(isRedirectUri)) {
    throw new OAuthError('invalid_redirect_uri', 'https, http on a loopback address, or a scheme with a dot in it.');
  }
  await rows(
    em,
    `delete from oauth_client where created_at < ? and not exists (select 1 from oauth_grant g where g.client_id = oauth_client.id)
     returning id`,
    [new Date(now().getTime() - UNUSED_MS)],
  );
  const [count] = await rows<{ n: unknown }>(em, 'select count(*) as n from oauth_client');
  if (toNumber(count?.n) >= MOST_CLIENTS) {
    throw new OAuthError('temporarily_unavailable', 'Too many programs registered today. Try again tomorrow.');
  }
  const authMethod = said.token_endpoint_auth_method;
  const secret = authMethod === 'none' ? null : randomToken();
  // names are shown to people: nothing in them that turns or hides letters
  const name = said.client_name.replace(/\p{C}/gu, '').trim() || 'Unnamed app';
  const client = em.create(
    OAuthClient,
    {
      ...{ id: newId(), name, redirectUris: said.redirect_uris, authMethod, createdAt: now() },
      secretHash: secret === null ? null : hashSecret(secret),
    },
    { persist: true },
  );
  await em.flush();
  return {
    client_id: client.id,
    client_id_issued_at: Math.floor(now().getTime() / 1_000),
    ...(secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    client_name: name,
    redirect_uris: said.redirect_uris,
    token_endpoint_auth_method: authMethod,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
}
