import { WithheldWords } from '../../gallery/events.ts';
import { audited } from '../../kit/audit/append.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { restrictionDecided } from '../queue/events.ts';
import { QueueDecision, QueueRow } from '../queue/model.ts';
import { findThing } from '../reports/thing.ts';
import { areWithheld } from '../reports/words.ts';

/**
 * After `words.withheld`: a moderator withheld a comment or a review on its page, without the queue. It is a decision
 * like any other, so that its author is told and can appeal.
 */
export const noteWithheldJob = defineJob({
  name: 'moderation.note-withheld',
  lane: 'clock',
  payload: WithheldWords,
  attempts: 10,
  run: noteWithheld,
});

async function noteWithheld(
  { em: outer, now }: Pick<Work, 'em' | 'now'>,
  { kind, id, moderatorId, decisionId }: ReturnType<typeof WithheldWords.parse>,
): Promise<void> {
  await audited({ em: outer, viewer: null, now }, async (em) => {
    const none = { result: null, entries: [] };
    if ((await em.count(QueueDecision, { id: decisionId })) > 0 || !(await areWithheld(em, { kind, id }))) return none;
    const thing = await findThing(em, { kind, id });
    if (!thing) return none;
    const [rowId, at] = [newId(now().getTime()), now()];
    const about = { aboutKind: kind, aboutId: id, title: t(`reported.${kind}`) };
    em.create(
      QueueRow,
      {
        ...{ id: rowId, kind: 'report', subjectId: `${kind}:${id}`, openKey: rowId, ...about, state: 'done' },
        ...{ dueAt: null, assigneeId: null, lockedById: null, lockedUntil: null, voiceCount: 0 },
        ...{ openedAt: at, closedAt: at, outcome: 'withhold' },
      },
      { persist: true },
    );
    em.create(
      QueueDecision,
      {
        ...{ id: decisionId, rowId, decidedById: moderatorId, ownerId: thing.ownerId, choice: 'withhold' },
        ...{ ruleId: null, facts: t('statement.on-page'), state: 'done', decidedAt: at, executesAt: at, doneAt: at },
        ...{ jobId: newId(), takedownId: null },
      },
      { persist: true },
    );
    record(em, restrictionDecided, { decisionId });
    const entry = { action: 'queue.decide', subject: { kind, id }, role: 'worker' };
    return { result: null, entries: [{ ...entry, after: { row: rowId, choice: 'withhold', moderatorId } }] };
  });
}
