import { z } from 'zod';
import { defineJob } from '../../kit/queue/define.ts';
import { Takedown } from './model.ts';
import { startTakedown } from './start.ts';
import { TakedownTrace } from './trace.ts';

/** When the days of a lock are over, it is taken back as any outcome is, unless somebody did so before. */
export const endLockJob = defineJob({
  name: 'moderation.end-upload-lock',
  lane: 'clock',
  payload: z.object({ takedownId: z.string() }),
  attempts: 10,
  async run({ em, now }, { takedownId }) {
    await em.transactional(async (tx) => {
      const lock = await tx.findOne(Takedown, takedownId);
      if (!lock || (await tx.count(TakedownTrace, { takedownId, kind: 'account', restoredAt: null })) === 0) return;
      const target = { kind: lock.targetKind, id: lock.targetId };
      const parameters = { undoes: takedownId };
      startTakedown(tx, { caseId: null, target, outcome: 'undo', category: lock.category, parameters }, now());
      await tx.flush();
    });
  },
});
