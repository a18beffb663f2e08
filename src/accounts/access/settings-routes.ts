import Router from '@koa/router';
import { type FormState, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type AccountDeps, openDoor } from '../deps.ts';
import { changeEmail, EmailForm } from '../joining/verify-email.ts';
import { Login } from '../login.ts';
import { loadOwnAccount } from '../profile/edit.ts';
import { SCOPE_NAMES } from '../scopes.ts';
import { settingsPage } from '../settings-page.ts';
import { browserOnly, viewerIn } from './guard.ts';
import { changePassword, PasswordForm } from './reset-password.ts';
import { endSessions, listSessions, revokeSession } from './sessions.ts';
import { deleteToken, issueToken, listTokens, TokenForm } from './tokens.ts';

const accountPage = settingsPage<{ name: string; email: string; isVerified: boolean; mailGoesOut: boolean }>('account');
const sessionsPage = settingsPage<{ sessions: Awaited<ReturnType<typeof listSessions>> }>('sessions');
interface TokensPage {
  readonly tokens: Awaited<ReturnType<typeof listTokens>>;
  readonly scopes: readonly { readonly value: string; readonly label: string; readonly hint: string }[];
  /** The secret of a token just made: shown this once. */
  readonly secret: string | null;
}
const tokensPage = settingsPage<TokensPage>('tokens');

const scopeChoices = () => SCOPE_NAMES.map((value) => ({ value, label: value, hint: t(`scope.${value}`) }));

/** Guesses at the password by whoever sits at a browser that somebody left open. */
const OWN_PASSWORD: Limit = { name: 'own-password', max: 10, perMs: 15 * 60_000 };

/** `/settings/account`, `/settings/sessions`, `/settings/tokens`: each member's own, in a browser. */
export function ownAccessRoutes(deps: AccountDeps): Router<State> {
  const { limits, mailer } = deps;
  const routes = new Router<State>();

  const showAccount = async (ctx: Ctx, form?: FormState, refused?: string) => {
    const { em } = ctx.state.work;
    const login = await em.findOneOrFail(Login, viewerIn(ctx).id);
    const isVerified = login.emailVerifiedAt != null;
    const now = { name: viewerIn(ctx).name, email: login.email, isVerified, mailGoesOut: mailer.isConnected };
    accountPage(ctx, now, form, refused);
  };

  routes.get('/settings/account', browserOnly, (ctx) => showAccount(ctx));

  routes.post('/settings/account/email', browserOnly, async (ctx) => {
    limits.take(ctx, OWN_PASSWORD);
    await submitForm(
      ctx,
      EmailForm,
      async (form) => {
        await changeEmail(ctx.state.work, await openDoor(deps, ctx.state.work), form);
        ctx.redirect('/settings/account?said=email');
      },
      (form) => showAccount(ctx, form, 'email'),
    );
  });

  routes.post('/settings/account/password', browserOnly, async (ctx) => {
    limits.take(ctx, OWN_PASSWORD);
    await submitForm(
      ctx,
      PasswordForm,
      async (form) => {
        await changePassword(ctx.state.work, await openDoor(deps, ctx.state.work), form, ctx.state.sessionId);
        ctx.redirect('/settings/account?said=password');
      },
      (form) => showAccount(ctx, form, 'password'),
    );
  });

  routes.get('/settings/sessions', browserOnly, async (ctx) => {
    sessionsPage(ctx, { sessions: await listSessions(ctx.state.work, ctx.state.sessionId) });
  });

  routes.post('/settings/sessions/:id/end', browserOnly, async (ctx) => {
    await revokeSession(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/settings/sessions?said=session');
  });

  routes.post('/settings/sessions/end-others', browserOnly, async (ctx) => {
    await endSessions(ctx.state.work, viewerIn(ctx).id, ctx.state.sessionId);
    ctx.redirect('/settings/sessions?said=sessions');
  });

  const showTokens = async (ctx: Ctx, secret: string | null, form?: FormState) =>
    tokensPage(ctx, { tokens: await listTokens(ctx.state.work), scopes: scopeChoices(), secret }, form, 'token');

  routes.get('/settings/tokens', browserOnly, (ctx) => showTokens(ctx, null));

  routes.post('/settings/tokens', browserOnly, async (ctx) => {
    await loadOwnAccount(ctx.state.work);
    await submitForm(
      ctx,
      TokenForm,
      async (form) => {
        const { secret } = await issueToken(ctx.state.work, form);
        // answered, not redirected: the secret is in no address and in no table
        await showTokens(ctx, secret);
      },
      (form) => showTokens(ctx, null, form),
    );
  });

  routes.post('/settings/tokens/:id/delete', browserOnly, async (ctx) => {
    await deleteToken(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/settings/tokens?said=token-deleted');
  });

  return routes;
}
