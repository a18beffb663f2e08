import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { readQuery, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { closeReport, countOpenReports, listReports, type ReportRow, reopenReport } from '../reports.ts';

export const REPORT_LINKS: readonly AdminLink[] = [
  {
    ...{ label: 'admin.peer-reports', href: '/admin/peer-reports', icon: 'flag', permission: 'moderateContent' },
    count: countOpenReports,
  },
];

const ReportsQuery = z.object({
  show: z.enum(['open', 'closed']).catch('open'),
  before: z.uuid().nullable().default(null).catch(null),
});

interface ReportsNow {
  readonly show: 'open' | 'closed';
  readonly rows: readonly ReportRow[];
  readonly nextUrl: string;
}
const reportsPage = adminPage<ReportsNow>('federation/peer-reports');

/** `/admin/peer-reports`: what moderators of other servers told ours, who alone decide. */
export function reportRoutes(origin: string, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('moderateContent');
  routes.get('/admin/peer-reports', staff, async (ctx) => {
    const { show, before } = readQuery(ctx, ReportsQuery);
    const { rows, nextBefore } = await listReports(ctx.state.work, origin, { isClosed: show === 'closed', before });
    const nextUrl = nextBefore ? `/admin/peer-reports?show=${show}&before=${nextBefore}` : '';
    await reportsPage(ctx, { adminLinks }, t('admin.peer-reports'), { show, rows, nextUrl });
  });
  routes.post('/admin/peer-reports/:id/closure', staff, async (ctx) => {
    await closeReport(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/admin/peer-reports?said=report-closed');
  });
  routes.post('/admin/peer-reports/:id/closure/removal', staff, async (ctx) => {
    await reopenReport(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/admin/peer-reports?said=report-reopened');
  });
  return routes;
}
