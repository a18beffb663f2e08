import type { z } from 'zod';
import type { Work } from '../work.ts';

export const LANES = ['inbox', 'delivery', 'media', 'mail', 'clock', 'gpu'] as const;
export type Lane = (typeof LANES)[number];

/** What a running job may know and tell about itself. */
export interface JobHandle {
  readonly jobId: string;
  /** Grows with each run of the job; `writeUnderFence` refuses the writes of a run that was overtaken. */
  readonly fence: number;
  /** 1 in the first run. */
  readonly attempt: number;
  /** Aborted when the job is cancelled, overtaken or handed back because the process stops. */
  readonly signal: AbortSignal;
  /** From here on it waits for somebody else and does nothing here: its place in the lane goes to another job. */
  stepAside(): void;
  /**
   * In a lane that is shared out fairly: while no place is free, claims and begins whoever would be next anyway for as
   * long as `isWanted` takes it; the first one that it does not ends it, so nobody is overtaken. These need no places,
   * for they are done together with this one. Returns their ids.
   */
  bringAlong(isWanted: (jobId: string) => boolean): Promise<readonly string[]>;
  /** Written at most once a second. The preview is a small encoded picture, at most 48 KiB, dropped at the end. */
  progress(done: number, total: number, note?: string, preview?: Uint8Array): void;
}

/** What a lane runs on in this process, where that is more than the process itself. */
export interface Places {
  /** At most, ever. */
  readonly most: number;
  /** At the moment: a machine that is broken is no place. */
  usable(): number;
  /** What those that are free have loaded. */
  loaded(): readonly string[];
}

/** Times between attempts, in full jitter: a random part of `baseMs · 2^(attempt − 1)`, at most `capMs`. */
export interface BackOff {
  readonly baseMs: number;
  readonly capMs: number;
}

export interface JobDefinition<Payload extends z.ZodType = z.ZodType> {
  /** `room.imperative-verb`, for example `catalogue.scan-version`. */
  readonly name: string;
  readonly lane: Lane;
  /** Ids, as JSON; parsed again on arrival. */
  readonly payload: Payload;
  /** How often it is tried before it counts as failed. */
  readonly attempts: number;
  readonly backOff?: BackOff;
  /** How many jobs of one partition run at once, over all processes; by default one. */
  readonly partitionLimit?: number;
  /** What it returns is kept as the job's result, as JSON. Running it twice must be harmless. */
  run(work: Work, payload: z.output<Payload>, handle: JobHandle): unknown;
}

/** All that whoever enqueues it has to know: what it does may need parts that only the composition root has. */
export type JobShape<Payload extends z.ZodType = z.ZodType> = Omit<JobDefinition<Payload>, 'run'>;

export function defineJob<Payload extends z.ZodType>(definition: JobDefinition<Payload>): JobDefinition<Payload> {
  return definition;
}
