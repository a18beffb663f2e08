import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { sendAgain, sendTest } from '../../webhooks/announce.ts';
import {
  createWebhook,
  deleteWebhook,
  editWebhook,
  loadOwnWebhook,
  rotateSecret,
  WebhookForm,
} from '../../webhooks/edit.ts';
import { WEBHOOK_EVENTS } from '../../webhooks/kinds.ts';
import { DELIVERY_STATES } from '../../webhooks/model.ts';
import { listDeliveries, listWebhooks, type WebhookView, webhookView } from '../../webhooks/queries.ts';
import { SEND } from '../../webhooks/routes.ts';
import { ByUuid } from '../query.ts';
import { Done, done } from '../write/said.ts';

const group = 'Webhooks';
const scope = 'webhooks';

const Webhook = z.object({
  id: z.uuid(),
  url: z.string(),
  /** Of everybody on this node. */
  nodeWide: z.boolean(),
  events: z.array(z.enum(WEBHOOK_EVENTS)),
  /** Nobody took its messages; changing it switches it on again. */
  disabled: z.boolean(),
  /** Until then the secret before signs too. */
  bothUntil: z.iso.datetime().optional(),
});
const WithSecret = Webhook.extend({ secret: z.string() });

const said = ({ id, url, isNodeWide, events, isDisabled, bothUntil }: WebhookView): z.output<typeof Webhook> => ({
  ...{ id, url, nodeWide: isNodeWide, events: [...events], disabled: isDisabled },
  ...(bothUntil === '' ? {} : { bothUntil }),
});

const load = async ({ em, viewer, now }: OwnAsk, id: string) =>
  said(webhookView(await loadOwnWebhook(em, viewer, id), now()));

const fields = {
  url: z.url().max(2_048),
  events: z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length),
};
const NewWebhook = z.strictObject({ ...fields, nodeWide: z.boolean().default(false) });
const WebhookChange = z.strictObject({ ...fields, nodeWide: z.boolean() }).partial();

const formOf = ({ nodeWide, ...rest }: z.output<typeof NewWebhook>) =>
  checkForm({ ...rest, ...(nodeWide ? { isNodeWide: '1' } : {}) }, WebhookForm);

const Delivery = z.object({
  id: z.uuid(),
  messageId: z.string(),
  event: z.string(),
  state: z.enum(DELIVERY_STATES),
  attempts: z.int(),
  error: z.string(),
  /** As it was signed. */
  body: z.string(),
  createdAt: z.iso.datetime(),
});

const DELIVERY_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'post', path: '/webhooks/:id/test', name: 'testWebhook', group, scope, status: 202 },
    summary: 'Sends a message `webhook.test`; the deliveries say whether it arrived.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      ask.take(SEND);
      await sendTest(ask, ask.viewer, await loadOwnWebhook(ask.em, ask.viewer, params.id));
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/webhooks/:id/deliveries', name: 'listDeliveries', group, scope },
    summary: 'The newest fifty messages and what became of them. They are kept for 30 days.',
    ...{ params: ByUuid, answer: z.object({ items: z.array(Delivery) }) },
    run: async ({ em, viewer }, { params }) => {
      const { id } = await loadOwnWebhook(em, viewer, params.id);
      return { items: (await listDeliveries(em, id)).map(({ at, ...delivery }) => ({ ...delivery, createdAt: at })) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/webhooks/:id/deliveries/:delivery', name: 'sendAgain', group, scope, status: 202 },
    summary: 'Sends a message once more under the same id, also one that arrived.',
    ...{ params: ByUuid.extend({ delivery: z.uuid().toLowerCase() }), answer: Done },
    run: async (ask, { params }) => {
      ask.take(SEND);
      const webhook = await loadOwnWebhook(ask.em, ask.viewer, params.id);
      if (!(await sendAgain(ask, webhook, params.delivery)))
        throw new AppError('not_found', 'There is no such message, or it is on its way.');
      return done;
    },
  }),
];

export const WEBHOOK_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/webhooks', name: 'listWebhooks', group, scope },
    summary: 'Webhooks of one’s own, the newest first.',
    answer: z.object({ items: z.array(Webhook) }),
    run: async ({ em, viewer }) => ({ items: (await listWebhooks(em, viewer)).map(said) }),
  }),
  defineOwn({
    // without Idempotency-Key: what is answered under one is kept, and a secret is not
    ...{ method: 'post', path: '/webhooks', name: 'createWebhook', group, scope, status: 201 },
    summary: 'A new webhook. The answer alone holds its secret. `nodeWide` is for who runs the node.',
    ...{ body: NewWebhook, answer: WithSecret },
    run: async (ask, { body }) => {
      const { id, secret } = await createWebhook(ask, ask.viewer, formOf(body), ask.deps.secretKey);
      return { ...(await load(ask, id)), secret };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/webhooks/:id', name: 'getWebhook', group, scope },
    summary: 'A webhook of one’s own.',
    ...{ params: ByUuid, answer: Webhook },
    run: (ask, { params }) => load(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'patch', path: '/webhooks/:id', name: 'editWebhook', group, scope },
    summary: 'Changes where it sends and what it is told of, and switches it on again.',
    ...{ params: ByUuid, body: WebhookChange, answer: Webhook },
    run: async (ask, { params: { id }, body }) => {
      const { url, events, nodeWide } = await load(ask, id);
      await editWebhook(
        ask,
        ask.viewer,
        id,
        formOf({
          url: body.url ?? url,
          events: body.events ?? events,
          nodeWide: body.nodeWide ?? nodeWide,
        }),
      );
      return load(ask, id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/webhooks/:id/secret', name: 'rollWebhookSecret', group, scope },
    summary: 'A new secret, which the answer alone holds; the one before signs beside it for a day.',
    ...{ params: ByUuid, answer: WithSecret },
    run: async (ask, { params: { id } }) => {
      const secret = await rotateSecret(ask, ask.viewer, id, ask.deps.secretKey);
      return { ...(await load(ask, id)), secret };
    },
  }),
  ...DELIVERY_OPERATIONS,
  defineOwn({
    ...{ method: 'delete', path: '/webhooks/:id', name: 'deleteWebhook', group, scope },
    summary: 'Deletes it, and what it was told.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await deleteWebhook(ask, ask.viewer, params.id);
      return done;
    },
  }),
];
