import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import { PromptRuleSet, type RuleSetState } from '../../safety/prompts/model.ts';
import { DEFAULT_RULES } from '../../safety/prompts/rules/default.ts';
import type { RuleSet } from '../../safety/prompts/rules/schema.ts';

export interface RuleSetView {
  /** '' for those of the program. */
  readonly id: string;
  readonly version: string;
  readonly state: RuleSetState | 'program';
  readonly stateLabel: string;
  /** How many rules, words lists, expressions and tests. */
  readonly size: string;
  readonly changedAt: Date | null;
  readonly mayShadow: boolean;
  readonly mayActivate: boolean;
  /** It held before. */
  readonly isEarlier: boolean;
  readonly mayRetire: boolean;
  readonly mayRemove: boolean;
}

/** What the rules in the shadow would have said in place of what was said, since they are there. */
export interface ShadowCount {
  readonly said: string;
  readonly wouldSay: string;
  readonly count: number;
}

/** What was not simply allowed, of the last days. */
export interface VerdictCount {
  readonly action: string;
  readonly category: string;
  readonly count: number;
}

const MOST_ROWS = 60;
export const COUNTED_DAYS = 30;

/** Those of the program first, for they are always there; then the newest. */
export async function listRuleSets(em: EntityManager): Promise<RuleSetView[]> {
  const sets = await em.find(PromptRuleSet, {}, { orderBy: { id: 'desc' }, limit: MOST_ROWS });
  const hasActive = sets.some(({ state }) => state === 'active');
  const program: RuleSetView = {
    ...{ id: '', version: DEFAULT_RULES.version, state: 'program', changedAt: null, size: sizeOf(DEFAULT_RULES) },
    stateLabel: t(hasActive ? 'prompt-rules.state-hard' : 'prompt-rules.state-program'),
    ...{ mayShadow: false, mayActivate: false, isEarlier: false, mayRetire: false, mayRemove: false },
  };
  return [program, ...sets.map(viewOf)];
}

function viewOf({ id, version, state, rules, changedAt, activatedAt }: PromptRuleSet): RuleSetView {
  const isRunning = state === 'active' || state === 'shadow';
  const isEarlier = state === 'retired' && activatedAt != null;
  return {
    ...{ id, version, state, changedAt, isEarlier, size: sizeOf(rules) },
    stateLabel: t(`prompt-rules.state-${state}`),
    ...{ mayShadow: !isRunning, mayActivate: state === 'shadow' || isEarlier },
    ...{ mayRetire: isRunning, mayRemove: !isRunning },
  };
}

const sizeOf = ({ rules, lists, patterns = {}, tests }: RuleSet): string =>
  t('prompt-rules.size', {
    ...{ rules: rules.length, lists: Object.keys(lists).length, tests: tests.length },
    patterns: Object.values(patterns).reduce((sum, list) => sum + list.length, 0),
  });

/** Empty while nothing is in the shadow. */
export async function countShadow(em: EntityManager): Promise<ShadowCount[]> {
  const shadow = await em.findOne(PromptRuleSet, { state: 'shadow' }, { fields: ['changedAt'] });
  if (!shadow) return [];
  const found = await rows<{ action: string; shadow_action: string; n: unknown }>(
    em,
    `select action, shadow_action, count(*) as n from prompt_record
     where shadow_action is not null and created_at >= ? group by action, shadow_action order by n desc, action limit 30`,
    [shadow.changedAt],
  );
  return found.map(({ action, shadow_action: would, n }) => ({
    ...{ said: t(`prompt-rules.action-${action}`), wouldSay: t(`prompt-rules.action-${would}`), count: toNumber(n) },
  }));
}

export async function countVerdicts(em: EntityManager, now: Date): Promise<VerdictCount[]> {
  const found = await rows<{ action: string; category: string | null; n: unknown }>(
    em,
    `select action, category, count(*) as n from prompt_record where action <> 'allow' and created_at >= ?
     group by action, category order by n desc, action limit 30`,
    [new Date(now.getTime() - COUNTED_DAYS * 86_400_000)],
  );
  return found.map(({ action, category, n }) => ({
    ...{ action: t(`prompt-rules.action-${action}`), category: category ?? '', count: toNumber(n) },
  }));
}

/** To begin a new version from: one that is here, or the program's. '' for one that is not. */
export async function textOfRuleSet(em: EntityManager, version: string): Promise<string> {
  const set = version === DEFAULT_RULES.version ? null : await em.findOne(PromptRuleSet, { version });
  const rules = set?.rules ?? (version === DEFAULT_RULES.version ? DEFAULT_RULES : null);
  return rules ? JSON.stringify(rules, null, 2) : '';
}
