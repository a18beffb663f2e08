import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../database/sql.ts';
import { AppError } from '../errors.ts';
import { Job } from './job.ts';

/** Jobs that failed for good, the newest first. */
export const listFailed = (em: EntityManager, limit: number, before?: Date): Promise<Job[]> =>
  em.find(
    Job,
    { state: 'failed', ...(before ? { finishedAt: { $lt: before } } : {}) },
    { orderBy: { finishedAt: 'desc', id: 'desc' }, limit },
  );

/** Gives a failed job all its attempts again. Throws `conflict` unless it failed. */
export async function retryFailed(em: EntityManager, jobId: string, now: Date): Promise<void> {
  const queued = await rows(
    em,
    `update job set state = 'queued', attempt = 0, run_at = ?, finished_at = null, cancel_requested_at = null,
      revision = revision + 1 where id = ? and state = 'failed' returning id`,
    [now, jobId],
  );
  if (queued.length === 0) throw new AppError('conflict', 'This job has not failed.');
}

/** Removes a failed job. Throws `conflict` unless it failed. */
export async function discardFailed(em: EntityManager, jobId: string): Promise<void> {
  const gone = await rows(em, `delete from job where id = ? and state = 'failed' returning id`, [jobId]);
  if (gone.length === 0) throw new AppError('conflict', 'This job has not failed.');
}

const BATCH = 1000;

/** Removes jobs that ended well or were cancelled before that time. Failed ones stay until somebody looks. */
export async function pruneJobs(em: EntityManager, before: Date): Promise<number> {
  let count = 0;
  for (;;) {
    const gone = await rows(
      em,
      `delete from job where id in (select id from job where state in ('done', 'cancelled') and finished_at < ?
        limit ${BATCH}) returning id`,
      [before],
    );
    count += gone.length;
    if (gone.length < BATCH) return count;
  }
}
