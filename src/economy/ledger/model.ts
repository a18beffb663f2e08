import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

const CREDIT_ACCOUNT_KINDS = ['person', 'node', 'escrow'] as const;

/**
 * Where credits lie: with a person, with the node (which gives them out and takes them in, so that it may stand below
 * zero), or in escrow, where they are promised to nobody yet. The id is a name without meaning, so that entries stay
 * when the person behind it is forgotten.
 */
const CreditAccount = defineEntity({
  name: 'CreditAccount',
  indexes: [{ properties: ['ownerId', 'kind'] }],
  properties: {
    id: p.uuid().primary(),
    kind: p.enum([...CREDIT_ACCOUNT_KINDS]),
    /** `node`, `account:12`, `hold:…`; a closed one is called by its own id. */
    key: p.string().length(120).unique(),
    /** Whose it is, or for whose wish it is kept: an Account id. Null for the node, and once the person is forgotten. */
    ownerId: p.integer().nullable(),
    /** The sum of its entries, kept with them in one transaction: what decides who may pay. */
    balance: p.bigint('number').default(0),
    /** The last day (ISO, UTC) whose allowance was given. */
    allowanceDay: p.string().length(10).nullable(),
  },
});

/** `capture` ends a hold with what it cost, `refund` without. Other rooms add theirs: the table takes any word. */
export type PostingKind =
  | ('allowance' | 'grant' | 'reward-post' | 'reward-use' | 'tip')
  | ('hold' | 'capture' | 'refund' | 'close')
  | ('pledge' | 'pledge-paid' | 'pledge-back' | 'licence');

/** Credits that moved, as one act: two entries or more, whose sum is zero. Rows are never changed but for their note. */
export const CreditPosting = defineEntity({
  name: 'CreditPosting',
  properties: {
    id: p.uuid().primary(),
    /** What it is for: the same key again is the same act, and moves nothing. */
    key: p.string().length(200).unique(),
    kind: p.string().length(20).$type<PostingKind>(),
    /** What it was about: `image`, `generation`, …; '' for nothing. */
    subjectKind: p.string().length(20).default(''),
    subjectId: p.string().length(40).default(''),
    /** In the words of who gave them. Goes with that person: the one change that the tables allow. */
    note: p.string().length(300).default(''),
    at: p.datetime().length(3),
  },
});
export interface CreditPosting extends InferEntity<typeof CreditPosting> {}

/** One side of a posting. Never changed and never deleted: triggers of both databases refuse it. */
const CreditEntry = defineEntity({
  name: 'CreditEntry',
  indexes: [{ properties: ['account', 'at', 'id'] }, { properties: ['posting'] }],
  properties: {
    id: p.uuid().primary(),
    posting: () => p.manyToOne(CreditPosting).ref(),
    account: () => p.manyToOne(CreditAccount).ref(),
    amount: p.bigint('number'),
    /** That of the posting, here too so that a history is read from one index. */
    at: p.datetime().length(3),
  },
});
export type HoldKind = 'generation' | 'training' | 'caption' | 'merge';

/** Credits of a person that wait in escrow for what a piece of work will have taken. */
export const CreditHold = defineEntity({
  name: 'CreditHold',
  uniques: [{ properties: ['subjectKind', 'subjectId', 'round'] }],
  indexes: [{ properties: ['payer', 'state'] }, { properties: ['state', 'id'] }, { properties: ['jobId'] }],
  properties: {
    id: p.uuid().primary(),
    payer: () => p.manyToOne(CreditAccount).ref(),
    escrow: () => p.manyToOne(CreditAccount).ref(),
    subjectKind: p.string().length(20).$type<HoldKind>(),
    subjectId: p.uuid(),
    /** A training that goes on is paid for anew. */
    round: p.integer().default(0),
    /** The job that does the work now. */
    jobId: p.uuid().nullable(),
    amount: p.integer(),
    /** The price when it was asked for. */
    creditsPerMinute: p.float(),
    /** GPU seconds that count so far. */
    usedSeconds: p.float().default(0),
    state: p.enum(['held', 'captured', 'refunded']).default('held'),
    createdAt: p.datetime().length(3),
    endedAt: p.datetime().length(3).nullable(),
  },
});
export interface CreditHold extends InferEntity<typeof CreditHold> {}

export const CREDIT_ENTITIES = [CreditAccount, CreditPosting, CreditEntry, CreditHold];
