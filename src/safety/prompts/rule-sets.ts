import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import { PromptRuleSet, type RuleSetState } from './model.ts';
import { RuleSet } from './rules/schema.ts';
import type { PromptScreen } from './screen.ts';

/** Each is a row of some 100 kB; old ones are removed by hand. */
const MOST_SETS = 50;
const MOST_PROBLEMS = 10;

/** Reads a set of rules that somebody wrote. Throws `invalid` with what does not fit, and where. */
export async function readRuleSet(screen: PromptScreen, rules: unknown): Promise<RuleSet> {
  const parsed = RuleSet.safeParse(rules);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refused(t('prompt-rules.misfit', { place: issue?.path.join('.') ?? '', problem: issue?.message ?? '' }));
  }
  const problems = await screen.check(parsed.data.patterns);
  if (problems.length === 0) return parsed.data;
  const told = problems.map(({ list, place, text }) =>
    t('prompt-rules.bad-pattern', { list, n: place, problem: text }),
  );
  throw refused(told.slice(0, MOST_PROBLEMS).join(' '));
}

/** Keeps a set as a draft. Throws `conflict` for a version that is there, and when there are too many. Flushes. */
export async function keepRuleSet(em: EntityManager, rules: RuleSet, now: Date): Promise<PromptRuleSet> {
  const { version } = rules;
  if ((await em.count(PromptRuleSet, { version })) > 0) throw new AppError('conflict', t('prompt-rules.known'));
  if ((await em.count(PromptRuleSet)) >= MOST_SETS) throw new AppError('conflict', t('prompt-rules.full'));
  const set = em.create(PromptRuleSet, { id: newId(), version, rules, createdAt: now, changedAt: now });
  await em.persist(set).flush();
  return set;
}

/**
 * What may become what: rules judge in the shadow before they hold, and what held once may hold again. One set is active
 * and one in the shadow; the one before makes room.
 */
const mayBecome = ({ state, activatedAt }: PromptRuleSet, next: RuleSetState): boolean => {
  if (next === 'shadow') return state === 'draft' || state === 'retired';
  if (next === 'active') return state === 'shadow' || (state === 'retired' && activatedAt != null);
  return next === 'retired' && (state === 'shadow' || state === 'active');
};

/** Before `moveRuleSet`, and not within its transaction. Throws `invalid` unless the tests of the set pass. */
export async function assertTested(screen: PromptScreen, { rules }: Pick<PromptRuleSet, 'rules'>): Promise<void> {
  const parsed = await readRuleSet(screen, rules);
  const failed: string[] = [];
  for (const [n, { texts, level, flags, action }] of parsed.tests.entries()) {
    const verdict = await screen.judge(texts, { level, flags }, parsed);
    if (verdict.action !== action) failed.push(`test ${n + 1} is ${verdict.action}, not ${action}`);
  }
  if (failed.length > 0) throw refused(t('prompt-rules.failed', { tests: failed.slice(0, MOST_PROBLEMS).join('; ') }));
}

/** Throws `not_found`, and `conflict` for what it may not become. The caller flushes, and tells the screening. */
export async function moveRuleSet(
  em: EntityManager,
  id: string,
  next: RuleSetState,
  now: Date,
): Promise<{ readonly set: PromptRuleSet; readonly before: RuleSetState }> {
  const set = await em.findOne(PromptRuleSet, id);
  if (!set) throw new AppError('not_found', t('prompt-rules.gone'));
  const before = set.state;
  if (!mayBecome(set, next)) throw new AppError('conflict', t(`prompt-rules.not-${next}`));
  if (next !== 'retired') {
    await em.nativeUpdate(PromptRuleSet, { state: next }, { state: 'retired', changedAt: now });
  }
  Object.assign(set, { state: next, changedAt: now, ...(next === 'active' ? { activatedAt: now } : {}) });
  return { set, before };
}

const refused = (message: string) => new AppError('invalid', message, { fields: { rules: message } });
