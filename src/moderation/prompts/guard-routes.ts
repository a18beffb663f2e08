import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { audited } from '../../kit/audit/append.ts';
import { type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { guardSettings } from '../../safety/settings.ts';
import type { ModerationDeps } from '../deps.ts';

type GuardNow = z.output<typeof guardSettings.schema>;
const guardPage = adminPage<GuardNow>('moderation/guard');

const whole = (low: number, high: number) => {
  const message = t('guard.number', { low, high });
  return z
    .string()
    .trim()
    .regex(/^\d{1,6}$/, message)
    .transform(Number)
    .pipe(z.int().min(low, message).max(high, message));
};

/** The bounds of `guardSettings`, as people type them. */
const GuardForm = z.object({
  refusalsBeforeFreeze: whole(1, 100),
  newAccountDays: whole(0, 365),
  photoPercent: whole(0, 100),
  sampleReviewRisk: whole(1, 100),
});

const HOME = '/admin/guard';

/** `/admin/guard`: how careful the node is, for who may manage settings. */
export function guardRoutes(deps: ModerationDeps): Router<State> {
  const { settings } = deps;
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');

  const show = async (ctx: Ctx, form?: FormState) => {
    await guardPage(ctx, deps, t('admin.guard'), await settings.read(ctx.state.work.em, guardSettings), form);
  };

  routes.get(HOME, staff, (ctx) => show(ctx));

  routes.post(HOME, staff, (ctx) =>
    submitForm(
      ctx,
      GuardForm,
      async (form) => {
        const { work } = ctx.state;
        await audited(work, async (em) => {
          const before = await settings.read(em, guardSettings);
          await settings.write(em, guardSettings, form, work.now());
          const subject = { kind: 'setting', id: guardSettings.name };
          return { result: null, entries: [{ action: 'setting.change', subject, before, after: form }] };
        });
        ctx.redirect(`${HOME}?said=guard`);
      },
      (form) => show(ctx, form),
    ),
  );

  return routes;
}
