import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../../accounts/access/guard.ts';
import { claimSettings, hasContact } from '../../../accounts/claim-settings.ts';
import type { AdminLink } from '../../../accounts/deps.ts';
import { adminPage } from '../../../accounts/staff/admin-page.ts';
import { audited } from '../../../kit/audit/append.ts';
import { type FormState, submitForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { addBusinessDays, type Calendar, dayIn, isBusinessDay, isTimeZone } from '../counter/business-days.ts';
import { NOT_AFTER, NOT_BEFORE } from '../counter/counter.ts';
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

/** An e-mail address or a link: what a claimant can use. */
const isReachable = (text: string): boolean =>
  text === '' || /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$/.test(text) || /^https?:\/\/[^\s/]+\.[^\s]+$/i.test(text);

const ClaimSettingsForm = z.object({
  contact: line(300).refine(isReachable, t('claims-admin.error-contact')),
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
  /** There or on the page of the node. */
  readonly hasContact: boolean;
  /** When what a counter-notice of now is about would come back, by the calendar as it is kept: ISO days. */
  readonly back: { readonly from: string; readonly until: string };
  /** The next days of the list, and whether they are business days without it. */
  readonly ahead: readonly { readonly day: string; readonly isFreeAnyway: boolean }[];
}
const settingsPage = adminPage<SettingsNow>('moderation/cases/settings');

const MOST_AHEAD = 6;

/** What the calendar comes to, so that a mistake in it shows before somebody waits for it. */
function previewOf(calendar: Calendar, now: Date): Pick<SettingsNow, 'back' | 'ahead'> {
  const dayAfter = (count: number) => dayIn(addBusinessDays(now, count, calendar), calendar.timeZone);
  const today = dayIn(now, calendar.timeZone);
  const ahead = calendar.holidays.filter((day) => day >= today).slice(0, MOST_AHEAD);
  return {
    back: { from: dayAfter(NOT_BEFORE), until: dayAfter(NOT_AFTER) },
    ahead: ahead.map((day) => ({ day, isFreeAnyway: !isBusinessDay(Date.parse(day), []) })),
  };
}

/** `/admin/claims`: who may manage settings. */
export function claimSettingsRoutes(deps: CaseDeps): Router<State> {
  const { settings } = deps.claims;
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');

  const show = async (ctx: Ctx, form?: FormState) => {
    const { em, now } = ctx.state.work;
    const kept = await settings.read(em, claimSettings);
    const page = {
      ...{ ...kept, holidays: kept.holidays.join('\n'), zones: ['UTC', ...Intl.supportedValuesOf('timeZone')] },
      hasContact: await hasContact(em, settings),
      ...previewOf(kept, now()),
    };
    await settingsPage(ctx, deps, t('admin.claims'), page, form);
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
