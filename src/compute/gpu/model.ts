import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { JOB_CLASSES } from '../../kit/queue/fair/decide.ts';

/** An engine and what it said last; its process writes the row, and reads from it what the owner wants. */
export const GpuEngine = defineEntity({
  name: 'GpuEngine',
  properties: {
    /** Host and device. */
    id: p.string().length(120).primary(),
    device: p.string().length(60),
    /** `cuda`, `cpu`, …; '' until it spoke. */
    kind: p.string().length(20).default(''),
    deviceName: p.string().length(120).default(''),
    vramTotalMb: p.integer().default(0),
    vramMb: p.integer().default(0),
    /** A state of EngineProcess. */
    state: p.string().length(20),
    crashes: p.integer().default(0),
    lastCrash: p.string().length(300).nullable(),
    jobId: p.uuid().nullable(),
    model: p.string().length(64).nullable(),
    /** The owner wants it to forget its crashes. */
    resetRequestedAt: p.datetime().length(3).nullable(),
    /** The owner wants it to take no more work. */
    drainedAt: p.datetime().length(3).nullable(),
    seenAt: p.datetime().length(3).index(),
  },
});
export interface GpuEngine extends InferEntity<typeof GpuEngine> {}

export const USE_KINDS = ['generation', 'training', 'caption', 'merge'] as const;

/** What one run of a job took. The books of quotas and figures; credits are charged by them. */
export const GpuUse = defineEntity({
  name: 'GpuUse',
  indexes: [{ properties: ['accountId', 'endedAt'] }, { properties: ['endedAt'] }],
  properties: {
    jobId: p.uuid().primary(),
    fence: p.integer().primary(),
    engineId: p.string().length(120),
    accountId: p.integer().nullable(),
    jobClass: p.enum([...JOB_CLASSES]),
    kind: p.enum([...USE_KINDS]),
    estimatedSeconds: p.float(),
    seconds: p.float(),
    /** It failed through no fault of who asked, who does not pay for it. */
    isRefunded: p.boolean(),
    endedAt: p.datetime().length(3),
  },
});
export interface GpuUse extends InferEntity<typeof GpuUse> {}

/** How fast a device was at a kind of work. */
export const GpuPace = defineEntity({
  name: 'GpuPace',
  properties: {
    deviceName: p.string().length(120).primary(),
    /** `generation/sdxl/1024`. */
    work: p.string().length(80).primary(),
    secondsPerUnit: p.float(),
    /** Mean square of the logarithm of measured against expected. */
    spread: p.float(),
    runs: p.integer(),
    changedAt: p.datetime(),
  },
});
export interface GpuPace extends InferEntity<typeof GpuPace> {}
