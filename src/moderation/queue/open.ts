import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows } from '../../kit/database/sql.ts';
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

/**
 * Puts a thing into the queue, once: a second time counts a voice more, and the stricter priority, deadline and
 * permission hold. In a transaction of the caller's, who tries again when two were the first at once.
 */
export async function openRow(em: EntityManager, entry: QueueEntry, now: Date): Promise<QueueRow> {
  const known = await em.findOne(QueueRow, { kind: entry.kind, subjectId: entry.subjectId, openKey: OPEN });
  if (known) return addVoice(em, known, entry);
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

/** In the database, so that of many voices at once each one counts. */
async function addVoice(em: EntityManager, row: QueueRow, entry: QueueEntry): Promise<QueueRow> {
  const set = ['voice_count = voice_count + 1'];
  const values: Parameter[] = [];
  if (entry.priority !== undefined) {
    const priority = Math.trunc(entry.priority);
    set.push(`priority = case when priority > ${priority} then ${priority} else priority end`);
    if (entry.permission) {
      set.push(
        `permission = case when priority > ${priority} then ${Math.trunc(entry.permission)} else permission end`,
      );
    }
  }
  if (entry.dueAt) {
    set.push('due_at = case when due_at is null or due_at > ? then ? else due_at end');
    values.push(entry.dueAt, entry.dueAt);
  }
  await rows(em, `update queue_row set ${set.join(', ')} where id = ? returning id`, [...values, row.id]);
  return em.findOneOrFail(QueueRow, row.id, { refresh: true });
}

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
