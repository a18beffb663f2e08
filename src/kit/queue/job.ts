import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { LANES } from './define.ts';
import { JOB_CLASSES } from './fair/decide.ts';

const JOB_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const MAX_PREVIEW_BYTES = 48 * 1024;

/**
 * One job and the whole truth about it. Who runs it holds a lease and a fence: the lease says until when nobody else
 * may begin it, the fence (which every claim raises) says whose result counts.
 */
export const Job = defineEntity({
  name: 'Job',
  indexes: [
    { properties: ['lane', 'state', 'priority', 'runAt', 'id'] },
    { properties: ['state', 'finishedAt'] },
    { properties: ['state', 'leaseUntil'] },
    { properties: ['lane', 'partition', 'state'] },
    { properties: ['lane', 'state', 'jobClass', 'shareKey'] },
  ],
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(80),
    lane: p.enum([...LANES]),
    payload: p.json<unknown>(),
    state: p.enum([...JOB_STATES]).default('queued'),
    /** The lower the sooner; 0 is usual. */
    priority: p.integer().default(0),
    /** '' is none. Jobs of one partition, such as a peer's host, run one after the other. */
    partition: p.string().length(255).default(''),
    partitionLimit: p.integer().default(1),
    /** Of the queued jobs with one key a single one runs; see `claim.ts`. */
    dedupeKey: p.string().length(255).nullable().index(),
    /** In a lane that is shared out fairly: see fair/decide.ts. */
    jobClass: p.enum([...JOB_CLASSES]).default('interactive'),
    shareKey: p.string().length(255).default(''),
    shareWeight: p.float().default(1),
    /** Estimated. */
    costSeconds: p.float().default(0),
    affinity: p.string().length(64).nullable(),
    runAt: p.datetime().length(3),
    attempt: p.integer().default(0),
    /** Runs that ended with what they ran on, such as an engine. */
    crashes: p.integer().default(0),
    maxAttempts: p.integer().default(1),
    leaseUntil: p.datetime().length(3).nullable(),
    /** The worker that runs it. */
    leaseOwner: p.string().length(64).nullable(),
    fence: p.integer().default(0),
    cancelRequestedAt: p.datetime().length(3).nullable(),
    progressDone: p.float().default(0),
    progressTotal: p.float().default(0),
    progressNote: p.string().length(200).default(''),
    /** The newest small picture of what is being made; null once the job ended. */
    preview: p.blob().nullable(),
    result: p.json<unknown>().nullable(),
    lastError: p.text().nullable(),
    /** Counts every visible change, so that an event stream can resume after one. */
    revision: p.integer().default(0),
    /** For whom it runs: an Account id of accounts, which lies above. */
    accountId: p.integer().nullable().index(),
    createdAt: p.datetime().length(3),
    startedAt: p.datetime().length(3).nullable(),
    finishedAt: p.datetime().length(3).nullable(),
  },
});
export interface Job extends InferEntity<typeof Job> {}

export const isFinished = (state: JobState): boolean => state === 'done' || state === 'failed' || state === 'cancelled';
