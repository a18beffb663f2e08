import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

export const TRAINING_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;

/**
 * A training, which runs in segments: each is a job of the queue that begins with the newest state of the one before.
 * `running` is said from its first segment to its last, also while it waits in between.
 */
export const TrainingRun = defineEntity({
  name: 'TrainingRun',
  indexes: [{ properties: ['account', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    name: p.string().length(120),
    state: p.enum([...TRAINING_STATES]).default('queued'),
    /** What whoever made it needs to make the parameters of the engine. */
    params: p.json<Readonly<Record<string, unknown>>>(),
    baseSha256: p.string().length(64),
    family: p.string().length(40),
    /** Of one side, in pixels. */
    resolution: p.integer(),
    epochs: p.integer(),
    totalSteps: p.integer(),
    /** Pictures shown in one step. */
    batch: p.integer().default(1),
    epoch: p.integer().default(0),
    /** Of the newest state: what a crash cannot take. */
    step: p.integer().default(0),
    lossEma: p.float().nullable(),
    /** Counts segments; a job of another segment has nothing left to do. */
    segment: p.integer().default(0),
    jobId: p.uuid().nullable(),
    lastStateSha256: p.string().length(64).nullable(),
    lastStateBytes: p.bigint('number').default(0),
    /** Runs of it that took the engine with them without getting on. */
    crashes: p.integer().default(0),
    /** For the person at the screen. */
    error: p.string().length(500).nullable(),
    createdAt: p.datetime(),
    startedAt: p.datetime().nullable(),
    finishedAt: p.datetime().nullable(),
  },
});
export interface TrainingRun extends InferEntity<typeof TrainingRun> {}

const OUTPUT_KINDS = ['lora', 'sample'] as const;

/** A LoRA of an epoch, or a sample picture. */
export const TrainingOutput = defineEntity({
  name: 'TrainingOutput',
  uniques: [{ properties: ['run', 'kind', 'epoch', 'step', 'promptIndex'] }],
  properties: {
    id: p.uuid().primary(),
    run: () => p.manyToOne(TrainingRun).ref(),
    kind: p.enum([...OUTPUT_KINDS]),
    epoch: p.integer(),
    step: p.integer(),
    /** 0 for a LoRA. */
    promptIndex: p.smallint().default(0),
    seed: p.bigint('number').default(0),
    sha256: p.string().length(64).index(),
    totalBytes: p.bigint('number'),
    lossEma: p.float().nullable(),
    createdAt: p.datetime(),
  },
});
export interface TrainingOutput extends InferEntity<typeof TrainingOutput> {}
