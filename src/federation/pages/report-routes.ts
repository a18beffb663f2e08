import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { type FormState, readForm, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { FlagForm, listSentFlags, type SentFlagRow, sendFlag } from '../flags/send.ts';
import { closeReport, countOpenReports, listReports, OutcomeForm, type ReportRow, reopenReport } from '../reports.ts';

export const REPORT_LINKS: readonly AdminLink[] = [
  {
    ...{ label: 'admin.peer-reports', href: '/admin/peer-reports', icon: 'flag', permission: 'moderateContent' },
    count: countOpenReports,
  },
];

const ReportsQuery = z.object({
  show: z.enum(['open', 'closed', 'sent']).catch('open'),
  before: z.uuid().nullable().default(null).catch(null),
});

interface ReportsNow {
  readonly show: 'open' | 'closed' | 'sent';
  readonly rows: readonly ReportRow[];
  readonly sent: readonly SentFlagRow[];
  readonly nextUrl: string;
}
const reportsPage = adminPage<ReportsNow>('federation/peer-reports');

/** `/admin/peer-reports`: what moderators of other servers told ours, who alone decide. */
export function reportRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('moderateContent');
  const showReports = async (ctx: Ctx, form?: FormState) => {
    const query = readQuery(ctx, ReportsQuery);
    const [show, { before }] = [form ? 'sent' : query.show, query];
    const { work } = ctx.state;
    const { rows, nextBefore } =
      show === 'sent'
        ? { rows: [], nextBefore: null }
        : await listReports(work, federation.origin, { isClosed: show === 'closed', before });
    const sent = show === 'sent' ? await listSentFlags(work) : [];
    const nextUrl = nextBefore ? `/admin/peer-reports?show=${show}&before=${nextBefore}` : '';
    await reportsPage(ctx, { adminLinks }, t('admin.peer-reports'), { show, rows, sent, nextUrl }, form);
  };
  routes.get('/admin/peer-reports', staff, (ctx) => showReports(ctx));
  routes.post('/admin/peer-reports/sent', staff, async (ctx) => {
    await submitForm(
      ctx,
      FlagForm,
      async ({ uri, comment, code }) => {
        await sendFlag(ctx.state.work, federation, { targets: [uri], comment, code });
        ctx.redirect('/admin/peer-reports?show=sent&said=report-sent');
      },
      (form) => showReports(ctx, form),
    );
  });
  routes.post('/admin/peer-reports/:id/closure', staff, async (ctx) => {
    const { outcome } = await readForm(ctx, OutcomeForm);
    await closeReport(ctx.state.work, federation, uuidParam(ctx), outcome);
    ctx.redirect('/admin/peer-reports?said=report-closed');
  });
  routes.post('/admin/peer-reports/:id/closure/removal', staff, async (ctx) => {
    await reopenReport(ctx.state.work, federation, uuidParam(ctx));
    ctx.redirect('/admin/peer-reports?said=report-reopened');
  });
  return routes;
}
