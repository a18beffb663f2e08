import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../../accounts/access/guard.ts';
import { claimSettings } from '../../../accounts/claim-settings.ts';
import type { AdminLink } from '../../../accounts/deps.ts';
import { adminPage } from '../../../accounts/staff/admin-page.ts';
import { audited } from '../../../kit/audit/append.ts';
import { type FormState, submitForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { isTimeZone } from '../counter/business-days.ts';
import type { CaseDeps } from './deps.ts';

export const CLAIM_LINKS: readonly AdminLink[] = [
  { label: 'admin.claims', href: '/admin/claims', icon: 'scale', permission: 'manageSettings' },
];

const MOST_HOLIDAYS = 400;

const line = (max: number) => z.string().trim().max(max).default('');
const isDay = (text: string): boolean => {
  const date = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
};

const ClaimSettingsForm = z.object({
  contact: line(300),
  agent: line(1_000),
  ncii: line(300),
  jurisdiction: line(200),
  timeZone: z.string().trim().max(60).refine(isTimeZone, t('claims-admin.error-zone')),
  holidays: z
    .string()
    .max(20_000)
    .default('')
    .transform((text) => [...new Set(text.split(/[\s,]+/).filter((day) => day !== ''))].sort())
    .refine((days) => days.length <= MOST_HOLIDAYS && days.every(isDay), t('claims-admin.error-holidays')),
});

interface SettingsNow {
  readonly contact: string;
  readonly agent: string;
  readonly ncii: string;
  readonly jurisdiction: string;
  readonly timeZone: string;
  /** One a line. */
  readonly holidays: string;
  readonly zones: readonly string[];
}
const settingsPage = adminPage<SettingsNow>('moderation/cases/settings');

/** `/admin/claims`: who may manage settings. */
export function claimSettingsRoutes(deps: CaseDeps): Router<State> {
  const { settings } = deps.claims;
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');

  const show = async (ctx: Ctx, form?: FormState) => {
    const now = await settings.read(ctx.state.work.em, claimSettings);
    const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];
    await settingsPage(ctx, deps, t('admin.claims'), { ...now, holidays: now.holidays.join('\n'), zones }, form);
  };

  routes.get('/admin/claims', staff, (ctx) => show(ctx));

  routes.post('/admin/claims', staff, async (ctx) => {
    await submitForm(
      ctx,
      ClaimSettingsForm,
      async (form) => {
        const { work } = ctx.state;
        await audited(work, async (em) => {
          const before = await settings.read(em, claimSettings);
          await settings.write(em, claimSettings, form, work.now());
          const subject = { kind: 'setting', id: claimSettings.name };
          return { result: null, entries: [{ action: 'setting.change', subject, before, after: form }] };
        });
        ctx.redirect('/admin/claims?said=claims');
      },
      (form) => show(ctx, form),
    );
  });

  return routes;
}
