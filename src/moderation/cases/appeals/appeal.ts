import { z } from 'zod';
import { PERMISSION } from '../../../accounts/permissions.ts';
import { refuseAudited } from '../../../kit/audit/refuse.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { openRow } from '../../queue/open.ts';
import { stopClocks } from '../clocks/set.ts';
import { requireDecider } from '../decide/bars.ts';
import { DecideForm, type ReasonFields, requireRule, together, writeDecision } from '../decide/decide.ts';
import { parametersOf, refuseUnfit } from '../decide/outcomes.ts';
import type { Desk } from '../desk.ts';
import { type ClaimCase, targetOf } from '../model/case.ts';
import { CaseAppeal } from '../model/redress.ts';
import { moveCase } from '../transitions/move.ts';
import { CLAIMS, DAY } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

export const AppealForm = z.object({ text: z.string().trim().min(1, t('case.error-text')).max(4_000) });
const TARGET_MS = 14 * DAY;

/** Either side, once each, free, within 180 days (spec/takedowns.md 2.6). */
export async function fileAppeal(
  work: Actor,
  caseId: string,
  side: CaseAppeal['side'],
  { text }: z.output<typeof AppealForm>,
): Promise<void> {
  await moveCase(work, caseId, {
    ...{ trigger: 'appeal', role: side, facts: { side } },
    act: async (em, kase) => {
      const now = work.now();
      if (await em.findOne(CaseAppeal, { caseId, side })) throw new AppError('conflict', 'You appealed already.');
      const dueAt = new Date(now.getTime() + TARGET_MS);
      em.create(CaseAppeal, { caseId, side, text, filedAt: now, dueAt }, { persist: true });
      kase.endedAt = null;
      await stopClocks(em, caseId, ['settle', 'erase_claimant', 'redact']);
      await openRow(em, rowOf(kase, dueAt), now);
    },
  });
}

const rowOf = (kase: ClaimCase, dueAt: Date) => ({
  kind: 'appeal' as const,
  subjectId: kase.id,
  about: targetOf(kase) ?? { kind: 'case', id: kase.number },
  title: `${kase.number} · ${t(`case.type-${kase.type}`)}`,
  priority: kase.priority,
  dueAt,
  permission: PERMISSION[CLAIMS[kase.type].permission],
});

/** The appeal that waits, for somebody who did not decide. */
async function requireOther(work: Actor, caseId: string): Promise<{ kase: ClaimCase; appeal: CaseAppeal }> {
  const kase = await requireDecider(work, caseId, 'case.decide-appeal');
  const [appeal, former] = await work.em.find(CaseAppeal, { caseId }, { orderBy: { decidedAt: 'desc nulls first' } });
  if (!appeal || appeal.decidedAt != null) throw new AppError('conflict', 'No appeal waits in this case.');
  const deciders = [kase.deciderId, former?.deciderId];
  if (deciders.includes(work.viewer?.id)) {
    const attempt = { action: 'case.decide-appeal', subject: { kind: 'case', id: caseId }, after: {} };
    await refuseAudited(work, attempt, 'Somebody else than who decided looks at an appeal.');
  }
  return { kase, appeal };
}

/** The decision stands. */
export async function upholdDecision(
  work: Actor,
  desk: Desk,
  caseId: string,
  { rule, facts }: z.output<typeof ReasonFields>,
): Promise<void> {
  const { appeal } = await requireOther(work, caseId);
  await requireRule(work.em, rule);
  await moveCase(work, caseId, {
    ...{ trigger: 'uphold', rule, reason: facts },
    act: async (em, kase) => {
      await settle(em, appeal, work, 'upheld', facts);
      await tellClaimant({ ...work, em }, desk, kase, 'appeal-decided');
      if (kase.uploaderToldAt) await tellUploader({ ...work, em }, desk, kase, 'appeal-decided');
    },
  });
}

async function settle(
  em: Actor['em'],
  { caseId, side }: CaseAppeal,
  { viewer, now }: Actor,
  result: 'upheld' | 'overturned',
  reasons: string,
): Promise<void> {
  const row = await em.findOneOrFail(CaseAppeal, { caseId, side });
  Object.assign(row, { decidedAt: now(), deciderId: viewer?.id ?? null, result, reasons });
}

export const OverturnForm = DecideForm.extend({
  outcome: z.enum([...DecideForm.shape.outcome.options, 'undo'], t('case.error-outcome')),
});

/** Another decision in the place of the first: what was done is taken back, or what was refused is done. */
export async function overturnDecision(
  work: Actor,
  caseId: string,
  { outcome: chosen, ...form }: z.output<typeof OverturnForm>,
): Promise<'decided' | 'waits'> {
  const { kase, appeal } = await requireOther(work, caseId);
  const { rule, facts } = form;
  const undoes = kase.takedownId ?? undefined;
  // a claim that falls after it was carried out is taken back, not only turned down
  const wasDone = undoes !== undefined && kase.outcome !== 'dismiss' && kase.outcome !== 'undo';
  const outcome = chosen === 'dismiss' && wasDone ? 'undo' : chosen;
  const parameters = outcome === 'undo' ? (undoes ? { undoes } : {}) : parametersOf({ ...form, outcome });
  if (outcome !== 'undo') refuseUnfit(kase, outcome, parameters);
  await requireRule(work.em, rule);
  const moved = await moveCase(work, caseId, {
    ...{ trigger: 'overturn', rule, reason: facts, facts: { outcome } },
    ...together(kase, outcome, parameters.action === 'terminate'),
    act: async (em, kase) => {
      await settle(em, appeal, work, 'overturned', facts);
      const decision = { outcome, parameters, rule, facts, deciderId: work.viewer?.id ?? null };
      await writeDecision(em, kase, decision, work.now());
    },
  });
  return moved.state === 'decided' ? 'decided' : 'waits';
}
