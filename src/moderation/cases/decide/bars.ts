import type { EntityManager } from '@mikro-orm/core';
import { Follow } from '../../../accounts/model.ts';
import { can, PERMISSION } from '../../../accounts/permissions.ts';
import { refuseAudited } from '../../../kit/audit/refuse.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Viewer, Work } from '../../../kit/work.ts';
import { ClaimCase } from '../model/case.ts';
import { CLAIMS } from '../types/types.ts';

/** Why somebody must not decide a case, whatever they may do otherwise (spec/takedowns.md 2.3, invariant e), or null. */
export async function findBar(em: EntityManager, viewer: Viewer, kase: ClaimCase): Promise<string | null> {
  if (viewer.id === kase.uploaderId) return 'The case is about something of yours.';
  if (viewer.id === kase.filerId) return 'You filed this case.';
  const parties = [kase.uploaderId, kase.filerId].filter((id) => id != null);
  const follows = await em.count(Follow, { follower: viewer.id, target: { $in: parties }, state: 'accepted' });
  return follows > 0 ? 'You follow one of the parties.' : null;
}

/** Staff who may decide cases of some kind. */
const isCaseStaff = (viewer: Viewer): boolean =>
  (viewer.permissions & (PERMISSION.decideSevere | PERMISSION.decideRights | PERMISSION.moderateContent)) !== 0;

/**
 * The case for somebody who may decide it. Throws `not_found` for who is no such staff, and `forbidden` for who may not
 * decide this type or is a party to it, which is written down.
 */
export async function requireDecider(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  caseId: string,
  action: string,
): Promise<ClaimCase> {
  const { em, viewer } = work;
  const kase = viewer && isCaseStaff(viewer) ? await em.findOne(ClaimCase, caseId) : null;
  if (!viewer || !kase) throw new AppError('not_found', 'There is no such case.');
  const bar = can(viewer, CLAIMS[kase.type].permission)
    ? await findBar(em, viewer, kase)
    : 'You may not decide cases of this type.';
  if (bar) await refuseAudited(work, { action, subject: { kind: 'case', id: caseId }, after: {} }, bar);
  return kase;
}
