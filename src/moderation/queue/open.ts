import type { EntityManager } from '@mikro-orm/core';
import { newId } from '../../kit/ids.ts';
import { type QueueKind, QueueRow } from './model.ts';

export interface QueueEntry {
  readonly kind: QueueKind;
  readonly subjectId: string;
  readonly about: { readonly kind: string; readonly id: string | number };
  readonly title: string;
  readonly priority?: number;
  readonly dueAt?: Date | null;
  readonly permission?: number;
}

/** Puts a thing into the queue, once: a second time counts a voice more, and the stricter priority and deadline hold. */
export async function openRow(em: EntityManager, entry: QueueEntry, now: Date): Promise<QueueRow> {
  const known = await em.findOne(QueueRow, { kind: entry.kind, subjectId: entry.subjectId, openKey: OPEN });
  if (known) {
    known.voiceCount += 1;
    known.priority = Math.min(known.priority, entry.priority ?? known.priority);
    if (entry.dueAt && (!known.dueAt || entry.dueAt < known.dueAt)) known.dueAt = entry.dueAt;
    return known;
  }
  return em.create(
    QueueRow,
    {
      id: newId(now.getTime()),
      kind: entry.kind,
      subjectId: entry.subjectId,
      openKey: OPEN,
      aboutKind: entry.about.kind,
      aboutId: String(entry.about.id),
      title: entry.title.slice(0, 200),
      state: 'open',
      priority: entry.priority ?? 2,
      dueAt: entry.dueAt ?? null,
      permission: entry.permission ?? 0,
      assigneeId: null,
      lockedById: null,
      lockedUntil: null,
      openedAt: now,
      closedAt: null,
    },
    { persist: true },
  );
}

const OPEN = 'open';

/** Takes it out of the queue; nothing happens when it does not wait. The caller flushes. */
export async function closeRow(
  em: EntityManager,
  kind: QueueKind,
  subjectId: string,
  outcome: string,
  now: Date,
): Promise<void> {
  const row = await em.findOne(QueueRow, { kind, subjectId, openKey: OPEN });
  if (!row) return;
  row.state = 'done';
  row.openKey = row.id;
  row.closedAt = now;
  row.outcome = outcome;
  row.lockedById = null;
  row.lockedUntil = null;
}
