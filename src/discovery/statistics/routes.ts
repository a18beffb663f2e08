import type Router from '@koa/router';
import { membersOnly } from '../../accounts/access/guard.ts';
import { settingsPage } from '../../accounts/settings-page.ts';
import { readQuery } from '../../kit/web/forms.ts';
import type { RateLimits } from '../../kit/web/rate-limit.ts';
import type { State } from '../../kit/web/state.ts';
import { loadStatistics, type StatisticsPage, StatisticsQuery, writeStatisticsCsv } from './page.ts';

const statisticsPage = settingsPage<StatisticsPage>('statistics', 'discovery/statistics');

const READ = { name: 'statistics', max: 120, perMs: 60_000 };

/** `/settings/statistics`: what came of one's own work, for its owner alone. */
export function statisticsRoutes(routes: Router<State>, limits: RateLimits): void {
  routes.get('/settings/statistics', membersOnly, async (ctx) => {
    limits.take(ctx, READ);
    statisticsPage(ctx, await loadStatistics(ctx.state.work, readQuery(ctx, StatisticsQuery)));
  });

  routes.get('/settings/statistics.csv', membersOnly, async (ctx) => {
    limits.take(ctx, READ);
    ctx.body = await writeStatisticsCsv(ctx.state.work, readQuery(ctx, StatisticsQuery));
    ctx.type = 'text/csv; charset=utf-8';
    ctx.attachment('statistics.csv', { type: 'attachment' });
    ctx.set('Cache-Control', 'private, no-store');
  });
}
