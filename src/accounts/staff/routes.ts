import Router from '@koa/router';
import { z } from 'zod';
import { type FormState, idParam, readForm, readQuery, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { staffOnly } from '../access/guard.ts';
import { type AccountDeps, openDoor } from '../deps.ts';
import { ACCOUNT_STATES } from '../model.ts';
import { ROLES } from '../permissions.ts';
import { adminPage } from './admin-page.ts';
import {
  approveAccount,
  QuotaForm,
  RejectForm,
  reinstateAccount,
  rejectAccount,
  setQuota,
  suspendAccount,
} from './decide.ts';
import { GrantForm, grantPermission, revokeGrant } from './grant.ts';
import { adminNav } from './nav.ts';
import { type AccountAdminPage, listAccounts, listWaiting, loadAccountPage } from './queries.ts';
import { changeRole } from './roles.ts';

type Rows<List extends (...rest: never[]) => Promise<unknown>> = Awaited<ReturnType<List>>;

const accountsPage = adminPage<
  Rows<typeof listAccounts> & { query: string; state: string; states: readonly string[]; nextUrl: string }
>('accounts/admin/accounts');
const accountPage = adminPage<AccountAdminPage>('accounts/admin/account');
const waitingPage = adminPage<{ rows: Rows<typeof listWaiting> }>('accounts/admin/sign-ups');

const ListQuery = z.object({
  q: z.string().trim().max(100).catch('').default(''),
  state: z.string().max(30).catch('').default(''),
  before: z.coerce.number().pipe(z.int().positive()).nullable().catch(null).default(null),
});
const RoleForm = z.object({ role: z.enum(ROLES, 'There is no such role.') });

/** `/admin`: staff, each page and each act by its own permission, which the services ask for again. */
export function staffRoutes(deps: AccountDeps): Router<State> {
  const routes = new Router<State>();

  routes.get('/admin', staffOnly('manageSettings', 'moderateAccounts', 'approveSignUps', 'invite'), (ctx) => {
    const [first] = adminNav(ctx.state.work.viewer, ctx.path, deps.adminLinks).items;
    ctx.redirect(first?.href ?? '/');
  });

  routes.get('/admin/accounts', staffOnly('moderateAccounts'), async (ctx) => {
    const { q: query, state, before } = readQuery(ctx, ListQuery);
    const list = await listAccounts(ctx.state.work, { query, state, before });
    const next = new URLSearchParams({ q: query, state, before: String(list.nextBefore ?? '') });
    const nextUrl = list.nextBefore ? `/admin/accounts?${next}` : '';
    await accountsPage(ctx, deps, t('admin.accounts'), { ...list, query, state, states: ACCOUNT_STATES, nextUrl });
  });

  const showAccount = async (ctx: Ctx & { params: Record<string, string | undefined> }, form?: FormState) => {
    const now = await loadAccountPage(ctx.state.work, idParam(ctx));
    await accountPage(ctx, deps, `@${now.account.name}`, now, form);
  };

  routes.get('/admin/accounts/:id', staffOnly('moderateAccounts'), (ctx) => showAccount(ctx));

  // a moderator who tries it is refused by the service, which writes it down
  routes.post('/admin/accounts/:id/role', staffOnly('moderateAccounts', 'manageRoles'), async (ctx) => {
    const { role } = await readForm(ctx, RoleForm);
    await changeRole(ctx.state.work, idParam(ctx), role);
    ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=role`);
  });

  routes.post('/admin/accounts/:id/grants', staffOnly('moderateAccounts', 'manageRoles'), async (ctx) => {
    await submitForm(
      ctx,
      GrantForm,
      async (form) => {
        await grantPermission(ctx.state.work, idParam(ctx), form);
        ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=granted`);
      },
      (form) => showAccount(ctx, form),
    );
  });

  routes.post('/admin/accounts/:id/grants/removal', staffOnly('moderateAccounts', 'manageRoles'), async (ctx) => {
    const { permission } = await readForm(ctx, GrantForm.pick({ permission: true }));
    await revokeGrant(ctx.state.work, idParam(ctx), permission);
    ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=revoked`);
  });

  routes.post('/admin/accounts/:id/suspension', staffOnly('moderateAccounts'), async (ctx) => {
    await suspendAccount(ctx.state.work, idParam(ctx));
    ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=suspended`);
  });

  routes.post('/admin/accounts/:id/reinstatement', staffOnly('moderateAccounts'), async (ctx) => {
    await reinstateAccount(ctx.state.work, idParam(ctx));
    ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=reinstated`);
  });

  routes.post('/admin/accounts/:id/quota', staffOnly('manageSettings'), async (ctx) => {
    await submitForm(
      ctx,
      QuotaForm,
      async (form) => {
        await setQuota(ctx.state.work, idParam(ctx), form);
        ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=quota`);
      },
      (form) => showAccount(ctx, form),
    );
  });

  routes.get('/admin/sign-ups', staffOnly('approveSignUps'), async (ctx) => {
    await waitingPage(ctx, deps, t('admin.sign-ups'), { rows: await listWaiting(ctx.state.work) });
  });

  routes.post('/admin/sign-ups/:id/approval', staffOnly('approveSignUps'), async (ctx) => {
    await approveAccount(ctx.state.work, await openDoor(deps, ctx.state.work), idParam(ctx));
    ctx.redirect('/admin/sign-ups?said=approved');
  });

  routes.post('/admin/sign-ups/:id/rejection', staffOnly('approveSignUps'), async (ctx) => {
    const form = await readForm(ctx, RejectForm);
    await rejectAccount(ctx.state.work, await openDoor(deps, ctx.state.work), idParam(ctx), form);
    ctx.redirect('/admin/sign-ups?said=rejected');
  });

  return routes;
}
