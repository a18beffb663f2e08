import { z } from 'zod';
import { record } from '../../kit/events/events.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';
import { savedSearchMatched } from '../events.ts';
import type { FindEngineReach } from '../lists/engine-reach.ts';
import { findMatches, ownedSearch } from './matches.ts';
import { SavedSearch } from './model.ts';

const NAME = 'discovery.look-for-new';
const EVERY_MS = 10 * 60_000;
/** What is listed in a transaction that is still open then is seen at the next look. */
const MARGIN_MS = 60_000;
const BATCH = 100;
const COUNTED = 100;

/** Looks what is new in saved searches, those that waited longest first, and records what its owner is to be told. */
export async function lookForNew(work: Pick<Work, 'em' | 'now'>, findReach: FindEngineReach): Promise<number> {
  const { em, now } = work;
  const until = new Date(now().getTime() - MARGIN_MS);
  const due = await em.find(
    SavedSearch,
    { isTold: true, checkedAt: { $lt: new Date(until.getTime() - EVERY_MS / 2) } },
    { orderBy: { checkedAt: 'asc' }, limit: BATCH, populate: ['account'] },
  );
  const reach = due.length > 0 ? await findReach(work) : null;
  for (const search of due) {
    const owned = await ownedSearch(em, search);
    const found = owned
      ? await findMatches(work, owned, { reach, limit: COUNTED, after: search.checkedAt, until })
      : [];
    search.checkedAt = until;
    if (found.length > 0) {
      search.newCount = Math.min(COUNTED, search.newCount + found.length);
      record(em, savedSearchMatched, { searchId: search.id, accountId: search.account.id, count: found.length });
    }
    await em.flush();
  }
  return due.length;
}

export const lookForNewJobOf = (findReach: FindEngineReach): JobDefinition =>
  defineJob({
    name: NAME,
    lane: 'clock',
    payload: z.object({}),
    attempts: 3,
    async run(work) {
      const looked = await lookForNew(work, findReach);
      await scheduleLook(work, looked === BATCH ? 0 : EVERY_MS, lookForNewJobOf(findReach));
    },
  });

/** Called at each start too, so it looks whether one waits already. */
export async function scheduleLook(
  { em, jobs }: Pick<Work, 'em' | 'jobs'>,
  delayMs: number,
  job: JobDefinition,
): Promise<void> {
  if ((await em.count(Job, { name: NAME, state: 'queued' })) > 0) return;
  jobs.enqueue(em, job, {}, { delayMs, dedupeKey: NAME });
  await em.flush();
}
