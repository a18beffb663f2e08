import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { PromptRuleSet } from './model.ts';
import { RuleSet } from './rules/schema.ts';
import type { PromptScreen } from './screen.ts';

type Writing = Pick<Work, 'em' | 'now'>;

/** Keeps a set of rules as a draft. Throws `invalid` with what does not fit, and `conflict` for a version that is there. */
export async function addRuleSet({ em, now }: Writing, rules: unknown): Promise<PromptRuleSet> {
  const parsed = RuleSet.safeParse(rules);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError('invalid', `The rules do not fit: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { version } = parsed.data;
  if ((await em.count(PromptRuleSet, { version })) > 0)
    throw new AppError('conflict', 'There are rules of this version.');
  const at = now();
  const set = em.create(PromptRuleSet, { id: newId(), version, rules: parsed.data, createdAt: at, changedAt: at });
  await em.persist(set).flush();
  return set;
}

/** From now on it judges beside the active rules, and what it would have decided is written down. */
export async function shadowRuleSet(work: Writing, screen: PromptScreen, version: string): Promise<void> {
  await advance(work, screen, version, 'shadow');
}

/** Its rules hold from now on. Throws `conflict` unless it was in the shadow first, `invalid` unless its tests pass. */
export async function activateRuleSet(work: Writing, screen: PromptScreen, version: string): Promise<void> {
  await advance(work, screen, version, 'active');
}

async function advance({ em, now }: Writing, screen: PromptScreen, version: string, state: 'shadow' | 'active') {
  const set = await em.findOne(PromptRuleSet, { version });
  if (!set) throw new AppError('not_found', 'There are no such rules.');
  const before = state === 'active' ? 'shadow' : 'draft';
  if (set.state !== before) throw new AppError('conflict', `Rules are ${before} before they are ${state}.`);
  const failed = await failedTests(screen, RuleSet.parse(set.rules));
  if (failed.length > 0) throw new AppError('invalid', `Tests of these rules do not pass: ${failed.join('; ')}`);
  await em.transactional(async (tx) => {
    await tx.nativeUpdate(PromptRuleSet, { state }, { state: 'retired', changedAt: now() });
    await tx.nativeUpdate(PromptRuleSet, { version }, { state, changedAt: now() });
  });
}

/** Each as what it should be and is. */
async function failedTests(screen: PromptScreen, rules: RuleSet): Promise<string[]> {
  const failed: string[] = [];
  for (const [n, { texts, level, flags, action }] of rules.tests.entries()) {
    const verdict = await screen.judge(texts, { level, flags }, rules);
    if (verdict.action !== action) failed.push(`test ${n + 1} is ${verdict.action}, not ${action}`);
  }
  return failed;
}
