import { audited } from '../../kit/audit/append.ts';
import { AuditEntry } from '../../kit/audit/model.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { LOCK_MS } from './lock.ts';
import type { QueueRow } from './model.ts';

const ACTION = 'queue.see-private';

/**
 * Somebody of the staff sees what its owner never published: it is written down before anything of it is sent, once for
 * as long as a row is kept for who opened it.
 */
export async function noteLook(
  work: Pick<Work, 'em' | 'now'> & { readonly viewer: Viewer },
  { id, kind, aboutKind, aboutId }: QueueRow,
): Promise<void> {
  const { em, viewer, now } = work;
  const subject = { kind: aboutKind, id: aboutId };
  const since = new Date(now().getTime() - LOCK_MS);
  const before = { subjectKind: aboutKind, subjectId: aboutId, action: ACTION, actorId: viewer.id, at: { $gt: since } };
  if ((await em.count(AuditEntry, before)) > 0) return;
  await audited(work, async () => ({
    result: null,
    entries: [{ action: ACTION, subject, after: { row: id, kind } }],
  }));
}
