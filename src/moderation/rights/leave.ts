import { z } from 'zod';
import { defineJob } from '../../kit/queue/define.ts';
import { endRightsOf } from './offer.ts';

/** After `account.deleted`: their offers close, what waits ends; what was granted stays as a record without their words. */
export const endRightsJob = defineJob({
  name: 'moderation.end-rights',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 10,
  run: ({ em, now }, { accountId }) =>
    em.fork().transactional(async (tx) => {
      await endRightsOf(tx, accountId, now());
    }),
});
