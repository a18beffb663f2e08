import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { POLICY_TARGETS } from '../../safety/policy.ts';

/** What a decision does (spec/takedowns.md 2.4); `undo` takes an earlier one back, `quarantine` is the severe interim. */
export const OUTCOMES = [
  ...(['remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock'] as const),
  ...(['account_action', 'dismiss', 'hash_only', 'quarantine', 'undo'] as const),
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** An outcome under way: one worker carries it out, step by step, and resumes where it stopped. */
export const Takedown = defineEntity({
  name: 'Takedown',
  indexes: [{ properties: ['state', 'id'] }, { properties: ['targetKind', 'targetId'] }, { properties: ['caseId'] }],
  properties: {
    id: p.uuid().primary(),
    /** Null when a moderator acted on a report, without a case. */
    caseId: p.uuid().nullable(),
    targetKind: p.enum([...POLICY_TARGETS]),
    targetId: p.integer(),
    outcome: p.enum([...OUTCOMES]),
    /** By outcome, see `TakedownParameters`. */
    parameters: p.json<unknown>(),
    /** minor, ncii, likeness, copyright, style, trademark, privacy, other. */
    category: p.string().length(20),
    state: p.enum(['running', 'done']),
    requestedAt: p.datetime(),
    doneAt: p.datetime().nullable(),
  },
});
export interface Takedown extends InferEntity<typeof Takedown> {}

/** One line of the checklist (spec/takedowns.md 2.10) of one takedown. */
export const TakedownStep = defineEntity({
  name: 'TakedownStep',
  properties: {
    takedownId: p.uuid().primary(),
    name: p.string().length(60).primary(),
    position: p.integer(),
    state: p.enum(['pending', 'done']),
    attempts: p.integer().default(0),
    note: p.string().length(500).default(''),
    doneAt: p.datetime().nullable(),
  },
});
export interface TakedownStep extends InferEntity<typeof TakedownStep> {}
