import type { EntityManager } from '@mikro-orm/core';
import { hashSecret } from '../../../accounts/access/secrets.ts';
import { Login } from '../../../accounts/login.ts';
import { audited } from '../../../kit/audit/append.ts';
import { randomToken } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import { type Desk, emailHashOf } from '../desk.ts';
import { setInterim, wantedInterim } from '../interim.ts';
import { answerByLicence } from '../licences/find.ts';
import { ClaimCase } from '../model/case.ts';
import { openCaseRow } from '../transitions/move.ts';
import { isSevere } from '../types/types.ts';
import { tellClaimant } from '../verify/letters.ts';
import { findBreaker } from './breaker.ts';
import { openCase } from './open.ts';
import { countTrainedOn, findTarget, hashesIn } from './target.ts';

/** That a form may carry. */
const MOST_HASHES = 20;

/**
 * What follows when a claim was taken down, out of sight of who sent it: looks up what it is about, hides what must be
 * hidden, writes the letter, and opens the case where nothing has to be confirmed. A second run finds nothing to do.
 */
export async function takeIn(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  caseId: string,
): Promise<void> {
  const { em } = work;
  const before = await em.fork().findOne(ClaimCase, caseId);
  if (before?.state !== 'received') return;
  if (before.snapshot == null) await lookUp(work, desk, caseId);
  const kase = await em.fork().findOneOrFail(ClaimCase, caseId);
  const vouched = kase.origin === 'staff' || kase.origin === 'scanner' || (await isVerifiedMember(em, kase.filerId));
  if (vouched) await openCase(work, desk, caseId, 'vouch', kase.filerId == null ? 'staff' : 'account');
  else if (isSevere(kase.type)) await openCase(work, desk, caseId, 'triage', null);
}

async function lookUp(work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>, desk: Desk, caseId: string): Promise<void> {
  await audited(work, async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, caseId, { refresh: true });
    const now = work.now();
    await setTarget(em, desk, kase, now);
    if (kase.origin === 'form') {
      const token = randomToken();
      kase.verifyHash = hashSecret(token);
      await tellClaimant({ ...work, em }, desk, kase, 'confirm', token);
    }
    // nobody can open a link that was not sent, so somebody of the node has to ask
    if (!desk.mailer.isConnected || kase.origin === 'flag') await openCaseRow(em, kase, now);
    return { result: null, entries: [takenIn(kase)] };
  });
}

/** Points a case to what its address stands for, as it is now, and forbids what its type forbids. */
export async function setTarget(em: EntityManager, desk: Desk, kase: ClaimCase, now: Date): Promise<void> {
  const found = await findTarget(em, kase.url, desk.publicUrl);
  kase.snapshot = found?.snapshot ?? { title: '', ownerName: '', madeAt: null, hashes: [] };
  if (!found) return;
  const login = found.ownerId === null ? null : await em.findOne(Login, found.ownerId);
  Object.assign(kase, {
    targetKind: found.target.kind,
    targetId: found.target.id,
    uploaderId: found.ownerId,
    uploaderHost: found.ownerHost,
    uploaderEmailHash: login ? emailHashOf(desk, login.email) : null,
  });
  if (kase.type === 'style') {
    const hashes = hashesIn(kase.answers.hashes ?? '').slice(0, MOST_HASHES);
    kase.hasDatasetMatch = (await countTrainedOn(em, found.target, hashes)) > 0;
  }
  // so that it counts itself
  await em.flush();
  if (await findBreaker(em, kase)) kase.isBehindBreaker = true;
  await answerByLicence(em, desk, kase, now);
  await setInterim(em, kase, await wantedInterim(em, kase), now);
}

export const takenIn = (kase: ClaimCase) => ({
  ...{ action: 'case.take-in', subject: { kind: 'case', id: kase.id }, role: 'worker' },
  after: { interim: kase.interim, behindBreaker: kase.isBehindBreaker, target: kase.targetKind ?? null },
});

async function isVerifiedMember(em: EntityManager, accountId: number | null | undefined): Promise<boolean> {
  const login = accountId == null ? null : await em.findOne(Login, accountId);
  return login?.emailVerifiedAt != null;
}
