import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { holdReason } from '../../safety/holds/hold.ts';
import { HOLD_KINDS, type HoldKind, SafetyHold } from '../../safety/holds/model.ts';
import type { QueueKind } from '../queue/model.ts';
import { closeRow, openRow } from '../queue/open.ts';
import { type RuleCategory, urgencyOf } from '../rules/model.ts';

/** An account that is stopped stands among the reports: it is the person that somebody decides about. */
export const HOLD_ROWS: Readonly<Record<HoldKind, QueueKind>> = {
  ...{
    generation: 'generation',
    training: 'training',
    account: 'report',
    bounty: 'bounty',
    entry: 'bounty',
    image: 'upload',
  },
  ...{ model: 'upload', post: 'upload', collection: 'upload', comment: 'report', review: 'report' },
};
/** Rows of holds; a report of the same account is another row. */
export const HOLD_PREFIX = 'hold:';

const subjectOf = (kind: HoldKind, id: string): string => `${HOLD_PREFIX}${kind}:${id}`;

/** The hold that a row is about; null for what is none. */
export function readHoldSubject(subjectId: string): { kind: HoldKind; id: string } | null {
  const [, name, id] = /^hold:([a-z]+):(.{1,36})$/.exec(subjectId) ?? [];
  const kind = HOLD_KINDS.find((one) => one === name);
  return kind && id ? { kind, id } : null;
}

const CATEGORIES: Readonly<Record<string, RuleCategory>> = {
  ...{ 'child-safety': 'minor', 'minor-review': 'minor', 'minor-sexual': 'minor' },
  ...{ 'real-person': 'likeness', 'protected-person': 'likeness' },
};

/** How urgent a hold is, by what it may turn out to be. */
export const holdCategory = (reason: string): RuleCategory => CATEGORIES[reason] ?? 'other';

const thing = z.object({ kind: z.enum(HOLD_KINDS), id: z.string() });
type ThingName = z.output<typeof thing>;

/** After `safety.held`: what waits for a person waits where people look. */
export const openHoldRowJob = defineJob({
  name: 'moderation.open-hold-row',
  lane: 'clock',
  payload: thing,
  attempts: 10,
  run: (work, name) => openHoldRow(work, name),
});

/** After `safety.decided`, by whoever decided it. */
export const closeHoldRowJob = defineJob({
  name: 'moderation.close-hold-row',
  lane: 'clock',
  payload: thing.extend({ outcome: z.string() }),
  attempts: 10,
  run: async ({ em, now }, { kind, id, outcome }) => {
    // held anew meanwhile: it waits on
    if ((await em.count(SafetyHold, { kind, targetId: id, state: 'held' })) > 0) return;
    await closeRow(em, HOLD_ROWS[kind], subjectOf(kind, id), outcome, now());
    await em.flush();
  },
});

async function openHoldRow({ em, now }: Pick<Work, 'em' | 'now'>, { kind, id }: ThingName): Promise<void> {
  await em.transactional(async (tx) => {
    const held = await tx.findOne(SafetyHold, { kind, targetId: id, state: 'held' }, { orderBy: { id: -1 } });
    const subjectId = subjectOf(kind, id);
    const known = await rows(tx, `select id from queue_row where kind = ? and subject_id = ? and open_key = 'open'`, [
      ...[HOLD_ROWS[kind], subjectId],
    ]);
    if (!held || known.length > 0) return;
    const { hours, ...urgency } = urgencyOf(holdCategory(held.reason));
    await openRow(
      tx,
      {
        ...{ kind: HOLD_ROWS[kind], subjectId, about: { kind, id }, ...urgency },
        title: t(`queue-hold.${kind}`, { reason: holdReason(held.reason) }),
        dueAt: new Date(held.createdAt.getTime() + hours * 3_600_000),
      },
      now(),
    );
    await tx.flush();
  });
}
