import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { AuditEntry } from '../../kit/audit/model.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { MOST_RULES } from './list.ts';
import { RULE_CATEGORIES, Rule, ruleLabel } from './model.ts';

export const RuleForm = z.object({
  title: z.string().trim().min(1, 'Say the rule in a few words.').max(120, 'At most 120 characters.'),
  text: z.string().trim().max(2_000, 'At most 2,000 characters.').default(''),
  category: z.enum(RULE_CATEGORIES, 'Choose what it is about.'),
});
type RuleWords = z.output<typeof RuleForm>;
type RuleWork = Pick<Work, 'em' | 'viewer' | 'now'>;

/** Adds a rule under the next number. Throws `forbidden` without the permission, `conflict` when there are too many. */
export async function addRule(work: RuleWork, form: RuleWords): Promise<Rule> {
  requireRules(work.viewer);
  return audited(work, async (em) => {
    if ((await em.count(Rule, { retiredAt: null })) >= MOST_RULES) {
      throw new AppError('conflict', `A node has at most ${MOST_RULES} rules: nobody reads more.`);
    }
    const [last] = await em.find(Rule, {}, { orderBy: { number: 'desc' }, limit: 1 });
    const result = em.create(
      Rule,
      { ...firstOf(work.now()), ...form, number: (last?.number ?? 0) + 1, version: 1 },
      { persist: true },
    );
    return { result, entries: [{ ...entryOf('rule.add', result), after: wordsOf(result) }] };
  });
}

/** Puts new words under the old number. The same words are no new version. */
export async function changeRule(work: RuleWork, number: number, form: RuleWords): Promise<Rule> {
  requireRules(work.viewer);
  return audited(work, async (em) => {
    const rule = await loadRule(em, number);
    const before = wordsOf(rule);
    if (JSON.stringify(before) === JSON.stringify({ title: form.title, text: form.text, category: form.category })) {
      return { result: rule, entries: [] };
    }
    await end(em, rule, work.now());
    const result = em.create(
      Rule,
      { ...firstOf(work.now()), ...form, number, version: rule.version + 1 },
      { persist: true },
    );
    return { result, entries: [{ ...entryOf('rule.change', result), before, after: wordsOf(result) }] };
  });
}

/** Says that the rules as they stand are the node's own: the step of the first steps that needs no change. */
export async function confirmRules(work: RuleWork): Promise<void> {
  requireRules(work.viewer);
  await audited(work, async (em) => {
    const after = { count: await em.count(Rule, { retiredAt: null }) };
    return {
      result: undefined,
      entries: [{ action: 'rule.confirm', subject: { kind: 'setting', id: 'rules' }, after }],
    };
  });
}

/** Did somebody of this node say or change a rule? Until then they are those that every node begins with. */
export const wereRulesSeen = async (em: EntityManager): Promise<boolean> =>
  (await em.count(AuditEntry, { action: { $like: 'rule.%' } })) > 0;

/** The rule counts no more; decisions go on naming it. */
export async function retireRule(work: RuleWork, number: number): Promise<void> {
  requireRules(work.viewer);
  await audited(work, async (em) => {
    const rule = await loadRule(em, number);
    await end(em, rule, work.now());
    return { result: null, entries: [{ ...entryOf('rule.retire', rule), before: wordsOf(rule) }] };
  });
}

async function loadRule(em: EntityManager, number: number): Promise<Rule> {
  const rule = await em.findOne(Rule, { number, retiredAt: null });
  if (!rule) throw new AppError('not_found', 'There is no such rule.');
  return rule;
}

async function end(em: EntityManager, { id }: Rule, at: Date): Promise<void> {
  if ((await em.nativeUpdate(Rule, { id, retiredAt: null }, { retiredAt: at })) === 0) {
    throw new AppError('conflict', 'Somebody has changed this rule meanwhile.');
  }
}

const firstOf = (at: Date) => ({ id: newId(at.getTime()), createdAt: at, retiredAt: null });
const wordsOf = ({ title, text, category }: Rule): RuleWords => ({ title, text, category });
const entryOf = (action: string, rule: Rule) => ({
  action,
  subject: { kind: 'rule', id: rule.number },
  rule: ruleLabel(rule),
});

function requireRules(viewer: Viewer | null): void {
  if (!can(viewer, 'manageRules')) throw new AppError('forbidden', 'You may not change the rules.');
}
