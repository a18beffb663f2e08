import Router from '@koa/router';
import { browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { settingsPage } from '../../accounts/settings-page.ts';
import { type FormState, submitForm, uuidParam } from '../../kit/web/forms.ts';
import type { Limit, RateLimits } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { sendAgain, sendTest } from './announce.ts';
import {
  createWebhook,
  deleteWebhook,
  editWebhook,
  loadOwnWebhook,
  rotateSecret,
  runsTheNode,
  WebhookForm,
} from './edit.ts';
import { eventChoices, listDeliveries, listWebhooks, type OnePage, type WebhooksPage, webhookView } from './queries.ts';

export interface WebhookDeps {
  readonly limits: RateLimits;
  readonly secretKey: string;
}

const webhooksPage = settingsPage<WebhooksPage>('webhooks');
const onePage = settingsPage<OnePage>('webhooks', 'webhook');

export const SEND: Limit = { name: 'webhook-send', max: 60, perMs: 3_600_000 };

/** `/settings/webhooks`: each member's own, in a browser. */
export function webhookRoutes({ limits, secretKey }: WebhookDeps): Router<State> {
  const routes = new Router<State>();

  const showAll = async (ctx: Ctx, form?: FormState) => {
    const viewer = viewerIn(ctx);
    const isOwner = runsTheNode(viewer);
    const webhooks = await listWebhooks(ctx.state.work.em, viewer);
    webhooksPage(ctx, { webhooks, events: eventChoices(isOwner), isOwner }, form);
  };
  const showOne = async (ctx: Ctx, id: string, secret: string | null, form?: FormState) => {
    const { em, now } = ctx.state.work;
    const viewer = viewerIn(ctx);
    const webhook = await loadOwnWebhook(em, viewer, id);
    const isOwner = runsTheNode(viewer);
    const deliveries = await listDeliveries(em, webhook.id);
    onePage(
      ctx,
      { webhook: webhookView(webhook, now()), deliveries, events: eventChoices(isOwner), isOwner, secret },
      form,
    );
  };

  routes.get('/settings/webhooks', browserOnly, (ctx) => showAll(ctx));

  routes.post('/settings/webhooks', browserOnly, (ctx) =>
    submitForm(
      ctx,
      WebhookForm,
      async (form) => {
        const { id, secret } = await createWebhook(ctx.state.work, viewerIn(ctx), form, secretKey);
        // answered, not redirected: the secret is in no address and, unsealed, in no table
        await showOne(ctx, id, secret);
      },
      (form) => showAll(ctx, form),
    ),
  );

  routes.get('/settings/webhooks/:id', browserOnly, (ctx) => showOne(ctx, uuidParam(ctx), null));

  routes.post('/settings/webhooks/:id', browserOnly, (ctx) =>
    submitForm(
      ctx,
      WebhookForm,
      async (form) => {
        await editWebhook(ctx.state.work, viewerIn(ctx), uuidParam(ctx), form);
        ctx.redirect(`/settings/webhooks/${uuidParam(ctx)}?said=webhook`);
      },
      (form) => showOne(ctx, uuidParam(ctx), null, form),
    ),
  );

  routes.post('/settings/webhooks/:id/secret', browserOnly, async (ctx) =>
    showOne(ctx, uuidParam(ctx), await rotateSecret(ctx.state.work, viewerIn(ctx), uuidParam(ctx), secretKey)),
  );

  routes.post('/settings/webhooks/:id/test', browserOnly, async (ctx) => {
    limits.take(ctx, SEND);
    const viewer = viewerIn(ctx);
    await sendTest(ctx.state.work, viewer, await loadOwnWebhook(ctx.state.work.em, viewer, uuidParam(ctx)));
    ctx.redirect(`/settings/webhooks/${uuidParam(ctx)}?said=webhook-sent`);
  });

  routes.post('/settings/webhooks/:id/deliveries/:delivery', browserOnly, async (ctx) => {
    limits.take(ctx, SEND);
    const webhook = await loadOwnWebhook(ctx.state.work.em, viewerIn(ctx), uuidParam(ctx));
    await sendAgain(ctx.state.work, webhook, uuidParam(ctx, 'delivery'));
    ctx.redirect(`/settings/webhooks/${webhook.id}?said=webhook-sent`);
  });

  routes.post('/settings/webhooks/:id/removal', browserOnly, async (ctx) => {
    await deleteWebhook(ctx.state.work, viewerIn(ctx), uuidParam(ctx));
    ctx.redirect('/settings/webhooks?said=webhook-deleted');
  });

  return routes;
}
