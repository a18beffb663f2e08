import Router from '@koa/router';
import { staffOnly } from '../accounts/access/guard.ts';
import type { AdminLink } from '../accounts/deps.ts';
import { adminPage } from '../accounts/staff/admin-page.ts';
import { rows, toNumber } from '../kit/database/sql.ts';
import type { Settings } from '../kit/settings.ts';
import { type FormState, submitForm } from '../kit/web/forms.ts';
import { t } from '../kit/web/messages.ts';
import type { Ctx, State } from '../kit/web/state.ts';
import type { Work } from '../kit/work.ts';
import { GrantForm, grantCredits } from './grant.ts';
import { CreditSettings, creditSettings } from './settings.ts';

export const CREDIT_LINKS: readonly AdminLink[] = [
  { label: 'admin.credits', href: '/admin/credits', icon: 'coins', permission: 'manageSettings' },
];

const NUMBERS = Object.keys(CreditSettings.shape).filter((name) => name !== 'isOn') as Exclude<
  keyof CreditSettings,
  'isOn'
>[];

interface Figures {
  readonly peopleCount: number;
  readonly inPurses: number;
  readonly inEscrow: number;
}

interface AdminCredits extends Figures {
  readonly isOn: boolean;
  readonly fields: readonly { readonly name: string; readonly value: number }[];
  /** Which of the two forms was refused. */
  readonly refused: 'settings' | 'grant' | '';
}
const creditsPage = adminPage<AdminCredits>('economy/admin-credits');

export interface AdminDeps {
  readonly settings: Settings;
  readonly adminLinks: readonly AdminLink[];
}

/** `/admin/credits`: what credits are worth here, and giving some. For those who may change settings. */
export function creditAdminRoutes({ settings, adminLinks }: AdminDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');

  async function show(ctx: Ctx, refused: AdminCredits['refused'] = '', form?: FormState): Promise<void> {
    const { work } = ctx.state;
    const values = await settings.read(work.em, creditSettings);
    const fields = NUMBERS.map((name) => ({ name, value: values[name] }));
    const now = { ...(await loadFigures(work)), isOn: values.isOn, fields, refused };
    await creditsPage(ctx, { adminLinks }, t('admin.credits'), now, form);
  }

  routes.get('/admin/credits', staff, (ctx) => show(ctx));

  routes.post('/admin/credits', staff, (ctx) =>
    submitForm(
      ctx,
      CreditSettings,
      async (form) => {
        const { em, now } = ctx.state.work;
        await settings.write(em, creditSettings, form, now());
        await em.flush();
        ctx.redirect('/admin/credits?said=credits-saved');
      },
      (form) => show(ctx, 'settings', form),
    ),
  );

  routes.post('/admin/credits/grants', staff, (ctx) =>
    submitForm(
      ctx,
      GrantForm,
      async (form) => {
        await grantCredits(ctx.state.work, form);
        ctx.redirect('/admin/credits?said=credits-granted');
      },
      (form) => show(ctx, 'grant', form),
    ),
  );

  return routes;
}

async function loadFigures({ em }: Pick<Work, 'em'>): Promise<Figures> {
  const found = await rows<{ kind: string; n: unknown; total: unknown }>(
    em,
    `select kind, count(*) as n, coalesce(sum(balance), 0) as total from credit_account
     where kind <> 'node' and balance > 0 group by kind`,
  );
  const of = (kind: string) => found.find((row) => row.kind === kind);
  return {
    peopleCount: toNumber(of('person')?.n),
    inPurses: toNumber(of('person')?.total),
    inEscrow: toNumber(of('escrow')?.total),
  };
}
