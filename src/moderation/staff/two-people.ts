import type { EntityManager } from '@mikro-orm/core';
import type { Permission } from '../../accounts/permissions.ts';
import { maySql } from '../../accounts/staff/grants.ts';
import { rows, toDate } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer } from '../../kit/work.ts';
import { Approval } from './model.ts';

export interface JointAct {
  /** `case.dismiss`, `account.terminate` and the like: what exactly the two agree to, its choices too. */
  readonly act: string;
  readonly subjectId: string;
}

/** Afterwards the first of the two is asked again. */
const STANDS_MS = 7 * 86_400_000;

/**
 * For what two people must want: the first is noted and gets `waits`, another one gets `approved`, and the next time
 * two are needed again. Whoever may do the act has been asked already, and writes an audit row either way. Call it in
 * the transaction of the act.
 */
export async function approveTogether(
  em: EntityManager,
  { act, subjectId }: JointAct,
  viewer: Viewer | null,
  now: Date,
): Promise<'approved' | 'waits'> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  // the row is the lock: of two people at once the second waits here for the first, and then sees them
  const fresh = await rows(
    em,
    `insert into approval (act, subject_id, account_id, approved_at) values (?, ?, ?, ?)
     on conflict (act, subject_id) do nothing returning act`,
    [act, subjectId, viewer.id, now],
  );
  if (fresh.length > 0) return 'waits';
  const [first] = await rows<{ account_id: number; approved_at: unknown }>(
    em,
    'select account_id, approved_at from approval where act = ? and subject_id = ?',
    [act, subjectId],
  );
  if (!first || first.account_id === viewer.id) return 'waits';
  if (now.getTime() - toDate(first.approved_at).getTime() > STANDS_MS) {
    await em.nativeUpdate(Approval, { act, subjectId }, { accountId: viewer.id, approvedAt: now });
    return 'waits';
  }
  return (await em.nativeDelete(Approval, { act, subjectId, accountId: first.account_id })) > 0 ? 'approved' : 'waits';
}

/** Takes back what the viewer agreed to, while the second is still missing. */
export async function withdrawApproval(em: EntityManager, { act, subjectId }: JointAct, viewer: Viewer): Promise<void> {
  await em.nativeDelete(Approval, { act, subjectId, accountId: viewer.id });
}

/** Who was the first, while the second is still missing. */
export async function findFirstApprover(em: EntityManager, { act, subjectId }: JointAct): Promise<number | null> {
  return (await em.findOne(Approval, { act, subjectId }))?.accountId ?? null;
}

/** Has the node two people who may? Where it has not, the one is told so, and a clock decides in the second's place. */
export async function hasTwoPeople(em: EntityManager, permission: Permission, now: Date): Promise<boolean> {
  const { sql, parameters } = maySql('a', permission, now);
  const found = await rows(
    em,
    `select a.id from account a where a.host = '' and a.state = 'active' and ${sql} limit 2`,
    parameters,
  );
  return found.length > 1;
}
