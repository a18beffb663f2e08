import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { PromptRuleSet, type RuleSetState } from '../../safety/prompts/model.ts';
import { assertTested, keepRuleSet, moveRuleSet, readRuleSet } from '../../safety/prompts/rule-sets.ts';
import type { Screening } from '../../safety/screening.ts';

const MOST_CHARACTERS = 400_000;

export const RuleSetForm = z.object({
  rules: z
    .string()
    .max(MOST_CHARACTERS, `At most ${MOST_CHARACTERS} characters.`)
    .transform((text, ctx): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        const problem = error instanceof Error ? error.message : '';
        ctx.addIssue({ code: 'custom', message: t('prompt-rules.no-json', { problem: problem.slice(0, 200) }) });
        return z.NEVER;
      }
    }),
});

type Editing = Pick<Work, 'em' | 'viewer' | 'now'>;

/** Keeps rules about words as a draft. Throws `forbidden`, and what `readRuleSet` and `keepRuleSet` throw. */
export async function addRuleSet(work: Editing, screening: Screening, rules: unknown): Promise<PromptRuleSet> {
  requireRules(work);
  const read = await readRuleSet(screening.screen, rules);
  return audited(work, async (em) => {
    const result = await keepRuleSet(em, read, work.now());
    const after = { version: read.version, rules: read.rules.length, tests: read.tests.length };
    return { result, entries: [{ action: 'prompt-rules.add', subject: subjectOf(result), after }] };
  });
}

/**
 * Into the shadow, into force, or out of both. Throws `forbidden`, `not_found`, `conflict`, and `invalid` when the tests
 * of the rules do not pass.
 */
export async function setRuleSetState(
  work: Editing,
  screening: Screening,
  id: string,
  next: Exclude<RuleSetState, 'draft'>,
): Promise<void> {
  requireRules(work);
  if (next !== 'retired') {
    const set = await work.em.fork().findOne(PromptRuleSet, id);
    if (set) await assertTested(screening.screen, set);
  }
  await audited(work, async (em) => {
    const { set, before } = await moveRuleSet(em, id, next, work.now());
    const entry = { action: `prompt-rules.${ACTS[next]}`, subject: subjectOf(set) };
    const facts = { before: { state: before }, after: { state: next, version: set.version } };
    return { result: null, entries: [{ ...entry, ...facts }] };
  });
  screening.forget();
}

const ACTS = { shadow: 'shadow', active: 'activate', retired: 'retire' } as const;

/** Throws `conflict` for rules that judge now. */
export async function removeRuleSet(work: Editing, id: string): Promise<void> {
  requireRules(work);
  await audited(work, async (em) => {
    const set = await em.findOne(PromptRuleSet, id);
    if (!set) throw new AppError('not_found', t('prompt-rules.gone'));
    if (set.state === 'active' || set.state === 'shadow') throw new AppError('conflict', t('prompt-rules.in-use'));
    em.remove(set);
    const before = { version: set.version, state: set.state };
    return { result: null, entries: [{ action: 'prompt-rules.remove', subject: subjectOf(set), before }] };
  });
}

const subjectOf = ({ id }: Pick<PromptRuleSet, 'id'>) => ({ kind: 'prompt-rules', id });

function requireRules({ viewer }: Pick<Work, 'viewer'>): void {
  if (!viewer || !can(viewer, 'manageRules')) throw new AppError('forbidden', t('prompt-rules.forbidden'));
}
