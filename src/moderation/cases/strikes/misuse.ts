import type { EntityManager } from '@mikro-orm/core';
import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Work } from '../../../kit/work.ts';
import { requireDecider } from '../decide/bars.ts';
import type { Desk } from '../desk.ts';
import { ClaimCase } from '../model/case.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { MisuseMark } from '../model/strike.ts';
import { DAY, isSevere } from '../types/types.ts';
import { tellClaimant } from '../verify/letters.ts';

const WARN_AT = 2;
const SLOW_AT = 3;
const SLOW_MS = 90 * DAY;
const SLOW_LANE = 3;

/** In which order a case is looked at: severe ones first whoever sends them, and those of who misused the form last. */
export async function laneOf(em: EntityManager, kase: ClaimCase, now: Date): Promise<number> {
  if (isSevere(kase.type)) return 0;
  const claimant = await em.findOne(CaseClaimant, kase.id);
  return claimant?.emailHash && (await isSlow(em, claimant.emailHash, now)) ? SLOW_LANE : 2;
}

const marksOf = (em: EntityManager, emailHash: string) =>
  em.find(MisuseMark, { emailHash, voidedAt: null }, { orderBy: { createdAt: 'desc' } });

async function isSlow(em: EntityManager, emailHash: string, now: Date): Promise<boolean> {
  const marks = await marksOf(em, emailHash);
  const newest = marks[0];
  return marks.length >= SLOW_AT && newest !== undefined && now.getTime() < newest.createdAt.getTime() + SLOW_MS;
}

/**
 * Says that a notice was manifestly unfounded (spec/takedowns.md 2.7): the second warns who sent it, from the third on
 * their cases wait longer. Only of an address that was confirmed: else anybody could mark anybody.
 */
export async function markMisuse(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  caseId: string,
  reason: string,
): Promise<void> {
  await requireDecider(work, caseId, 'case.mark-misuse');
  await audited(work, async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, caseId);
    const claimant = await em.findOne(CaseClaimant, caseId);
    if (!claimant?.emailHash || !kase.verifiedAt)
      throw new AppError('conflict', 'Nobody confirmed who sent this case.');
    if (!(await em.findOne(MisuseMark, caseId))) {
      em.create(MisuseMark, { caseId, emailHash: claimant.emailHash, createdAt: work.now() }, { persist: true });
      await em.flush();
    }
    const count = (await marksOf(em, claimant.emailHash)).length;
    if (count === WARN_AT) await tellClaimant({ ...work, em }, desk, kase, 'misuse');
    const entry = { action: 'case.mark-misuse', subject: { kind: 'case', id: caseId }, after: { count }, reason };
    return { result: null, entries: [entry] };
  });
}
