import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

/**
 * What came of somebody's work on one day (UTC), counted from the rows that say so while they are there. What is taken
 * back later takes nothing off a day that is over.
 */
export const StatDay = defineEntity({
  name: 'StatDay',
  indexes: [{ properties: ['day'] }],
  properties: {
    account: () => p.manyToOne(Account).ref().primary().deleteRule('cascade'),
    /** A Model; 0 for what is about the person, or about their pictures and posts. */
    modelId: p.integer().primary(),
    /** ISO day. */
    day: p.string().length(10).primary(),
    downloads: p.integer().default(0),
    /** Generations of this node that used the model: 0 where fewer than `FEWEST_PEOPLE` others did that day. */
    generations: p.integer().default(0),
    /** Public pictures that say they were made with it. */
    pictures: p.integer().default(0),
    likes: p.integer().default(0),
    /** Public pictures of others that were made with the recipe of one of theirs. */
    remixes: p.integer().default(0),
    followers: p.integer().default(0),
    /** Who followed at the last look at this day, without those who had left by then; null for a day nobody looked at. */
    followersInAll: p.integer().nullable(),
  },
});
export interface StatDay extends InferEntity<typeof StatDay> {}

export const FIGURES = ['downloads', 'generations', 'pictures', 'likes', 'remixes', 'followers'] as const;
export type Figure = (typeof FIGURES)[number];

/** What people generate is theirs: a number of fewer people would tell who it was. */
export const FEWEST_PEOPLE = 3;

export const DAY_MS = 86_400_000;
export const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
