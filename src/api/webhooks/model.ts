import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

/** An address of somebody's own that is told of what happens, signed (Standard Webhooks). */
export const Webhook = defineEntity({
  name: 'Webhook',
  indexes: [{ properties: ['isNodeWide'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade').index(),
    /** Of all that happens here, for who runs the node; else of its account's own things. */
    isNodeWide: p.boolean().default(false),
    url: p.string().length(2048),
    /** Bits of WEBHOOK_EVENTS. */
    events: p.integer(),
    /** Sealed: it signs, so it must be read again. */
    secret: p.string().length(300),
    /** The one before, which signs beside it until then. */
    previousSecret: p.string().length(300).nullable(),
    previousUntil: p.datetime().nullable(),
    /** Messages in a row that could not be delivered. */
    failureCount: p.integer().default(0),
    /** By itself after too many of them, or by its owner. */
    disabledAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface Webhook extends InferEntity<typeof Webhook> {}

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;

/** One message to one webhook, and what became of it. */
export const WebhookDelivery = defineEntity({
  name: 'WebhookDelivery',
  uniques: [{ properties: ['webhook', 'key'] }],
  indexes: [{ properties: ['webhook', 'createdAt', 'id'] }, { properties: ['createdAt'] }],
  properties: {
    /** Part of `webhook-id`: the same for every attempt. */
    id: p.uuid().primary(),
    webhook: () => p.manyToOne(Webhook).ref().deleteRule('cascade'),
    event: p.string().length(40),
    /** What happened: the same key again is the same message. */
    key: p.string().length(120),
    /** JSON, as it is signed and sent. */
    body: p.text(),
    state: p.enum([...DELIVERY_STATES]).default('pending'),
    attempts: p.smallint().default(0),
    /** HTTP status of the last answer; null where there was none. */
    status: p.smallint().nullable(),
    error: p.string().length(200).default(''),
    createdAt: p.datetime(),
    triedAt: p.datetime().nullable(),
  },
});
export interface WebhookDelivery extends InferEntity<typeof WebhookDelivery> {}

export const WEBHOOK_ENTITIES = [Webhook, WebhookDelivery];
