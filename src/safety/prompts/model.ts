import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { ACTIONS, type RuleSet } from './rules/schema.ts';

const RULE_SET_STATES = ['draft', 'shadow', 'active', 'retired'] as const;
export type RuleSetState = (typeof RULE_SET_STATES)[number];

/**
 * Rules of the node's own, in place of those that the program brings, whose hard ones hold beside them. A version is
 * never changed.
 */
export const PromptRuleSet = defineEntity({
  name: 'PromptRuleSet',
  properties: {
    id: p.uuid().primary(),
    version: p.string().length(60).unique(),
    rules: p.json<RuleSet>(),
    /** Shadow: it judges and is written down, and decides nothing. */
    state: p.enum([...RULE_SET_STATES]).default('draft'),
    createdAt: p.datetime(),
    changedAt: p.datetime(),
    /** Null for rules that never held: those that did may hold again at once. */
    activatedAt: p.datetime().nullable(),
  },
});
export interface PromptRuleSet extends InferEntity<typeof PromptRuleSet> {}

export const SCREEN_PURPOSES = ['generation', 'training', 'publication'] as const;

/** What was not simply allowed. The words stay for hard rules only, and not for long (spec/guardrails.md 3.2, 7). */
export const PromptRecord = defineEntity({
  name: 'PromptRecord',
  indexes: [{ properties: ['account', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    purpose: p.enum([...SCREEN_PURPOSES]),
    /** Keyed: the same words have the same hash, and the hash does not tell them. */
    textHash: p.string().length(64).index(),
    action: p.enum([...ACTIONS]),
    category: p.string().length(40).nullable(),
    categories: p.json<readonly string[]>(),
    ruleVersion: p.string().length(60),
    /** What the rules in the shadow would have said, where that is something else. */
    shadowAction: p.enum([...ACTIONS]).nullable(),
    isHard: p.boolean().default(false),
    /** SHA-256 of models and of pictures to begin from. */
    resources: p.json<readonly string[]>(),
    inputs: p.json<readonly string[]>(),
    text: p.text().nullable(),
    createdAt: p.datetime().index(),
    /** A person looked at it: it counts no more. */
    clearedAt: p.datetime().nullable(),
  },
});
export interface PromptRecord extends InferEntity<typeof PromptRecord> {}
