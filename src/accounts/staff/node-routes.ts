import Router from '@koa/router';
import { type FormState, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { staffOnly } from '../access/guard.ts';
import type { AccountDeps } from '../deps.ts';
import { createInvite, InviteForm, listInvites, revokeInvite } from '../joining/invites.ts';
import { type NodeSettings, nodeSettings } from '../node-settings.ts';
import { adminPage } from './admin-page.ts';
import { editNode, NodeForm } from './node.ts';
import { discardMail, listOutbox } from './queries.ts';

type Rows<List extends (...rest: never[]) => Promise<unknown>> = Awaited<ReturnType<List>>;

const nodePage = adminPage<NodeSettings & { readonly ceiling: number }>('accounts/admin/node');
const invitesPage = adminPage<{ rows: Rows<typeof listInvites> }>('accounts/admin/invites');
const mailPage = adminPage<{ rows: Rows<typeof listOutbox>; isConnected: boolean }>('accounts/admin/mail');

/** `/admin/node`, `/admin/invites`, `/admin/mail`: staff, each by its own permission, which the services ask for again. */
export function nodeRoutes(deps: AccountDeps): Router<State> {
  const { settings, publicUrl, mailer } = deps;
  const routes = new Router<State>();

  const showNode = async (ctx: Ctx, form?: FormState) => {
    const node = await settings.read(ctx.state.work.em, nodeSettings);
    await nodePage(ctx, deps, t('admin.node'), { ...node, ceiling: (node.allowedLevels + 1) / 2 }, form);
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

  const showInvites = async (ctx: Ctx, form?: FormState) =>
    invitesPage(ctx, deps, t('admin.invites'), { rows: await listInvites(ctx.state.work, publicUrl) }, form);

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
    await mailPage(ctx, deps, t('admin.mail'), now);
  });

  routes.post('/admin/mail/:id/delete', staffOnly('owner'), async (ctx) => {
    await discardMail(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/admin/mail');
  });

  return routes;
}
