import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { PERMISSION } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { Desk } from '../queue/desk.ts';
import { QueueDecision, QueueRow } from '../queue/model.ts';
import { openRow } from '../queue/open.ts';
import { findThing, readThingName } from '../reports/thing.ts';
import { areWithheld, isWords, showWordsAgain } from '../reports/words.ts';
import { Takedown } from '../takedown/model.ts';
import { startTakedown } from '../takedown/start.ts';
import { APPEAL_MS, APPEAL_PREFIX, appealSubject, loadOwnDecision, statementOf } from './statement.ts';

export const AppealForm = z.object({
  text: z.string().trim().min(1, 'Say why you think that it is wrong.').max(4_000, 'At most 4,000 characters.'),
});

const DAY_MS = 86_400_000;
/** As for appeals of cases (spec/takedowns.md 2.6). */
const ANSWER_MS = 14 * DAY_MS;

/** Once, free, within 180 days. Throws `not_found` for what is somebody else's, `conflict` a second time or too late. */
export async function appealDecision(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  decisionId: string,
  { text }: z.output<typeof AppealForm>,
): Promise<void> {
  const { viewer, now } = work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const { rowId, decidedAt } = await loadOwnDecision(work.em, viewer, decisionId);
  if (now().getTime() > decidedAt.getTime() + APPEAL_MS) {
    throw new AppError('conflict', 'It is too late to appeal this.');
  }
  await audited(work, async (em) => {
    const filed = await rows(
      em,
      'update queue_decision set appeal = ?, appealed_at = ? where id = ? and appealed_at is null returning id',
      [text, now(), decisionId],
    );
    if (filed.length === 0) throw new AppError('conflict', 'You appealed already.');
    const { aboutKind, aboutId, title, permission } = await em.findOneOrFail(QueueRow, rowId);
    await openRow(
      em,
      {
        ...{ kind: 'appeal', subjectId: appealSubject(decisionId), about: { kind: aboutKind, id: aboutId }, title },
        dueAt: new Date(now().getTime() + ANSWER_MS),
        permission: permission || PERMISSION.moderateContent,
      },
      now(),
    );
    const entry = { action: 'decision.appeal', subject: { kind: aboutKind, id: aboutId }, after: { decisionId } };
    return { result: undefined, entries: [entry] };
  });
}

const wordsOf = ({ aboutKind: kind, aboutId: id }: Pick<QueueRow, 'aboutKind' | 'aboutId'>) => ({ kind, id });

/** Comments and reviews are withheld without a takedown; what their author deleted since stays so. */
const canTakeBack = async (em: EntityManager, row: QueueRow, { takedownId, choice }: QueueDecision): Promise<boolean> =>
  takedownId != null || (choice === 'withhold' && (await areWithheld(em, wordsOf(row))));

/** The desk of appeals against decisions of the queue: somebody else than who decided looks again. */
export const appealDesk: Desk = {
  ...{ kinds: ['appeal'], prefix: APPEAL_PREFIX },

  async load(em, row) {
    const decision = await em.findOne(QueueDecision, { id: row.subjectId.slice(APPEAL_PREFIX.length) });
    if (decision?.ownerId == null) return null;
    const name = readThingName(`${row.aboutKind}:${row.aboutId}`);
    const thing = name && (await findThing(em, name));
    const account = await findThing(em, { kind: 'account', id: String(decision.ownerId) });
    const { what, about, rule, facts, decidedOn } = await statementOf(em, decision, decision.decidedAt);
    const fact = (key: string, value: string) => ({ label: t(`evidence.${key}`), value });
    return {
      ...{ what: row.aboutKind, title: about, text: decision.appeal ?? '', url: thing?.url ?? '' },
      ...{ owner: account?.owner ?? '', ownerUrl: `/${account?.owner ?? ''}`, ownerId: decision.ownerId },
      ...{ imageIds: thing?.imageIds ?? [], isHarmful: true, voices: [], isBurst: false, categories: [] },
      facts: [
        ...[fact('about', about), fact('decided', `${what} · ${decidedOn}`)],
        ...[...(rule ? [fact('rule', rule)] : []), fact('found', facts)],
        ...(isWords({ kind: row.aboutKind }) && thing?.text ? [fact('words', thing.text)] : []),
      ],
      deciderIds: [decision.decidedById],
      askerIds: [],
      choices: [{ name: 'uphold' }, ...((await canTakeBack(em, row, decision)) ? [{ name: 'overturn' }] : [])],
      jointChoices: [],
    };
  },

  async carryOut({ em, now }, row, { choice }) {
    const decision = await em.findOne(QueueDecision, { id: row.subjectId.slice(APPEAL_PREFIX.length) });
    const undoes = choice === 'overturn' ? decision?.takedownId : null;
    const takedown = undoes ? await em.findOne(Takedown, undoes) : null;
    if (choice === 'overturn' && decision?.choice === 'withhold') await showWordsAgain({ em }, wordsOf(row));
    if (!undoes || !takedown) return { takedownId: null, entries: [] };
    const { targetKind: kind, targetId: id, category } = takedown;
    const order = { caseId: null, target: { kind, id }, outcome: 'undo', category, parameters: { undoes } } as const;
    return { takedownId: startTakedown(em, order, now()), entries: [] };
  },
};
