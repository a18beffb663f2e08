import type { EntityManager } from '@mikro-orm/core';
import type { z } from 'zod';
import { newId } from '../ids.ts';
import type { JobShape } from './define.ts';
import { Job } from './job.ts';
import type { EnqueueOptions } from './jobs.ts';

/** Writes the row into what `em` flushes next. */
export function enqueueJob<Payload extends z.ZodType>(
  em: EntityManager,
  job: JobShape<Payload>,
  payload: z.input<Payload>,
  { delayMs = 0, priority = 0, partition = '', partitionLimit, dedupeKey, accountId, share }: EnqueueOptions,
  now: Date,
): string {
  job.payload.parse(payload); // a mistake is told to the one who made it, not to a worker later
  const id = newId();
  em.create(
    Job,
    {
      id,
      name: job.name,
      lane: job.lane,
      payload,
      priority,
      partition,
      partitionLimit: partitionLimit ?? job.partitionLimit ?? 1,
      ...(share
        ? { jobClass: share.jobClass, shareKey: share.key, shareWeight: share.weight ?? 1 }
        : { shareKey: accountId === undefined ? '' : `account:${accountId}` }),
      costSeconds: share?.costSeconds ?? 0,
      affinity: share?.affinity ?? null,
      dedupeKey: dedupeKey ?? null,
      runAt: new Date(now.getTime() + delayMs),
      maxAttempts: job.attempts,
      accountId: accountId ?? null,
      createdAt: now,
    },
    { persist: true },
  );
  return id;
}
