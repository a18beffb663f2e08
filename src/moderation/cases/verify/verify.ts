import { timingSafeEqual } from 'node:crypto';
import { hashSecret } from '../../../accounts/access/secrets.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Work } from '../../../kit/work.ts';
import { requireDecider } from '../decide/bars.ts';
import type { Desk } from '../desk.ts';
import { openCase } from '../intake/open.ts';
import { ClaimCase } from '../model/case.ts';
import { DAY } from '../types/types.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

const LINK_MS = 3 * DAY;

/** Compares with a hash that is there in any case, so that a number that exists takes no longer than one that does not. */
function isSecret(secret: string, hash: string | null | undefined): boolean {
  const given = Buffer.from(hashSecret(secret));
  const kept = Buffer.from(hash ?? '0'.repeat(64));
  return timingSafeEqual(given, kept) && hash != null;
}

const nothing = () => new AppError('not_found', 'There is no such case, or this is not its secret.');

/** The case that number and secret open. Throws `not_found` for a wrong number and a wrong secret alike. */
export async function unlockCase({ em }: Pick<Work, 'em'>, number: string, secret: string): Promise<ClaimCase> {
  const kase = await em.findOne(ClaimCase, { number });
  if (!isSecret(secret, kase?.secretHash) || !kase) throw nothing();
  return kase;
}

/**
 * Spends the link of the letter, once: the address is its claimant's. Throws `not_found` when the link is not good, or
 * no longer.
 */
export async function confirmAddress(work: Actor, desk: Desk, number: string, token: string): Promise<void> {
  const { em, now } = work;
  const kase = await em.fork().findOne(ClaimCase, { number });
  const isGood = isSecret(token, kase?.verifyHash);
  if (!kase || !isGood || now().getTime() > kase.submittedAt.getTime() + LINK_MS) throw nothing();
  // of two clicks at once, one spends it
  const spent = await em.nativeUpdate(
    ClaimCase,
    { id: kase.id, verifyHash: kase.verifyHash ?? '' },
    { verifyHash: null },
  );
  if (spent !== 1) throw nothing();
  if (kase.state === 'received') return openCase(work, desk, kase.id, 'verify', 'mail');
  // a severe case did not wait for it
  await em.nativeUpdate(ClaimCase, { id: kase.id }, { verifiedAt: now(), verifiedBy: 'mail' });
}

/** Staff vouch for a claimant whom they reached by another way: mail is not the only one. */
export async function vouchForClaimant(work: Actor, desk: Desk, caseId: string): Promise<void> {
  await requireDecider(work, caseId, 'case.vouch');
  await openCase(work, desk, caseId, 'vouch', 'staff');
}
