import { hashSecret, keyedHash } from '../../../accounts/access/secrets.ts';
import { AppError } from '../../../kit/errors.ts';
import { randomToken } from '../../../kit/ids.ts';
import { addressPrefix, type RateLimits } from '../../../kit/web/rate-limit.ts';
import type { Work } from '../../../kit/work.ts';
import { setClock } from '../clocks/set.ts';
import { type Desk, emailHashOf, sealPerson } from '../desk.ts';
import { ClaimCase } from '../model/case.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { DAY, isSevere, missingOf } from '../types/types.ts';
import { fileCase } from './file.ts';
import type { ClaimAnswers } from './form.ts';
import { isEarned } from './ticket.ts';

const MOST_A_DAY = 10;
const SENT_ONCE_MS = 12 * 3_600_000;

export interface Sent {
  readonly claim: ClaimAnswers;
  readonly website: string;
  readonly ticket: string;
  readonly proof: string;
  /** The address that the request came from. */
  readonly ip: string;
}

/**
 * Takes a claim down. The same work for every claim, whomever and whatever it names: one case, and one job that does the
 * rest. The secret is given back once. Throws `invalid` or `rate_limited`, but never for a severe claim, which is taken
 * in any case and only looked at in another order (spec/takedowns.md 2.2).
 */
export async function submitClaim(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  limits: RateLimits,
  { claim, website, ticket, proof, ip }: Sent,
): Promise<{ number: string; secret: string; caseId: string }> {
  const now = work.now();
  const { type } = claim;
  const sourceHash = keyedHash(desk.secretKey, 'claim source', addressPrefix(ip));
  const looksLikeProgram = website !== '' || !isEarned(desk.secretKey, ticket, proof, now) || !isFirst(limits, ticket);
  const since = new Date(now.getTime() - DAY);
  const isTooMany = (await work.em.count(ClaimCase, { sourceHash, submittedAt: { $gt: since } })) >= MOST_A_DAY;
  if (!isSevere(type)) {
    if (looksLikeProgram) throw new AppError('invalid', 'Please wait twenty seconds, and send the form once more.');
    if (isTooMany) {
      throw new AppError('rate_limited', 'Many claims came from your network today. Please send this one tomorrow.', {
        retryAfterSeconds: DAY / 1_000,
      });
    }
  }
  const secret = randomToken(32);
  const { url, answers, email, personal } = claim;
  const given = {
    ...({ type, origin: 'form', url, answers, sourceHash, secretHash: hashSecret(secret) } as const),
    missing: missingOf(type, { ...answers, ...personal }),
    isBehindBreaker: type === 'ncii' && looksLikeProgram,
  };
  const kase = await fileCase(work, desk, given, async (em, { id: caseId }) => {
    const emailHash = email === '' ? null : emailHashOf(desk, email);
    const sealed = sealPerson(desk, { email, personal });
    em.create(CaseClaimant, { caseId, emailHash, sealed, createdAt: now }, { persist: true });
    await setClock(em, caseId, 'forget_source', new Date(now.getTime() + 30 * DAY));
  });
  return { number: kase.number, secret, caseId: kase.id };
}

function isFirst(limits: RateLimits, ticket: string): boolean {
  try {
    limits.takeFor(`claim ${ticket}`, { name: 'claim-ticket', max: 1, perMs: SENT_ONCE_MS });
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}
