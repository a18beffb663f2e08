import type { EntityManager } from '@mikro-orm/core';
import { t } from '../../../kit/web/messages.ts';
import { Rule, ruleLabel } from '../../rules/model.ts';
import { ClaimCase, targetOf } from '../model/case.ts';
import { outcomeText, typeLabel, whenText } from './show.ts';

/** Why something was decided, for whoever it is about (spec/takedowns.md 2.6). */
export interface Reasons {
  readonly outcome: string;
  readonly facts: string;
  readonly rule: string;
  /** What the rule said then; '' where it was none of the node's. */
  readonly ruleText: string;
  readonly began: string;
  readonly decided: string;
  readonly when: string;
  readonly redress: readonly string[];
}

export async function reasonsOf(em: EntityManager, kase: ClaimCase, timeZone: string): Promise<Reasons | null> {
  return reasonsBy(await rulesOf(em, [kase]), kase, timeZone);
}

function reasonsBy(rules: ReadonlyMap<string, Rule>, kase: ClaimCase, timeZone: string): Reasons | null {
  if (!kase.decidedAt) return null;
  const isRejected = kase.outcome == null;
  const mayAppeal = kase.appealUntil && ['executed', 'rejected', 'closed'].includes(kase.state);
  const rule = isRejected ? undefined : rules.get(kase.rule);
  return {
    outcome: isRejected ? t('case.outcome-rejected') : outcomeText(kase.outcome ?? 'dismiss', kase.parameters),
    facts: kase.facts,
    rule: isRejected ? t(`case.reject-${kase.rule}`) : ruleWords(kase.rule, rule),
    ruleText: rule?.text ?? '',
    began: t(beganWith(kase)),
    decided: t(kase.deciderId == null && !isRejected ? 'case.by-timer' : 'case.by-person'),
    when: whenText(kase.decidedAt, timeZone),
    redress: [
      ...(mayAppeal && kase.appealUntil
        ? [t('case.redress-appeal', { when: whenText(kase.appealUntil, timeZone) })]
        : []),
      ...(kase.type === 'copyright' && kase.state === 'executed' ? [t('case.redress-counter')] : []),
      t('case.redress-court'),
    ],
  };
}

/** What staff only wrote down is an order: whatever they file of their own has them as its filer. */
function beganWith({ origin, filerId }: ClaimCase): string {
  if (origin === 'scanner') return 'case.began-scanner';
  return origin === 'staff' && filerId == null ? 'case.began-order' : 'case.began-notice';
}

function ruleWords(label: string, rule: Rule | undefined): string {
  if (label === 'clock') return t('case.rule-clock');
  if (label === 'agreement') return t('case.rule-agreement');
  return rule ? t('case.rule-titled', { rule: label, title: rule.title }) : t('case.rule', { rule: label });
}

/** The wordings that these decisions named, by their labels. */
async function rulesOf(em: EntityManager, cases: readonly ClaimCase[]): Promise<ReadonlyMap<string, Rule>> {
  const numbers = cases
    .map(({ rule }) => /^(\d{1,6})(?:\.\d+)?$/.exec(rule ?? '')?.[1])
    .filter((one) => one !== undefined);
  if (numbers.length === 0) return new Map();
  const found = await em.find(Rule, { number: { $in: numbers.map(Number) } });
  return new Map(found.map((rule) => [ruleLabel(rule), rule]));
}

export interface EarlierCase {
  readonly id: string;
  readonly number: string;
  readonly type: string;
  readonly reasons: Reasons | null;
}

const MOST_EARLIER = 10;

/** Cases about the same thing that were decided before: whoever decides sees what was found then. */
export async function earlierOf(em: EntityManager, kase: ClaimCase, timeZone: string): Promise<EarlierCase[]> {
  const target = targetOf(kase);
  if (!target) return [];
  const found = await em.find(
    ClaimCase,
    { id: { $ne: kase.id }, targetKind: target.kind, targetId: target.id, decidedAt: { $ne: null } },
    { orderBy: { decidedAt: 'desc' }, limit: MOST_EARLIER },
  );
  const rules = await rulesOf(em, found);
  return found.map((one) => ({
    ...{ id: one.id, number: one.number, type: typeLabel(one, 'moderator'), reasons: reasonsBy(rules, one, timeZone) },
  }));
}
