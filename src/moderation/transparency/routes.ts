import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit, RateLimits } from '../../kit/web/rate-limit.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { csvOf } from './export.ts';
import { loadMonth, loadTransparency, type TransparencyDeps, type TransparencyPage } from './page.ts';

const transparencyPage = view<TransparencyPage>('moderation/transparency');

/** Each answer counts a year of decisions. */
const READ: Limit = { name: 'transparency', max: 120, perMs: 3_600_000 };
const FRESH = 'public, max-age=300';

/** `/transparency` and its months for programs: everybody. */
export function transparencyRoutes(deps: TransparencyDeps & { readonly limits: RateLimits }): Router<State> {
  const routes = new Router<State>();

  routes.get('/transparency', anyone, async (ctx) => {
    deps.limits.take(ctx, READ);
    const page = { title: t('transparency.title'), description: t('transparency.text') };
    transparencyPage(ctx, { ...(await loadTransparency(ctx.state.work, deps)), page });
  });

  routes.get('/transparency/:month.json', anyone, async (ctx) => {
    deps.limits.take(ctx, READ);
    ctx.body = await loadMonth(ctx.state.work, deps, String(ctx.params.month));
    ctx.set('Cache-Control', FRESH);
  });

  routes.get('/transparency/:month.csv', anyone, async (ctx) => {
    deps.limits.take(ctx, READ);
    const month = await loadMonth(ctx.state.work, deps, String(ctx.params.month));
    ctx.body = csvOf(month);
    ctx.type = 'text/csv; charset=utf-8';
    ctx.attachment(`transparency-${month.month}.csv`, { type: 'attachment' });
    ctx.set('Cache-Control', FRESH);
  });

  return routes;
}
