import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

export const SAVED_KINDS = ['models', 'images'] as const;
export type SavedKind = (typeof SAVED_KINDS)[number];

/** A list with its filters that somebody comes back to. Theirs alone. */
export const SavedSearch = defineEntity({
  name: 'SavedSearch',
  indexes: [{ properties: ['account', 'id'] }, { properties: ['isTold', 'checkedAt'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    name: p.string().length(80),
    kind: p.enum([...SAVED_KINDS]),
    /** The filters as the address of the list has them, without order and place. */
    query: p.string().length(1000),
    /** Whoever has it may read the feed. */
    feedKey: p.string().length(43).unique(),
    /** Its owner wants to hear of what is new. */
    isTold: p.boolean().default(true),
    /** Until here it was looked for what is new. */
    checkedAt: p.datetime(),
    /** What came since its owner last opened it; counted up to a hundred. */
    newCount: p.smallint().default(0),
    createdAt: p.datetime(),
  },
});
export interface SavedSearch extends InferEntity<typeof SavedSearch> {}
