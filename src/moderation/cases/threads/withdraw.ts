import type { Work } from '../../../kit/work.ts';
import { startTakedown } from '../../takedown/start.ts';
import type { Desk } from '../desk.ts';
import { findMerged } from '../intake/open.ts';
import { setInterim } from '../interim.ts';
import { ClaimCase, targetOf } from '../model/case.ts';
import { voidStrike } from '../strikes/strikes.ts';
import { moveCase } from '../transitions/move.ts';
import { tellUploader } from '../verify/letters.ts';
import { writeMessage } from './threads.ts';

/**
 * The claimant takes it back (spec/takedowns.md 2.3, row 17). What an intimate picture's case removed stays removed; a
 * case that others joined goes on for them.
 */
export async function withdrawCase(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  caseId: string,
): Promise<'withdrawn' | 'goes-on'> {
  const now = work.now();
  if ((await findMerged(work.em.fork(), caseId)).length > 0) {
    const kase = await work.em.findOneOrFail(ClaimCase, caseId);
    await writeMessage(work, kase, 'claimant', { author: 'claimant', authorId: null }, WITHDRAWN);
    return 'goes-on';
  }
  await moveCase(work, caseId, {
    ...{ trigger: 'withdraw', role: 'claimant' },
    act: async (em, kase) => {
      const target = targetOf(kase);
      if (target && kase.takedownId && kase.type !== 'ncii' && kase.outcome !== 'dismiss') {
        const parameters = { undoes: kase.takedownId };
        startTakedown(em, { caseId, target, outcome: 'undo', category: kase.type, parameters }, now);
        await voidStrike(em, kase, 'withdrawn', now);
      }
      await setInterim(em, kase, 0, now);
      if (kase.uploaderToldAt) await tellUploader({ ...work, em }, desk, kase, 'withdrawn');
    },
  });
  return 'withdrawn';
}

const WITHDRAWN = 'The claimant withdraws. Others made the same claim, so the case goes on.';
