import type { EntityManager } from '@mikro-orm/core';
import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';
import { OF_THE_NODE, WEBHOOK_EVENTS, type WebhookEvent, webhookBit } from './kinds.ts';
import { type DELIVERY_STATES, Webhook, WebhookDelivery } from './model.ts';
import { messageIdOf } from './sign.ts';

export interface WebhookView {
  readonly id: string;
  readonly url: string;
  readonly isNodeWide: boolean;
  readonly events: readonly WebhookEvent[];
  readonly isDisabled: boolean;
  /** The secret before signs too, until then; '' when it does no more. */
  readonly bothUntil: string;
}

interface DeliveryView {
  readonly id: string;
  readonly messageId: string;
  readonly event: string;
  readonly state: (typeof DELIVERY_STATES)[number];
  readonly attempts: number;
  readonly error: string;
  readonly body: string;
  readonly at: string;
}

interface Choices {
  readonly events: readonly { readonly value: string; readonly label: string }[];
  readonly isOwner: boolean;
}
export interface WebhooksPage extends Choices {
  readonly webhooks: readonly WebhookView[];
}
export interface OnePage extends Choices {
  readonly webhook: WebhookView;
  readonly deliveries: readonly DeliveryView[];
  /** Shown once, when it was just made. */
  readonly secret: string | null;
}

export const eventChoices = (isOwner: boolean): Choices['events'] =>
  WEBHOOK_EVENTS.filter((event) => isOwner || !OF_THE_NODE.has(event)).map((value) => ({
    value,
    label: t(`webhooks.event.${value}`),
  }));

export const webhookView = (webhook: Webhook, now: Date): WebhookView => ({
  ...{ id: webhook.id, url: webhook.url, isNodeWide: webhook.isNodeWide },
  events: WEBHOOK_EVENTS.filter((event) => (webhook.events & webhookBit(event)) !== 0),
  isDisabled: webhook.disabledAt != null,
  bothUntil: webhook.previousUntil != null && webhook.previousUntil > now ? webhook.previousUntil.toISOString() : '',
});

export async function listWebhooks(em: EntityManager, viewer: Viewer): Promise<WebhookView[]> {
  const found = await em.find(Webhook, { account: viewer.id }, { orderBy: { createdAt: 'desc', id: 'desc' } });
  return found.map((webhook) => webhookView(webhook, new Date(0)));
}

const MOST_SHOWN = 50;

/** The newest first. */
export async function listDeliveries(em: EntityManager, webhookId: string): Promise<DeliveryView[]> {
  const newest = { orderBy: { createdAt: 'desc', id: 'desc' }, limit: MOST_SHOWN } as const;
  const found = await em.find(WebhookDelivery, { webhook: webhookId }, newest);
  return found.map(({ id, event, state, attempts, error, body, createdAt }) => ({
    ...{ id, messageId: messageIdOf(id), event, state, attempts, error, body, at: createdAt.toISOString() },
  }));
}
