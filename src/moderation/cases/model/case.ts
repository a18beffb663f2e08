import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { POLICY_TARGETS, type PolicyTarget } from '../../../safety/policy.ts';
import { OUTCOMES } from '../../takedown/model.ts';
import type { TakedownParameters } from '../../takedown/start.ts';
import { CLAIM_TYPES } from '../types/types.ts';

export const CASE_STATES = [
  ...(['received', 'open', 'needs_info', 'notified', 'review', 'decided', 'executed'] as const),
  ...(['counter_wait', 'court_hold', 'appealed', 'closed'] as const),
  ...(['expired', 'lapsed', 'withdrawn', 'rejected', 'merged', 'reinstated'] as const),
] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What the target was when the case was filed: the case goes on when it, or its uploader, is gone. */
export interface Snapshot {
  readonly title: string;
  readonly ownerName: string;
  readonly madeAt: string | null;
  /** SHA-256 of its files or pictures, at most 50. */
  readonly hashes: readonly string[];
}

/** A claim about one thing of this node (spec/takedowns.md section 2). `moveCase` alone changes its state. */
export const ClaimCase = defineEntity({
  name: 'ClaimCase',
  indexes: [
    { properties: ['targetKind', 'targetId', 'type'] },
    { properties: ['sourceHash', 'submittedAt'] },
    { properties: ['uploaderId', 'submittedAt'] },
    { properties: ['uploaderHost', 'submittedAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    /** `C-` and ten random signs: says nothing of how many there are. */
    number: p.string().length(16).unique(),
    /** Of the secret that was shown once; null for cases that nobody filed from outside. */
    secretHash: p.string().length(64).nullable(),
    type: p.enum([...CLAIM_TYPES]),
    state: p.enum([...CASE_STATES]),
    origin: p.enum(['form', 'staff', 'scanner', 'flag']),
    /** As it was given. Shown as text, never fetched. */
    url: p.string().length(2000),
    /** Null until it was looked up, and when nothing here has that address. */
    targetKind: p.enum([...POLICY_TARGETS]).nullable(),
    targetId: p.integer().nullable(),
    snapshot: p.json<Snapshot>().nullable(),
    uploaderId: p.integer().nullable(),
    /** '' for ours. */
    uploaderHost: p.string().length(253).default(''),
    /** Keyed hash of the uploader's canonical address: it outlives their account. */
    uploaderEmailHash: p.string().length(64).nullable(),
    /** A member who filed it while signed in. */
    filerId: p.integer().nullable(),
    /** The answers of the form that name nobody. */
    answers: p.json<Readonly<Record<string, string>>>(),
    missing: p.json<readonly string[]>(),
    /** Keyed hash of the /64 or /24 that it came from; forgotten after 30 days. */
    sourceHash: p.string().length(64).nullable(),
    /** Bits of RESTRICTION that hold while it is undecided. */
    interim: p.integer().default(0),
    /** Too many of a kind came, or it looks like a program: a person looks first, and no timer removes. */
    isBehindBreaker: p.boolean().default(false),
    /** As in QueueRow: 3 is the slow lane of those who misused the form. */
    priority: p.smallint().default(2),
    hasDatasetMatch: p.boolean().default(false),
    verifyHash: p.string().length(64).nullable(),
    verifiedAt: p.datetime().nullable(),
    verifiedBy: p.enum(['mail', 'account', 'staff']).nullable(),
    submittedAt: p.datetime(),
    openedAt: p.datetime().nullable(),
    /** By when a person should decide; UTC, computed once. */
    dueAt: p.datetime().nullable(),
    decidedAt: p.datetime().nullable(),
    /** From here on the uploader sees it; never before the end of a severe case. */
    uploaderToldAt: p.datetime().nullable(),
    executedAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
    mergedIntoId: p.uuid().nullable(),
    outcome: p.enum([...OUTCOMES]).nullable(),
    parameters: p.json<TakedownParameters>().nullable(),
    takedownId: p.uuid().nullable(),
    rule: p.string().length(80).default(''),
    /** What the decision rests on, in the words of who decided. */
    facts: p.text().default(''),
    /** Null when a timer decided. */
    deciderId: p.integer().nullable(),
    appealUntil: p.datetime().nullable(),
    jointClaimantAt: p.datetime().nullable(),
    jointUploaderAt: p.datetime().nullable(),
    redactedAt: p.datetime().nullable(),
  },
});
export interface ClaimCase extends InferEntity<typeof ClaimCase> {}

export function targetOf(kase: Pick<ClaimCase, 'targetKind' | 'targetId'>): PolicyTarget | null {
  return kase.targetKind && kase.targetId !== null && kase.targetId !== undefined
    ? { kind: kase.targetKind, id: kase.targetId }
    : null;
}

/** Nothing follows any more, but an appeal. */
export const ENDED: readonly CaseState[] = [
  ...(['expired', 'lapsed', 'withdrawn', 'rejected', 'merged', 'reinstated', 'closed'] as const),
];
