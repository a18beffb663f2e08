import type { EntityManager } from '@mikro-orm/core';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import { RULE_CATEGORIES, Rule, type RuleCategory, ruleLabel } from './model.ts';

/** The rules that count now, by number. */
export const listRules = (em: EntityManager): Promise<Rule[]> =>
  em.find(Rule, { retiredAt: null }, { orderBy: { number: 'asc' }, limit: MOST_RULES });

export const MOST_RULES = 60;

export interface RuleView {
  readonly id: string;
  readonly number: number;
  readonly version: number;
  readonly label: string;
  readonly title: string;
  readonly text: string;
  readonly category: RuleCategory;
}

export const ruleView = (rule: Rule): RuleView => ({
  ...{ id: rule.id, number: rule.number, version: rule.version, label: ruleLabel(rule) },
  ...{ title: rule.title, text: rule.text, category: rule.category },
});

/** What a new node begins with: one rule for each thing that people report. Its owner changes them. */
export async function seedRules(em: EntityManager, now: Date): Promise<void> {
  if ((await em.count(Rule)) > 0) return;
  for (const [at, category] of RULE_CATEGORIES.filter((one) => one !== 'other').entries()) {
    em.create(
      Rule,
      {
        id: newId(now.getTime()),
        ...{ number: at + 1, version: 1, category, createdAt: now, retiredAt: null },
        title: t(`rule-seed.${category}.title`),
        text: t(`rule-seed.${category}.text`),
      },
      { persist: true },
    );
  }
  await em.flush();
}
