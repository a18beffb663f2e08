import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { licenceTerms } from '../../economy/licences/model.ts';

/*
 * Whoever claimed and was right may say on what terms others use what is theirs. An offer rests on one upheld claim, is
 * made under its owner's name, and is never changed, only closed; a grant is for one person, and for one model of theirs
 * once it is named.
 */

export const RightsOffer = defineEntity({
  name: 'RightsOffer',
  indexes: [
    { properties: ['caseId', 'closedAt'] },
    { properties: ['owner', 'createdAt'] },
    { properties: ['createdAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    owner: () => p.manyToOne(Account).ref(),
    /** The claim that was upheld. */
    caseId: p.uuid(),
    /** What is theirs, in their words: works, a name, a mark, a likeness. */
    covers: p.string().length(200),
    ...licenceTerms,
    /** For how long a licence holds on after it was taken back. */
    noticeDays: p.integer().default(0),
    /** Null: one asks, and the owner decides. */
    priceCredits: p.integer().nullable(),
    /** For how long a licence holds; null for ever. */
    days: p.integer().nullable(),
    closedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface RightsOffer extends InferEntity<typeof RightsOffer> {}

const STATES = ['asked', 'granted', 'declined', 'withdrawn', 'revoked'] as const;

export const RightsGrant = defineEntity({
  name: 'RightsGrant',
  indexes: [
    { properties: ['model', 'state'] },
    { properties: ['licensee', 'askedAt'] },
    { properties: ['offer', 'state'] },
  ],
  properties: {
    id: p.uuid().primary(),
    offer: () => p.manyToOne(RightsOffer).ref(),
    licensee: () => p.manyToOne(Account).ref(),
    /** The licensee's model that it is for; null while they only plan one. Named once. */
    model: () => p.manyToOne(Model).ref().nullable(),
    covers: p.string().length(200),
    ...licenceTerms,
    noticeDays: p.integer().default(0),
    paidCredits: p.integer().default(0),
    state: p.enum([...STATES]),
    /** What for, in the words of who asks. */
    purpose: p.string().length(500).default(''),
    /** Why not, or why no more, in the words of the owner. */
    answer: p.string().length(500).default(''),
    askedAt: p.datetime(),
    decidedAt: p.datetime().nullable(),
    /** Also the end of the notice when it was taken back. */
    expiresAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
  },
});
export interface RightsGrant extends InferEntity<typeof RightsGrant> {}
