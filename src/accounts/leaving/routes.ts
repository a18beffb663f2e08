import Router from '@koa/router';
import { type FormState, submitForm } from '../../kit/web/forms.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { browserOnly, viewerIn } from '../access/guard.ts';
import { SESSION_COOKIE } from '../access/identify.ts';
import { type AccountDeps, openDoor } from '../deps.ts';
import { Login } from '../login.ts';
import { settingsPage } from '../settings-page.ts';
import { askToLeave, GRACE_DAYS, LeaveForm } from './leave.ts';

const dataPage = settingsPage<{ name: string; graceDays: number; quotaBytes: number }>('data');
const OWN_PASSWORD: Limit = { name: 'own-password', max: 10, perMs: 15 * 60_000 };

/** `/settings/data`: each member's own, in a browser. */
export function leavingRoutes(deps: AccountDeps): Router<State> {
  const { cookies, limits, defaultQuotaBytes } = deps;
  const routes = new Router<State>();

  const show = async (ctx: Ctx, form?: FormState) => {
    const login = await ctx.state.work.em.findOneOrFail(Login, viewerIn(ctx).id);
    const quotaBytes = login.quotaBytes ?? defaultQuotaBytes;
    dataPage(ctx, { name: viewerIn(ctx).name, graceDays: GRACE_DAYS, quotaBytes }, form, 'leave');
  };

  routes.get('/settings/data', browserOnly, (ctx) => show(ctx));

  routes.post('/settings/data/leave', browserOnly, async (ctx) => {
    limits.take(ctx, OWN_PASSWORD);
    await submitForm(
      ctx,
      LeaveForm,
      async (form) => {
        await askToLeave(ctx.state.work, await openDoor(deps, ctx.state.work), form);
        cookies.clear(ctx, SESSION_COOKIE);
        ctx.redirect('/sign-in?said=leaving');
      },
      (form) => show(ctx, form),
    );
  });

  return routes;
}
