import Router from '@koa/router';
import { z } from 'zod';
import { anyone, staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { saidPage } from '../../accounts/said-page.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { EMPTY_FORM, type FormState, readForm, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit, RateLimits } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { Screening } from '../screening.ts';
import { ProtectedPerson } from './model.ts';
import { decideProtection, ProtectForm, requestProtection } from './registry.ts';

export const PROTECT_LINKS: readonly AdminLink[] = [
  {
    ...{ label: 'admin.protected', href: '/admin/protected-people', icon: 'shield', permission: 'moderateContent' },
    count: ({ em }) => em.count(ProtectedPerson, { state: 'requested' }),
  },
];

export interface PeopleDeps {
  readonly limits: RateLimits;
  readonly screening: Screening;
  readonly secretKey: string;
  readonly adminLinks: readonly AdminLink[];
}

interface AdminNow {
  readonly open: readonly {
    readonly id: string;
    readonly names: readonly string[];
    readonly note: string;
    readonly on: string;
  }[];
  readonly activeCount: number;
}

const protectPage = view<FormState>('safety/protect');
const peoplePage = adminPage<AdminNow>('safety/people');

const REQUESTS: Limit = { name: 'protect', max: 5, perMs: 86_400_000 };
const Decision = z.object({ outcome: z.enum(['active', 'refused']) });
const SHOWN = 100;

/** `/protect-me` is for everybody, with or without an account; the list is for moderators. */
export function peopleRoutes(deps: PeopleDeps): Router<State> {
  const { limits, screening, secretKey } = deps;
  const routes = new Router<State>();
  const staff = staffOnly('moderateContent');

  const show = (ctx: Ctx, form: FormState) => protectPage(ctx, { ...form, page: { title: t('protect.title') } });

  routes.get('/protect-me', anyone, (ctx) => show(ctx, EMPTY_FORM));
  routes.post('/protect-me', anyone, (ctx) =>
    submitForm(
      ctx,
      ProtectForm,
      async (form) => {
        limits.take(ctx, REQUESTS);
        await requestProtection(ctx.state.work, form);
        saidPage(ctx, { title: t('protect.title'), text: t('protect.sent'), href: '/', label: t('nav.feed') });
      },
      (form) => show(ctx, form),
    ),
  );

  routes.get('/admin/protected-people', staff, async (ctx) => {
    const { em } = ctx.state.work;
    const open = await em.find(ProtectedPerson, { state: 'requested' }, { orderBy: { id: 1 }, limit: SHOWN });
    const now: AdminNow = {
      open: open.map(({ id, names, note, createdAt }) => ({
        ...{ id, names: (names ?? '').split('\n'), note: note ?? '' },
        on: createdAt.toISOString().slice(0, 10),
      })),
      activeCount: await em.count(ProtectedPerson, { state: 'active' }),
    };
    await peoplePage(ctx, deps, t('admin.protected'), now);
  });
  routes.post('/admin/protected-people/:id', staff, async (ctx) => {
    const { outcome } = await readForm(ctx, Decision);
    await decideProtection(ctx.state.work, secretKey, uuidParam(ctx), outcome);
    screening.forget();
    ctx.redirect(`/admin/protected-people?said=protected-${outcome}`);
  });
  return routes;
}
