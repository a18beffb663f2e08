import Router from '@koa/router';
import { anyone, staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { SentNotice } from './model.ts';
import { askLook, type CompliancePage, LookForm, loadCompliancePage } from './queries.ts';

const compliancePage = adminPage<CompliancePage>('federation/compliance');
const READS = { name: 'notice-case', max: 120, perMs: 60_000 };

/** `/moderation/takedowns/:id/peers` for moderators; `/notices/:id`, the opaque address in a notice, for who got one. */
export function noticeRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('moderateContent', 'decideSevere', 'decideRights', 'manageFederation');
  const show = async (ctx: Ctx, takedownId: string, form?: FormState) => {
    const page = await loadCompliancePage(ctx.state.work, takedownId);
    await compliancePage(ctx, { adminLinks }, t('notices.title'), page, form);
  };

  routes.get('/moderation/takedowns/:id/peers', staff, (ctx) => show(ctx, uuidParam(ctx)));
  routes.post('/moderation/takedowns/:id/peers/:peer/look', staff, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      LookForm,
      async (form) => {
        await askLook(ctx.state.work, federation, uuidParam(ctx, 'peer'), form);
        ctx.redirect(`/moderation/takedowns/${id}/peers?said=notice-look`);
      },
      (form) => show(ctx, id, form),
    );
  });

  routes.get('/notices/:id', anyone, async (ctx) => {
    federation.limits.take(ctx, READS);
    const notice = await ctx.state.work.em.findOne(SentNotice, uuidParam(ctx));
    if (!notice) throw new AppError('not_found', 'There is no such notice.');
    const { category, kind, effects, createdAt, respondBy, endedAt } = notice;
    ctx.set('Cache-Control', 'no-store');
    // what it is about stands in the notice itself, which went to those who had it
    ctx.body = { category, kind, effects, sent: createdAt, respondBy, ended: endedAt ?? null };
  });

  return routes;
}
