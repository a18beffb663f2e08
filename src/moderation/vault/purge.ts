import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import type { LineLog } from '../../kit/storage/vault/line-log.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { Approval } from '../staff/model.ts';
import { approveTogether, hasTwoPeople } from '../staff/two-people.ts';
import { keepPurged } from '../takedown/again/marks.ts';
import { TakedownTrace } from '../takedown/trace.ts';
import { loadVaulted, needsTwo, permissionOf, strictestOf } from './kept.ts';

export const PurgeForm = z.object({
  reason: z.string().trim().min(1, 'Say why.').max(500, 'At most 500 characters.'),
  sure: z.literal('1', 'Tick this to go on.'),
  early: z.enum(['', '1']).default(''),
});

const ACT = 'vault.purge';
/** On a node with one person a second look of the same takes the place of the second person. */
const ALONE_MS = 72 * 3_600_000;

/**
 * Lets bytes go for good: by a person, and never by a clock (DESIGN.md, ruling 3). `waits`: the first of two was noted.
 * Throws `invalid` before the time is over unless that is meant, `conflict` for what is gone.
 */
export async function purgeVaulted(
  work: Pick<Work, 'em' | 'now'> & { readonly viewer: Viewer },
  { vault, marks }: { readonly vault: Vault; readonly marks: LineLog },
  id: string,
  { reason, early }: z.output<typeof PurgeForm>,
): Promise<'purged' | 'waits' | 'alone'> {
  const { em, viewer, now } = work;
  const item = await loadVaulted(em, viewer, id);
  if (item.purgedAt) throw new AppError('conflict', 'This was purged before.');
  const category = await strictestOf(em, item.digest);
  const isEarly = item.keptUntil > now();
  if (isEarly && early === '') {
    const message = 'It may still be asked for. Tick this if it must go all the same.';
    throw new AppError('invalid', message, { fields: { early: message } });
  }
  return audited(work, async (inner) => {
    const subject = { kind: 'vault', id };
    const facts = { category, takedownId: item.takedownId, isEarly };
    const state = needsTwo(category) ? await agree(inner, viewer, item.digest, now()) : 'agreed';
    if (state !== 'agreed') {
      return { result: state, entries: [{ action: `${ACT}-ask`, subject, after: facts, reason }] };
    }
    const where = { digest: item.digest, purgedAt: null, restoredAt: null };
    const traces = await inner.nativeUpdate(TakedownTrace, where, { purgedAt: now() });
    // first the mark: a restore in between brings nothing back
    await keepPurged(marks, item.digest, now());
    await vault.remove(item.digest);
    return { result: 'purged', entries: [{ action: ACT, subject, after: { ...facts, traces }, reason }] };
  });
}

async function agree(em: EntityManager, viewer: Viewer, subjectId: string, now: Date) {
  const first = await em.findOne(Approval, { act: ACT, subjectId });
  if ((await approveTogether(em, { act: ACT, subjectId }, viewer, now)) === 'approved') return 'agreed' as const;
  if (await hasTwoPeople(em, permissionOf('minor'), now)) return 'waits' as const;
  const isOver = first?.accountId === viewer.id && now.getTime() - first.approvedAt.getTime() >= ALONE_MS;
  if (!isOver) return 'alone' as const;
  await em.nativeDelete(Approval, { act: ACT, subjectId });
  return 'agreed' as const;
}
