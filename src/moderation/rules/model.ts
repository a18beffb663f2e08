import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { PERMISSION, type Permission } from '../../accounts/permissions.ts';

/** What a breach of a rule is about: how soon somebody must look, and who may decide. */
export const RULE_CATEGORIES = [
  ...(['minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy'] as const),
  ...(['rating', 'malware', 'harassment', 'spam', 'other'] as const),
] as const;
export type RuleCategory = (typeof RULE_CATEGORIES)[number];

/**
 * One wording of one rule of the node. A change makes a new version under the same number, so that an old decision
 * names the words that counted then; a number is never given again.
 */
export const Rule = defineEntity({
  name: 'Rule',
  uniques: [{ properties: ['number', 'version'] }],
  indexes: [{ properties: ['retiredAt', 'number'] }],
  properties: {
    id: p.uuid().primary(),
    number: p.integer(),
    version: p.integer(),
    title: p.string().length(120),
    /** Plain text. */
    text: p.text(),
    category: p.enum([...RULE_CATEGORIES]),
    createdAt: p.datetime(),
    /** When a newer version took its place, or the rule was given up. */
    retiredAt: p.datetime().nullable(),
  },
});
export interface Rule extends InferEntity<typeof Rule> {}

/** As decisions and pages name it: `3`, and `3 (version 2)` once it was changed. */
export const ruleLabel = ({ number, version }: Pick<Rule, 'number' | 'version'>): string =>
  version === 1 ? String(number) : `${number}.${version}`;

interface Urgency {
  /** As in QueueRow. */
  readonly priority: number;
  readonly hours: number;
  /** Who may decide it, beyond being a moderator. */
  readonly permission?: Permission;
}

const URGENCY: Partial<Record<RuleCategory, Urgency>> = {
  minor: { priority: 0, hours: 4, permission: 'decideSevere' },
  ncii: { priority: 0, hours: 24, permission: 'decideSevere' },
  likeness: { priority: 1, hours: 48, permission: 'decideSevere' },
  malware: { priority: 1, hours: 24 },
  copyright: { priority: 1, hours: 24, permission: 'decideRights' },
  privacy: { priority: 1, hours: 72 },
};
const USUAL: Urgency = { priority: 2, hours: 7 * 24 };

/** How soon a report under this category must be looked at (spec/takedowns.md 2.1), and by whom. */
export function urgencyOf(category: RuleCategory): { priority: number; hours: number; permission: number } {
  const { priority, hours, permission } = URGENCY[category] ?? USUAL;
  return { priority, hours, permission: permission ? PERMISSION[permission] : 0 };
}

/** Two people must agree to leave it as it is (spec/takedowns.md 2.3, transition 11). */
export const isSevere = (category: RuleCategory): boolean => category === 'minor' || category === 'ncii';
