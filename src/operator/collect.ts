import { z } from 'zod';
import { defineJob } from '../kit/queue/define.ts';
import { Job } from '../kit/queue/job.ts';
import { listReferenced } from '../kit/storage/references.ts';
import { removeUnreferenced } from '../kit/storage/sweep.ts';
import type { Work } from '../kit/work.ts';

const DAY_MS = 86_400_000;

export const collectBlobsJob = defineJob({
  name: 'operator.collect-blobs',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  run: async (work) => {
    await collectBlobs(work);
    await scheduleCollection(work);
  },
});

/** Once a day from now on. Called at each start too, so it looks whether one waits already. */
export async function scheduleCollection({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: collectBlobsJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, collectBlobsJob, {}, { delayMs: DAY_MS, dedupeKey: collectBlobsJob.name });
  await em.flush();
}

/** Removes the bytes that no row names any more and that are a day old; a slow upload puts bytes before its row. */
export function collectBlobs({ em, files, now }: Pick<Work, 'em' | 'files' | 'now'>) {
  const olderThan = new Date(now().getTime() - DAY_MS);
  return removeUnreferenced(files, (sha256s) => listReferenced(em, sha256s), olderThan);
}
