import type Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { OAUTH_SCOPES } from '../../accounts/scopes.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { readRawForm } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ApiDeps } from '../deps.ts';
import { readJson } from '../operation/read.ts';
import { OAuthError } from './errors.ts';
import { AUTH_METHODS } from './model.ts';
import { Registration, registerClient } from './register.ts';
import { type Credentials, loadProvenClient, redeem, revokeToken, TokenBody } from './token.ts';

/** By network: a program registers once. */
const REGISTER = { name: 'oauth-register', max: 20, perMs: 3_600_000 };
const TOKEN = { name: 'oauth-token', max: 300, perMs: 600_000 };

/** What programs ask, without a person: none of it leans on a cookie. */
export function programRoutes(routes: Router<State>, { limits, publicUrl: { origin } }: ApiDeps): void {
  routes.get('/.well-known/oauth-authorization-server', anyone, (ctx) => {
    ctx.set('Cache-Control', 'public, max-age=3600');
    ctx.body = metadataOf(origin);
  });

  routes.post('/oauth/register', anyone, (ctx) =>
    answer(ctx, async () => {
      limits.take(ctx, REGISTER);
      const said = Registration.safeParse(await readJson(ctx, 20_000));
      if (!said.success) {
        const issue = said.error.issues[0];
        throw new OAuthError('invalid_client_metadata', `${issue?.path.join('.')}: ${issue?.message}`);
      }
      ctx.body = await registerClient(ctx.state.work, said.data);
      ctx.status = 201;
    }),
  );

  routes.post('/oauth/token', anyone, (ctx) =>
    answer(ctx, async () => {
      limits.take(ctx, TOKEN);
      const form = await readRawForm(ctx);
      const client = await loadProvenClient(ctx.state.work, credentialsOf(ctx, form));
      if (!['authorization_code', 'refresh_token'].includes(String(form.grant_type))) {
        throw new OAuthError('unsupported_grant_type', 'grant_type is authorization_code or refresh_token.');
      }
      const body = TokenBody.safeParse(form);
      if (!body.success)
        throw new OAuthError('invalid_request', `${body.error.issues[0]?.path.join('.')} is not good.`);
      ctx.body = await redeem(ctx.state.work, client, body.data);
    }),
  );

  routes.post('/oauth/revoke', anyone, (ctx) =>
    answer(ctx, async () => {
      limits.take(ctx, TOKEN);
      const form = await readRawForm(ctx);
      const client = await loadProvenClient(ctx.state.work, credentialsOf(ctx, form));
      if (typeof form.token !== 'string') throw new OAuthError('invalid_request', 'token is missing.');
      await revokeToken(ctx.state.work, client, form.token);
      ctx.body = {};
    }),
  );
}

/** RFC 8414. */
const metadataOf = (origin: string) => ({
  issuer: origin,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  registration_endpoint: `${origin}/oauth/register`,
  revocation_endpoint: `${origin}/oauth/revoke`,
  scopes_supported: [...OAUTH_SCOPES],
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: [...AUTH_METHODS],
  revocation_endpoint_auth_methods_supported: [...AUTH_METHODS],
  authorization_response_iss_parameter_supported: true,
  service_documentation: `${origin}/api`,
});

/** By the header (RFC 6749 2.3.1) or in the form. */
function credentialsOf(ctx: Ctx, form: Readonly<Record<string, unknown>>): Credentials {
  const basic = /^basic +([\w+/=-]{1,800})$/i.exec(ctx.get('authorization'))?.[1];
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  if (!basic) return { clientId: text(form.client_id), secret: text(form.client_secret) };
  const [clientId = '', secret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':', 2);
  return { clientId: plain(clientId), secret: plain(secret) };
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return '';
  }
}

/** Refusals in the words of RFC 6749 5.2. */
async function answer(ctx: Ctx, act: () => Promise<void>): Promise<void> {
  ctx.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' });
  try {
    await act();
  } catch (error) {
    const failure = failureOf(error);
    if (!(error instanceof OAuthError) && failure.kind === 'internal') throw error;
    const code = error instanceof OAuthError ? error.code : failure.status === 429 ? 'slow_down' : 'invalid_request';
    const description = error instanceof OAuthError ? error.message : failure.message;
    ctx.status = error instanceof OAuthError ? (code === 'invalid_client' ? 401 : 400) : failure.status;
    if (code === 'invalid_client') ctx.set('WWW-Authenticate', 'Basic realm="oauth"');
    if (failure.retryAfterSeconds !== null) ctx.set('Retry-After', String(failure.retryAfterSeconds));
    ctx.body = { error: code, error_description: description };
  }
}
