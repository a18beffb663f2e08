import type { EntityManager } from '@mikro-orm/core';
import type { z } from 'zod';
import type { JobShape, Lane } from './define.ts';
import type { JobClass } from './fair/decide.ts';
import type { Forecast } from './fair/plan.ts';
import type { JobStatus } from './status.ts';

export interface EnqueueOptions {
  /** Not before that much time has passed. */
  readonly delayMs?: number;
  /** The lower the sooner; 0 is usual. */
  readonly priority?: number;
  /** Jobs of one partition run one after the other, or as many at once as the definition says. */
  readonly partition?: string;
  /** Of the queued jobs with one key a single one runs, and after the last of them was written. */
  readonly dedupeKey?: string;
  /** For whom it runs. */
  readonly accountId?: number;
  /** In place of what the definition says. */
  readonly partitionLimit?: number;
  /** In a lane that is shared out fairly: whose share pays, and how much. */
  readonly share?: ShareOptions;
}

export interface ShareOptions {
  readonly jobClass: JobClass;
  readonly key: string;
  /** 1 is usual. */
  readonly weight?: number;
  readonly costSeconds: number;
  /** What is best loaded already when it begins. */
  readonly affinity?: string;
}

/** What services see of the queue. */
export interface Jobs {
  /**
   * Writes a job into what `em` flushes next, so that it exists when that transaction commits and not before; workers
   * are woken then. Returns its id. Throws when the payload is not what the definition says.
   */
  enqueue<Payload extends z.ZodType>(
    em: EntityManager,
    job: JobShape<Payload>,
    payload: z.input<Payload>,
    options?: EnqueueOptions,
  ): string;
  /** Ends a queued job, and asks a running one to stop, at once. False when there is nothing to cancel. */
  cancel(em: EntityManager, jobId: string): Promise<boolean>;
  /** Its place in a lane that is shared out fairly, and when it would begin; null when it does not wait there. */
  forecast(lane: Lane, jobId: string): Promise<Forecast | null>;
  /** Tells every process that something changed, by a name that is no job's id; what it was is in the rows. */
  signal(topic: string): void;
  /** Calls back at each signal and each change of a job, of whichever process; returns what ends it. */
  onSignal(listener: (topic: string) => void): () => void;
  /** The job as it is now, then after each change, until it has ended; nothing when there is no such job. */
  watch(jobId: string, signal?: AbortSignal): AsyncIterable<JobStatus>;
}
