import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Collection } from '../collections/model.ts';
import { CollectionEntry } from '../collections/together/model.ts';

/** What makes a collection a contest. Whether it is open is a question of the time, which whoever reads it asks. */
export const Contest = defineEntity({
  name: 'Contest',
  indexes: [{ properties: ['resultsAt', 'closesAt'] }, { properties: ['closesAt', 'collection'] }],
  properties: {
    collection: () => p.oneToOne(Collection).ref().primary().deleteRule('cascade'),
    /** Markdown. */
    rules: p.text(),
    opensAt: p.datetime(),
    closesAt: p.datetime(),
    /** Of one person. */
    mostEntries: p.smallint().default(1),
    /** People vote while it is open; nobody sees the numbers before it closed. */
    hasVotes: p.boolean().default(false),
    /** Judges give no more scores, and the owner sees what they gave. */
    judgedAt: p.datetime().nullable(),
    resultsAt: p.datetime().nullable(),
    /** Markdown, what the owner says of the result. */
    resultText: p.text().default(''),
    createdAt: p.datetime(),
  },
});
export interface Contest extends InferEntity<typeof Contest> {}

export const LEAST_SCORE = 1;
export const MOST_SCORE = 10;

/** What a judge thinks of an entry; nobody else sees it before the result. */
export const ContestScore = defineEntity({
  name: 'ContestScore',
  uniques: [{ properties: ['entry', 'judge'] }],
  indexes: [{ properties: ['judge'] }],
  properties: {
    id: p.uuid().primary(),
    entry: () => p.manyToOne(CollectionEntry).ref().deleteRule('cascade'),
    judge: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    score: p.smallint(),
    note: p.string().length(1000).default(''),
    updatedAt: p.datetime(),
  },
});
export interface ContestScore extends InferEntity<typeof ContestScore> {}

export const ContestVote = defineEntity({
  name: 'ContestVote',
  indexes: [{ properties: ['account'] }],
  properties: {
    entry: () => p.manyToOne(CollectionEntry).ref().primary().deleteRule('cascade'),
    account: () => p.manyToOne(Account).ref().primary().deleteRule('cascade'),
    createdAt: p.datetime(),
  },
});
export interface ContestVote extends InferEntity<typeof ContestVote> {}

export type ContestState = 'coming' | 'open' | 'judging' | 'ended';

/** Time decides. */
export function stateOf({ opensAt, closesAt, resultsAt }: Contest, now: Date): ContestState {
  if (resultsAt != null) return 'ended';
  if (now < opensAt) return 'coming';
  return now < closesAt ? 'open' : 'judging';
}
