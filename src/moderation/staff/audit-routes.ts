import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { type AuditState, auditState } from '../../kit/audit/state.ts';
import { readQuery } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import type { ModerationDeps } from '../deps.ts';
import { type AuditRow, listAudit, listAuditRoots } from './audit-list.ts';
import { checkAuditSoon } from './audit-watch.ts';

interface AuditNow {
  readonly rows: readonly AuditRow[];
  readonly filter: { readonly action: string; readonly subject: string; readonly actor: string };
  readonly nextUrl: string;
  readonly roots: Awaited<ReturnType<typeof listAuditRoots>>;
  readonly state: AuditState;
}
const auditPage = adminPage<AuditNow>('moderation/audit');

const AuditQuery = z.object({
  action: z.string().trim().max(80).catch('').default(''),
  subject: z.string().trim().max(160).catch('').default(''),
  actor: z.string().trim().max(64).catch('').default(''),
  before: z.coerce.number().pipe(z.int().positive()).nullable().catch(null).default(null),
});

/** `/moderation/audit`: those who may read the log. */
export function auditRoutes(deps: ModerationDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('readAudit');

  routes.get('/moderation/audit', staff, async (ctx) => {
    const { work } = ctx.state;
    const { before, ...filter } = readQuery(ctx, AuditQuery);
    const { rows, nextBefore } = await listAudit(work, { ...filter, before });
    const next = new URLSearchParams({ ...filter, before: String(nextBefore ?? '') });
    const nextUrl = nextBefore ? `/moderation/audit?${next}` : '';
    const state = await deps.settings.read(work.em, auditState);
    const roots = await listAuditRoots(work.em);
    await auditPage(ctx, deps, t('admin.audit'), { rows, filter, nextUrl, roots, state });
  });

  routes.post('/moderation/audit/verification', staff, async (ctx) => {
    await checkAuditSoon(ctx.state.work);
    ctx.redirect('/moderation/audit?said=audit-checking');
  });

  return routes;
}
