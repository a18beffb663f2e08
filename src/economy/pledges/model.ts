import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

const PLEDGE_KINDS = ['early-access', 'bounty'] as const;
export type PledgeKind = (typeof PLEDGE_KINDS)[number];

/**
 * Credits that somebody put aside for somebody else, on a condition: an escrow of their own each, so that each comes
 * back to who gave it. Ends once, paid or refunded, and then its escrow is empty (ledger/verify.ts counts).
 */
export const CreditPledge = defineEntity({
  name: 'CreditPledge',
  indexes: [
    { properties: ['subjectKind', 'subjectId', 'state'] },
    { properties: ['accountId', 'state'] },
    { properties: ['payerId', 'state'] },
  ],
  properties: {
    id: p.uuid().primary(),
    /** The same key again is the same pledge. */
    key: p.string().length(200).unique(),
    /** The purse. */
    payerId: p.uuid(),
    escrowId: p.uuid().unique(),
    /** An Account id; null once that person is forgotten. */
    accountId: p.integer().nullable(),
    subjectKind: p.enum([...PLEDGE_KINDS]),
    subjectId: p.string().length(40),
    amount: p.integer(),
    state: p.enum(['held', 'paid', 'refunded']).default('held'),
    createdAt: p.datetime(),
    endedAt: p.datetime().nullable(),
  },
});
export interface CreditPledge extends InferEntity<typeof CreditPledge> {}
