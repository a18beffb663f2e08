import Router from '@koa/router';
import { EMPTY_FORM, type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { type AccountDeps, openDoor } from '../deps.ts';
import { saidPage } from '../said-page.ts';
import { anyone } from './guard.ts';
import { askForReset, ForgottenForm, loadReset, ResetForm, resetByLink } from './reset-password.ts';

const forgottenPage = view<FormState>('accounts/password-forgotten');
const resetPage = view<FormState & { readonly token: string }>('accounts/password-reset');

const BY_ADDRESS: Limit = { name: 'forgotten', max: 10, perMs: 3_600_000 };
/** Nobody's mailbox is filled by strangers. */
const BY_NAME: Limit = { name: 'forgotten-name', max: 3, perMs: 3_600_000 };

export const tokenOf = (ctx: Ctx): string => (typeof ctx.query.token === 'string' ? ctx.query.token : '');

/** Pages whose address holds a secret are kept by no cache and told to no other site. */
export function keepSecret(ctx: Ctx): void {
  ctx.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
}

export function passwordRoutes(deps: AccountDeps): Router<State> {
  const { limits } = deps;
  const routes = new Router<State>();

  const showForgotten = (ctx: Ctx, form: FormState) =>
    forgottenPage(ctx, { ...form, page: { title: t('forgotten.title'), noindex: true } });

  routes.get('/password/forgotten', anyone, (ctx) => showForgotten(ctx, EMPTY_FORM));

  routes.post('/password/forgotten', anyone, async (ctx) => {
    limits.take(ctx, BY_ADDRESS);
    await submitForm(
      ctx,
      ForgottenForm,
      async (form) => {
        limits.takeFor(`forgotten-name ${form.name.toLowerCase()}`, BY_NAME);
        const door = await openDoor(deps, ctx.state.work);
        await askForReset(ctx.state.work, door, form);
        const text = deps.mailer.isConnected ? t('forgotten.sent') : t('forgotten.sent-by-hand');
        saidPage(ctx, { title: t('forgotten.sent-title'), text, href: '/sign-in', label: t('sign-in.title') });
      },
      (form) => showForgotten(ctx, form),
    );
  });

  const showReset = (ctx: Ctx, form: FormState) => {
    keepSecret(ctx);
    resetPage(ctx, { ...form, token: tokenOf(ctx), page: { title: t('reset.title'), noindex: true } });
  };

  routes.get('/password/reset', anyone, async (ctx) => {
    await loadReset(ctx.state.work, tokenOf(ctx));
    showReset(ctx, EMPTY_FORM);
  });

  routes.post('/password/reset', anyone, async (ctx) => {
    limits.take(ctx, BY_ADDRESS);
    await submitForm(
      ctx,
      ResetForm,
      async (form) => {
        await resetByLink(ctx.state.work, await openDoor(deps, ctx.state.work), tokenOf(ctx), form);
        // not signed in at once: an app's code may still be due
        ctx.redirect('/sign-in?said=reset');
      },
      (form) => showReset(ctx, form),
    );
  });

  return routes;
}
