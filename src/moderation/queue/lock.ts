import type { EntityManager } from '@mikro-orm/core';
import { can } from '../../accounts/permissions.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { QueueRow } from './model.ts';

/** So long a row stays with who opened it; the page renews it while it is open. */
export const LOCK_MS = 5 * 60_000;

export function requireModerator(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if (!can(viewer, 'moderateContent')) throw new AppError('forbidden', 'The queue is for moderators.');
  return viewer;
}

/** Throws `not_found`, also for rows that this moderator may not decide. */
export async function loadRow(em: EntityManager, viewer: Viewer, id: string): Promise<QueueRow> {
  const row = await em.findOne(QueueRow, id, { refresh: true });
  if (!row || !mayDecide(viewer, row)) throw new AppError('not_found', 'There is no such entry in the queue.');
  return row;
}

const mayDecide = (viewer: Viewer, { permission }: Pick<QueueRow, 'permission'>): boolean =>
  permission === 0 || (permission & viewer.permissions) !== 0;

/**
 * Takes or renews the lock of an open row, and gives back the one that the viewer had before: one thing at a time.
 * False when somebody else has it, or when the row is decided.
 */
export async function takeLock(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  rowId: string,
): Promise<boolean> {
  const who = requireModerator(viewer);
  const taken = await rows(
    em,
    `update queue_row set locked_by_id = ?, locked_until = ? where id = ? and state = 'open'
       and (locked_by_id is null or locked_by_id = ? or locked_until <= ?) returning id`,
    [who.id, new Date(now().getTime() + LOCK_MS), rowId, who.id, now()],
  );
  await rows(
    em,
    `update queue_row set locked_by_id = null, locked_until = null
     where state = 'open' and locked_by_id = ? and id <> ? returning id`,
    [who.id, rowId],
  );
  return taken.length > 0;
}

/** As long as the page is open. False when the row went to somebody else meanwhile, or is decided. */
export async function renewLock(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  rowId: string,
): Promise<boolean> {
  const who = requireModerator(viewer);
  const until = new Date(now().getTime() + LOCK_MS);
  const sql = `update queue_row set locked_until = ? where id = ? and state = 'open' and locked_by_id = ? returning id`;
  return (await rows(em, sql, [until, rowId, who.id])).length > 0;
}

/** Somebody else may look now. */
export async function releaseLock({ em, viewer }: Pick<Work, 'em' | 'viewer'>, rowId: string): Promise<void> {
  const who = requireModerator(viewer);
  await rows(
    em,
    'update queue_row set locked_by_id = null, locked_until = null where id = ? and locked_by_id = ? returning id',
    [rowId, who.id],
  );
}

/** Gives a row to somebody who does not hold it, or to nobody. Others may still decide it. */
export async function assignRow(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  rowId: string,
  isMine: boolean,
): Promise<void> {
  const who = requireModerator(viewer);
  const row = await loadRow(em, who, rowId);
  row.assigneeId = isMine ? who.id : null;
  await em.flush();
}
