import { can } from '../../../accounts/permissions.ts';
import { audited } from '../../../kit/audit/append.ts';
import { rows, toNumber } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Work } from '../../../kit/work.ts';
import { type Claimant, type Desk, unsealPerson } from '../desk.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { pageStaff } from '../verify/letters.ts';
import { requireDecider } from './bars.ts';

/** So many looks within an hour are work; more are curiosity, and the owner hears of it. */
const ALARM_AT = 10;
const WITHIN_MS = 3_600_000;

/**
 * Who filed a case, for staff who may know: each look is written down, and too many in an hour are told to the owner
 * (spec/takedowns.md 2.11). Throws `forbidden` without the permission.
 */
export async function lookAtClaimant(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  caseId: string,
): Promise<Claimant | null> {
  const kase = await requireDecider(work, caseId, 'case.see-claimant');
  const { viewer } = work;
  if (!viewer || !can(viewer, 'seeClaimants')) {
    throw new AppError('forbidden', 'You may not see who filed a case.');
  }
  return audited(work, async (em) => {
    const row = await em.findOne(CaseClaimant, caseId);
    const [looks] = await rows<{ n: unknown }>(
      em,
      `select count(*) as n from audit_entry where action = 'case.see-claimant' and actor_id = ? and at > ?`,
      [viewer.id, new Date(work.now().getTime() - WITHIN_MS)],
    );
    const count = toNumber(looks?.n) + 1;
    if (count === ALARM_AT + 1) {
      const path = `/moderation/cases/${caseId}`;
      await pageStaff({ ...work, em }, desk, { permission: 'owner', key: 'curious', path, number: kase.number });
    }
    const entry = { action: 'case.see-claimant', subject: { kind: 'case', id: caseId }, after: { withinHour: count } };
    return { result: row ? unsealPerson<Claimant>(desk, row.sealed) : null, entries: [entry] };
  });
}
