import type { EntityManager } from '@mikro-orm/core';
import type { Work } from '../../../kit/work.ts';
import { setClock, stopClocks, takeStricterClocks } from '../clocks/set.ts';
import type { Desk } from '../desk.ts';
import { setInterim, wantedInterim } from '../interim.ts';
import { answerByLicence, findCited } from '../licences/find.ts';
import { ClaimCase, ENDED, targetOf } from '../model/case.ts';
import { laneOf } from '../strikes/misuse.ts';
import { moveCase } from '../transitions/move.ts';
import type { Trigger } from '../transitions/table.ts';
import { CLAIMS, DAY, isSevere } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';

type Opener = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** How long after the hour of the first submission staff are paged for a case about intimate pictures. */
const PAGE_MS = 44 * 3_600_000;

/** Opens a case: its clocks run from here, and what its type says happens at once. */
export async function openCase(
  work: Opener,
  desk: Desk,
  caseId: string,
  trigger: Extract<Trigger, 'verify' | 'triage' | 'vouch'>,
  verifiedBy: ClaimCase['verifiedBy'],
): Promise<void> {
  const now = work.now();
  const kase = await moveCase(work, caseId, {
    trigger,
    ...(trigger === 'verify' ? { role: 'claimant' } : work.viewer ? {} : { role: 'worker' }),
    act: async (em, kase) => {
      kase.openedAt = now;
      if (verifiedBy) Object.assign(kase, { verifiedAt: now, verifiedBy, verifyHash: null });
      await startClocks(em, kase);
      kase.priority = await laneOf(em, kase, now);
      await answerByLicence(em, desk, kase, now);
      await setInterim(em, kase, await wantedInterim(em, kase), now);
      const isLicensed = (await findCited(em, kase.id)) !== null;
      if (isLicensed) await tellUploader({ ...work, em }, desk, kase, 'licensed');
      else if (kase.interim !== 0 && !isSevere(kase.type)) {
        await tellUploader({ ...work, em }, desk, kase, 'restricted');
      }
      await tellClaimant({ ...work, em }, desk, kase, 'open');
    },
  });
  if (await mergeDuplicate(work, kase)) return;
  await goOn(work, desk, kase.id);
}

/** Deadlines are absolute and computed once; those of a severe case from its first submission, whenever it opens. */
async function startClocks(em: EntityManager, kase: ClaimCase): Promise<void> {
  const { targetMs, hardMs } = CLAIMS[kase.type];
  const from = (isSevere(kase.type) ? kase.submittedAt : (kase.openedAt ?? kase.submittedAt)).getTime();
  kase.dueAt = new Date(from + targetMs);
  await stopClocks(em, kase.id, ['expire']);
  // an incomplete notice has no deadline yet
  if (kase.missing.length === 0) await setClock(em, kase.id, 'run_out', new Date(from + hardMs));
  if (kase.type === 'ncii') await setClock(em, kase.id, 'page', new Date(from + PAGE_MS));
}

/** What the node itself does with an open case: asks for what is missing, or tells the uploader. */
export async function goOn(work: Opener, desk: Desk, caseId: string): Promise<void> {
  const kase = await work.em.fork().findOneOrFail(ClaimCase, caseId);
  if (kase.state !== 'open' || !targetOf(kase)) return;
  if (kase.missing.length > 0) {
    await moveCase(work, caseId, {
      ...{ trigger: 'ask', role: 'worker', facts: { missing: kase.missing } },
      act: async (em, kase) => {
        await setClock(em, caseId, 'lapse', new Date(work.now().getTime() + 14 * DAY));
        await tellClaimant({ ...work, em }, desk, kase, 'asked');
      },
    });
  } else if (CLAIMS[kase.type].isToldAtOnce) await notifyUploader(work, desk, caseId, 'worker');
}

/** Tells the uploader what is claimed, without who claims it, and opens their window. */
export async function notifyUploader(work: Opener, desk: Desk, caseId: string, role?: string): Promise<void> {
  await moveCase(work, caseId, {
    trigger: 'notify',
    ...(role ? { role } : {}),
    act: async (em, kase) => {
      await setClock(em, caseId, 'window', new Date(work.now().getTime() + CLAIMS[kase.type].windowMs));
      await tellUploader({ ...work, em }, desk, kase, 'notified');
    },
  });
}

/**
 * The same claim about the same thing is one case: the earlier one goes on with the stricter interim and the stricter
 * clocks, and each claimant keeps their text and thread.
 */
async function mergeDuplicate(work: Opener, kase: ClaimCase): Promise<boolean> {
  const target = targetOf(kase);
  if (!target) return false;
  const [main] = await work.em.fork().find(
    ClaimCase,
    {
      ...{ id: { $ne: kase.id }, type: kase.type, targetKind: target.kind, targetId: target.id },
      state: { $nin: [...ENDED, 'received'] },
    },
    { orderBy: { submittedAt: 'asc', id: 'asc' }, limit: 1 },
  );
  if (!main) return false;
  await mergeInto(work, kase.id, main.id, 'duplicate');
  return true;
}

export async function mergeInto(
  work: Opener,
  caseId: string,
  mainId: string,
  trigger: Extract<Trigger, 'merge' | 'duplicate'>,
): Promise<void> {
  const now = work.now();
  await moveCase(work, caseId, {
    ...{ trigger, facts: { into: mainId } },
    ...(trigger === 'duplicate' ? { role: 'worker' } : {}),
    act: async (em, kase) => {
      const main = await em.findOneOrFail(ClaimCase, mainId);
      kase.mergedIntoId = mainId;
      await takeStricterClocks(em, caseId, mainId);
      // one who says who they are outweighs the breaker that many nameless ones tripped
      if (!kase.isBehindBreaker) main.isBehindBreaker = false;
      if (kase.dueAt && (!main.dueAt || kase.dueAt < main.dueAt)) main.dueAt = kase.dueAt;
      const bits = kase.interim | main.interim;
      await setInterim(em, main, bits, now);
      await setInterim(em, kase, 0, now);
    },
  });
}

/** Is anybody's case a part of this one? */
export const findMerged = (em: EntityManager, mainId: string): Promise<ClaimCase[]> =>
  em.find(ClaimCase, { mergedIntoId: mainId, state: 'merged' });
