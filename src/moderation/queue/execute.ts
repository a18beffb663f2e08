import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { Rule, ruleLabel } from '../rules/model.ts';
import { Approval } from '../staff/model.ts';
import type { Desks } from './desk.ts';
import { isRestriction, restrictionDecided } from './events.ts';
import { QueueDecision, QueueRow } from './model.ts';
import { closeRow } from './open.ts';

const Payload = z.object({ decisionId: z.uuid() });

/** Written when somebody decides; who runs it knows the desks. */
export const executeDecisionJob = defineJob({
  name: 'moderation.execute-decision',
  lane: 'clock',
  payload: Payload,
  attempts: 20,
  run: () => {
    throw new TypeError('the desks are handed in by executeDecisionJobOf');
  },
});

export const executeDecisionJobOf = (desks: Desks): JobDefinition<typeof Payload> => ({
  ...executeDecisionJob,
  run: (work, { decisionId }) => executeDecision(work, desks, decisionId),
});

/** Lets follow what was decided, once, in one transaction with its audit rows. One that was undone is left alone. */
export async function executeDecision(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  desks: Desks,
  decisionId: string,
): Promise<void> {
  await audited({ em: work.em, viewer: null, now: work.now }, async (em) => {
    const now = work.now();
    const turned = await em.nativeUpdate(
      QueueDecision,
      { id: decisionId, state: 'pending' },
      { state: 'done', doneAt: now },
    );
    if (turned === 0) return { result: null, entries: [] };
    const decision = await em.findOneOrFail(QueueDecision, decisionId, { refresh: true });
    const row = await em.findOneOrFail(QueueRow, decision.rowId, { refresh: true });
    const desk = desks.deskOf(row);
    const evidence = (await desk?.load(em, row)) ?? null;
    const { takedownId, entries } = (await desk?.carryOut({ ...work, em }, row, decision, evidence)) ?? {
      takedownId: null,
      entries: [],
    };
    decision.takedownId = takedownId;
    await closeRow(em, row.kind, row.subjectId, decision.choice, now);
    await em.nativeDelete(Approval, { subjectId: row.id });
    if (decision.ownerId != null && isRestriction(decision)) record(em, restrictionDecided, { decisionId });
    const rule = !decision.ruleId ? null : await em.findOne(Rule, decision.ruleId);
    const entry = {
      ...{ action: 'queue.execute', subject: { kind: row.aboutKind, id: row.aboutId }, role: 'worker' },
      after: { row: row.id, choice: decision.choice, takedown: takedownId },
      ...(rule ? { rule: ruleLabel(rule) } : {}),
    };
    return { result: null, entries: [entry, ...entries] };
  });
}
