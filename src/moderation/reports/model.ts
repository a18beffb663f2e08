import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { RULE_CATEGORIES } from '../rules/model.ts';

export const REPORTED_KINDS = [
  ...(['model', 'version', 'image', 'post', 'comment', 'review', 'collection', 'account'] as const),
  ...(['bounty', 'entry'] as const),
] as const;
export type ReportedKind = (typeof REPORTED_KINDS)[number];

/** One voice about one thing that waits in the queue: who, under which rule, in which words, and what was there then. */
export const Report = defineEntity({
  name: 'Report',
  uniques: [{ properties: ['rowId', 'reporterId'] }],
  indexes: [{ properties: ['reporterId', 'createdAt'] }, { properties: ['aboutKind', 'aboutId'] }],
  properties: {
    id: p.uuid().primary(),
    /** The QueueRow; a thing that is reported again after a decision has another one. */
    rowId: p.uuid(),
    reporterId: p.integer(),
    aboutKind: p.enum([...REPORTED_KINDS]),
    aboutId: p.string().length(120),
    category: p.enum([...RULE_CATEGORIES]),
    /** The version of the rule that counted then. */
    ruleId: p.uuid().nullable(),
    /** Plain text of a stranger. */
    text: p.text().default(''),
    /** What they point to, http or https; shown, never followed by us. */
    link: p.string().length(2048).default(''),
    /** A rating doubt: what they think it should be; 0 else. */
    level: p.smallint().default(0),
    /** What the thing was, with hashes, in at most 16 kB. */
    snapshot: p.json<unknown>(),
    /** How far this voice is to be trusted, 0 to 100, as it was then. */
    weight: p.smallint(),
    createdAt: p.datetime(),
    /** The newest word of the same person about the same thing. */
    addedAt: p.datetime(),
    closedAt: p.datetime().nullable(),
    /** What became of it: `dismiss`, `remove` and the like. */
    outcome: p.string().length(40).default(''),
  },
});
export interface Report extends InferEntity<typeof Report> {}
