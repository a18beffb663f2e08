import { z } from 'zod';
import { defineJob } from '../../kit/queue/define.ts';
import { StatDay } from '../statistics/model.ts';
import { SavedSearch } from './model.ts';

/** Of somebody who left. */
export const forgetFinderJob = defineJob({
  name: 'discovery.forget-finder',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 10,
  async run({ em }, { accountId }) {
    await em.nativeDelete(SavedSearch, { account: accountId });
    await em.nativeDelete(StatDay, { account: accountId });
  },
});
