import Router from '@koa/router';
import { z } from 'zod';
import {
  EMPTY_FORM,
  type FormState,
  idParam,
  readForm,
  readQuery,
  submitForm,
  uuidParam,
} from '../../kit/web/forms.ts';
import { hasMessage, t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { staffOnly } from '../access/guard.ts';
import { type AccountDeps, openDoor } from '../deps.ts';
import { createInvite, InviteForm, listInvites, revokeInvite } from '../joining/invites.ts';
import { ACCOUNT_STATES } from '../model.ts';
import { type NodeSettings, nodeSettings } from '../node-settings.ts';
import { ROLES } from '../permissions.ts';
import {
  approveAccount,
  QuotaForm,
  RejectForm,
  reinstateAccount,
  rejectAccount,
  setQuota,
  suspendAccount,
} from './decide.ts';
import { adminNav, type SideNav } from './nav.ts';
import { editNode, NodeForm } from './node.ts';
import {
  type AccountAdminPage,
  countWaiting,
  discardMail,
  listAccounts,
  listOutbox,
  listWaiting,
  loadAccountPage,
} from './queries.ts';
import { changeRole } from './roles.ts';

interface AdminPage<Props> {
  readonly sideNav: SideNav;
  readonly form: FormState;
  readonly said: string | null;
  readonly now: Props;
}
type Rows<List extends (...rest: never[]) => Promise<unknown>> = Awaited<ReturnType<List>>;

const nodePage = view<AdminPage<NodeSettings & { readonly ceiling: number }>>('accounts/admin/node');
const accountsPage =
  view<
    AdminPage<Rows<typeof listAccounts> & { query: string; state: string; states: readonly string[]; nextUrl: string }>
  >('accounts/admin/accounts');
const accountPage = view<AdminPage<AccountAdminPage>>('accounts/admin/account');
const waitingPage = view<AdminPage<{ rows: Rows<typeof listWaiting> }>>('accounts/admin/sign-ups');
const invitesPage = view<AdminPage<{ rows: Rows<typeof listInvites> }>>('accounts/admin/invites');
const mailPage = view<AdminPage<{ rows: Rows<typeof listOutbox>; isConnected: boolean }>>('accounts/admin/mail');

const ListQuery = z.object({
  q: z.string().trim().max(100).catch('').default(''),
  state: z.string().max(30).catch('').default(''),
  before: z.coerce.number().pipe(z.int().positive()).nullable().catch(null).default(null),
});
const RoleForm = z.object({ role: z.enum(ROLES, 'There is no such role.') });

/** `/admin`: staff, each page and each act by its own permission, which the services ask for again. */
export function staffRoutes(deps: AccountDeps): Router<State> {
  const { settings, publicUrl, mailer } = deps;
  const routes = new Router<State>();

  /** What all admin pages have around them. */
  const frame = async <Props>(ctx: Ctx, title: string, now: Props, form: FormState = EMPTY_FORM) => {
    const key = `admin.said-${String(ctx.query.said ?? '')}`;
    return {
      sideNav: adminNav(ctx.state.work.viewer, ctx.path, deps.adminLinks, await countWaiting(ctx.state.work)),
      form,
      said: hasMessage(key) ? t(key) : null,
      now,
      page: { title, noindex: true },
    };
  };

  routes.get('/admin', staffOnly('manageSettings', 'moderateAccounts', 'approveSignUps', 'invite'), (ctx) => {
    const [first] = adminNav(ctx.state.work.viewer, ctx.path, deps.adminLinks).items;
    ctx.redirect(first?.href ?? '/');
  });

  const showNode = async (ctx: Ctx, form?: FormState) => {
    const node = await settings.read(ctx.state.work.em, nodeSettings);
    nodePage(ctx, await frame(ctx, t('admin.node'), { ...node, ceiling: (node.allowedLevels + 1) / 2 }, form));
  };

  routes.get('/admin/node', staffOnly('manageSettings'), (ctx) => showNode(ctx));

  routes.post('/admin/node', staffOnly('manageSettings'), async (ctx) => {
    await submitForm(
      ctx,
      NodeForm,
      async (form) => {
        await editNode(ctx.state.work, settings, form);
        ctx.redirect('/admin/node?said=node');
      },
      (form) => showNode(ctx, form),
    );
  });

  routes.get('/admin/accounts', staffOnly('moderateAccounts'), async (ctx) => {
    const { q: query, state, before } = readQuery(ctx, ListQuery);
    const list = await listAccounts(ctx.state.work, { query, state, before });
    const next = new URLSearchParams({ q: query, state, before: String(list.nextBefore ?? '') });
    const nextUrl = list.nextBefore ? `/admin/accounts?${next}` : '';
    accountsPage(
      ctx,
      await frame(ctx, t('admin.accounts'), { ...list, query, state, states: ACCOUNT_STATES, nextUrl }),
    );
  });

  const showAccount = async (ctx: Ctx & { params: Record<string, string | undefined> }, form?: FormState) => {
    const now = await loadAccountPage(ctx.state.work, idParam(ctx));
    accountPage(ctx, await frame(ctx, `@${now.account.name}`, now, form));
  };

  routes.get('/admin/accounts/:id', staffOnly('moderateAccounts'), (ctx) => showAccount(ctx));

  routes.post('/admin/accounts/:id/role', staffOnly('manageRoles'), async (ctx) => {
    const { role } = await readForm(ctx, RoleForm);
    await changeRole(ctx.state.work, idParam(ctx), role);
    ctx.redirect(`/admin/accounts/${idParam(ctx)}?said=role`);
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
    waitingPage(ctx, await frame(ctx, t('admin.sign-ups'), { rows: await listWaiting(ctx.state.work) }));
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

  const showInvites = async (ctx: Ctx, form?: FormState) =>
    invitesPage(
      ctx,
      await frame(ctx, t('admin.invites'), { rows: await listInvites(ctx.state.work, publicUrl) }, form),
    );

  routes.get('/admin/invites', staffOnly('invite'), (ctx) => showInvites(ctx));

  routes.post('/admin/invites', staffOnly('invite'), async (ctx) => {
    await submitForm(
      ctx,
      InviteForm,
      async (form) => {
        await createInvite(ctx.state.work, form);
        ctx.redirect('/admin/invites?said=invited');
      },
      (form) => showInvites(ctx, form),
    );
  });

  routes.post('/admin/invites/:id/delete', staffOnly('invite'), async (ctx) => {
    await revokeInvite(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/admin/invites?said=uninvited');
  });

  routes.get('/admin/mail', staffOnly('owner'), async (ctx) => {
    const now = { rows: await listOutbox(ctx.state.work), isConnected: mailer.isConnected };
    mailPage(ctx, await frame(ctx, t('admin.mail'), now));
  });

  routes.post('/admin/mail/:id/delete', staffOnly('owner'), async (ctx) => {
    await discardMail(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/admin/mail');
  });

  return routes;
}
