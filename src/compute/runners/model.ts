import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JobOutcome } from '../engine/running-jobs.ts';
import type { OrderFile, RunnerDevice } from './protocol.ts';

/** A machine with GPUs somewhere else that dials in, and what it said last. */
export const Runner = defineEntity({
  name: 'Runner',
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(40),
    tokenHash: p.string().length(64),
    createdAt: p.datetime(),
    /** Its token is worth nothing any more. */
    revokedAt: p.datetime().length(3).nullable(),
    /** The owner wants it to take no more work. */
    drainedAt: p.datetime().length(3).nullable(),
    /** Null until it dialled in for the first time. */
    seenAt: p.datetime().length(3).nullable(),
    /** Name and version of its program. */
    program: p.string().length(60).default(''),
    devices: p.json<readonly RunnerDevice[]>().onCreate(() => []),
    /** The process of the node that gives it work, and when that process said so last. */
    driver: p.string().length(120).nullable(),
    driverSeenAt: p.datetime().length(3).nullable(),
  },
});
export interface Runner extends InferEntity<typeof Runner> {}

const ORDER_STATES = ['offered', 'taken', 'ended'] as const;
const ORDER_WISHES = ['cancel', 'pause', 'release'] as const;

/**
 * One run of a job on a runner. The process that holds the job's lease writes it and removes it at the end; the
 * processes that answer the runner may be others, so all that passes between them stands here.
 */
export const RunnerOrder = defineEntity({
  name: 'RunnerOrder',
  indexes: [{ properties: ['runnerId', 'state'] }],
  properties: {
    id: p.uuid().primary(),
    runnerId: p.uuid(),
    device: p.string().length(60),
    jobId: p.uuid(),
    /** Of the job's run: when another run has overtaken it, nothing that comes back counts. */
    fence: p.integer(),
    type: p.enum(['generate', 'train', 'resume']),
    params: p.json<object>(),
    files: p.json<readonly OrderFile[]>(),
    state: p.enum([...ORDER_STATES]),
    /** What is wanted of it meanwhile. */
    wish: p.enum([...ORDER_WISHES]).nullable(),
    outcome: p.json<JobOutcome>().nullable(),
    createdAt: p.datetime().length(3),
    /** When the runner spoke of it last. */
    seenAt: p.datetime().length(3).nullable(),
  },
});
export interface RunnerOrder extends InferEntity<typeof RunnerOrder> {}

/** What the engine said of an order, until the process that waits for it has read it. */
export const RunnerEvent = defineEntity({
  name: 'RunnerEvent',
  properties: {
    orderId: p.uuid().primary(),
    position: p.integer().primary(),
    event: p.json<object>(),
  },
});
export interface RunnerEvent extends InferEntity<typeof RunnerEvent> {}

/** A file that a runner returned, whole, hashed here and looked into. */
export const RunnerFile = defineEntity({
  name: 'RunnerFile',
  properties: {
    orderId: p.uuid().primary(),
    sha256: p.string().length(64).primary(),
    totalBytes: p.bigint('number'),
    kind: p.enum(['image', 'tensors']),
    /** 0 when it is no picture. */
    width: p.integer(),
    height: p.integer(),
  },
});
export interface RunnerFile extends InferEntity<typeof RunnerFile> {}
