import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { Account, handle } from '../../accounts/model.ts';
import type { Veil } from '../../kit/storage/images-veil.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { listRules, type RuleView, ruleView } from '../rules/list.ts';
import { findFirstApprover, hasTwoPeople } from '../staff/two-people.ts';
import { type Bar, findBar } from './bars.ts';
import { permissionOf } from './decide.ts';
import { type Desks, type Evidence, fingerprintOf } from './desk.ts';
import { loadRow, requireModerator, takeLock } from './lock.ts';
import { QueueDecision, type QueueKind, type QueueRow } from './model.ts';
import { noteLook } from './private.ts';

export interface RowPage {
  readonly id: string;
  readonly kind: QueueKind;
  readonly title: string;
  readonly priority: number;
  readonly dueAt: string | null;
  readonly isOverdue: boolean;
  readonly openedAt: string;
  readonly voiceCount: number;
  readonly isOpen: boolean;
  readonly isMine: boolean;
  /** Who else looks at it; '' when it is the viewer's to decide. */
  readonly lockedBy: string;
  readonly bar: Bar | null;
  /** Null when there is nothing left to decide about. */
  readonly evidence: Evidence | null;
  readonly veil: Veil;
  readonly key: string;
  /** Of the evidence; '' without any. */
  readonly seen: string;
  readonly rules: readonly RuleView[];
  readonly ratings: readonly { readonly value: string; readonly label: string }[];
  /** Who agreed first where two must. */
  readonly firstApprover: string;
  /** Two people must agree, and the node has one. */
  readonly isAlone: boolean;
  readonly decisions: readonly {
    readonly choice: string;
    readonly by: string;
    readonly facts: string;
    readonly at: string;
  }[];
}

/** Opens a row: from now on it is the viewer's for a while, unless it is somebody else's. Throws `not_found`. */
export async function openRowPage(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  desks: Desks,
  id: string,
  veil: Veil,
): Promise<RowPage> {
  const { em, now } = work;
  const viewer = requireModerator(work.viewer);
  const known = await loadRow(em, viewer, id);
  const evidence = (await desks.deskOf(known)?.load(em, known)) ?? null;
  if (evidence?.isPrivate) await noteLook({ ...work, viewer }, known);
  const bar = evidence ? await findBar(em, viewer, evidence, now()) : null;
  // who may not decide does not keep others from it
  const isTaken = bar === null && (await takeLock(work, id));
  const row = await loadRow(em, viewer, id);
  const joint = evidence?.jointChoices[0];
  return {
    ...rowFacts(row, now()),
    isMine: row.assigneeId === viewer.id,
    lockedBy: isTaken || bar || row.state !== 'open' ? '' : await nameOf(em, row.lockedById),
    ...{ bar, evidence, veil },
    key: randomUUID(),
    seen: evidence ? fingerprintOf(evidence) : '',
    rules: (await listRules(em)).map(ruleView),
    ratings: RATINGS.map((level) => ({ value: String(level), label: ratingLabel(level) })),
    firstApprover: joint ? await nameOf(em, await findFirstApprover(em, { act: `queue.${joint}`, subjectId: id })) : '',
    isAlone: joint !== undefined && !(await hasTwoPeople(em, permissionOf(row), now())),
    decisions: await listDecisions(em, row),
  };
}

const rowFacts = (row: QueueRow, now: Date) => ({
  ...{ id: row.id, kind: row.kind, priority: row.priority, voiceCount: row.voiceCount },
  title: row.title || t(`queue-kind.${row.kind}`),
  dueAt: row.dueAt?.toISOString() ?? null,
  isOverdue: row.dueAt != null && row.dueAt < now,
  openedAt: row.openedAt.toISOString(),
  isOpen: row.state === 'open',
});

async function nameOf(em: EntityManager, id: number | null | undefined): Promise<string> {
  const account = id ? await em.findOne(Account, id) : null;
  return account ? handle(account) : '';
}

/** What was decided about it before, undone or not. */
async function listDecisions(em: EntityManager, { id }: QueueRow) {
  const found = await em.find(QueueDecision, { rowId: id }, { orderBy: { decidedAt: 'desc' }, limit: 10 });
  const list: { choice: string; by: string; facts: string; at: string }[] = [];
  for (const { choice, decidedById, facts, decidedAt, state } of found) {
    const label = `${t(`queue-choice.${choice}`)}${state === 'undone' ? ` (${t('queue.undone')})` : ''}`;
    list.push({ choice: label, by: await nameOf(em, decidedById), facts, at: decidedAt.toISOString() });
  }
  return list;
}
