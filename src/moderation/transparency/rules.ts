import type { EntityManager } from '@mikro-orm/core';
import { REJECTIONS } from '../cases/decide/decide.ts';
import { Rule, ruleLabel } from '../rules/model.ts';

/** Rules by the label that decisions name, with what they are called. */
export type PublicRules = ReadonlyMap<string, string>;

const OWN: readonly string[] = ['clock', 'agreement', 'breaker', ...REJECTIONS];

export async function readRules(em: EntityManager): Promise<PublicRules> {
  const rules = await em.find(Rule, {}, { orderBy: { number: 'asc', version: 'asc' }, limit: 1_000 });
  return new Map(rules.map((rule) => [ruleLabel(rule), rule.title]));
}

/** The rule of a decision is typed by hand, so only what is a rule of the node is published; all else is `other`. */
export const publicRule = (rules: PublicRules, rule: string): string =>
  rules.has(rule) || OWN.includes(rule) ? rule : 'other';
