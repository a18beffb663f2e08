import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A report of this node to another one. Who of us reported is told to nobody and not kept here. */
export const SentFlag = defineEntity({
  name: 'SentFlag',
  properties: {
    id: p.uuid().primary(),
    uri: p.string().length(2048).unique(),
    host: p.string().length(261).index(),
    objectUris: p.json<readonly string[]>(),
    code: p.string().length(40).default(''),
    comment: p.text().default(''),
    sentAt: p.datetime(),
    /** What that host said came of it; null while it said nothing. */
    outcome: p.enum(['removed', 'labelled', 'noAction', 'accepted', 'rejected']).nullable(),
    answer: p.string().length(500).default(''),
    answeredAt: p.datetime().nullable(),
  },
});
export interface SentFlag extends InferEntity<typeof SentFlag> {}
