import type { Work } from '../../../kit/work.ts';
import { setClock } from '../clocks/set.ts';
import type { Desk } from '../desk.ts';
import { handOver } from '../interim.ts';
import { ClaimCase } from '../model/case.ts';
import { giveStrike, voidStrike } from '../strikes/strikes.ts';
import { moveCase } from '../transitions/move.ts';
import { DAY } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';

/** An outcome was carried out: the case is closed in a month, the parties are told why, and it counts. */
export async function finishCase(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  { takedownId, caseId }: { readonly takedownId: string; readonly caseId: string },
): Promise<void> {
  const before = await work.em.fork().findOne(ClaimCase, caseId);
  // the worker may tell it twice, and of an outcome that another one has followed
  if (before?.state !== 'decided' || before.takedownId !== takedownId) return;
  await moveCase(work, caseId, {
    ...{ trigger: 'finish', role: 'worker', facts: { takedownId } },
    act: async (em, kase) => {
      const now = work.now();
      kase.executedAt = now;
      // what stays forbidden is forbidden by the outcome from here on
      await handOver(em, kase, now);
      await setClock(em, caseId, 'settle', new Date(now.getTime() + 30 * DAY));
      const within = { ...work, em };
      if (kase.outcome === 'undo') await voidStrike(em, kase, 'appeal', now);
      else await giveStrike(within, kase);
      await tellClaimant(within, desk, kase, 'decided');
      if (kase.outcome !== 'dismiss' || kase.uploaderToldAt) await tellUploader(within, desk, kase, 'decided');
    },
  });
}
