import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import type { GenerationFile } from '../model.ts';
import type { MergeSettings } from './params.ts';

export const MERGE_KINDS = ['checkpoint', 'lora'] as const;
export type MergeKind = (typeof MERGE_KINDS)[number];

const MERGE_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;
export type MergeState = (typeof MERGE_STATES)[number];

/** One of the models that are mixed: A, B and perhaps C, as they were when it was asked for. */
export interface MergePart extends GenerationFile {
  readonly baseModel: string;
  readonly totalBytes: number;
}

/** A mix of two or three models into a new file. The truth of its run is the job's row; this is what people see and keep. */
export const MergeRun = defineEntity({
  name: 'MergeRun',
  indexes: [{ properties: ['owner', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    owner: () => p.manyToOne(Account).ref(),
    name: p.string().length(120),
    kind: p.enum([...MERGE_KINDS]),
    /** Of the engine: `sd15`, `sdxl`, … */
    family: p.string().length(40),
    baseModel: p.string().length(60),
    parts: p.json<readonly MergePart[]>(),
    params: p.json<MergeSettings>(),
    state: p.enum([...MERGE_STATES]).default('queued'),
    jobId: p.uuid().nullable(),
    /** Counts how often it was put into the queue; each is paid for by itself. */
    round: p.integer().default(0),
    /** For the person at the screen. With `cancelled`: why the node ended it, and it cost nothing. */
    error: p.string().length(500).nullable(),
    /** What the engine wondered about. */
    warnings: p.json<readonly string[]>().nullable(),
    /** Sum of the policy epochs of its owner and of what it is made from, when it was put into the queue last. */
    policyEpoch: p.integer().default(0),
    /** What was made; null until it is done. */
    sha256: p.string().length(64).nullable().index(),
    totalBytes: p.bigint('number').default(0),
    /** Of a LoRA. */
    rank: p.integer().nullable(),
    /** What it became. */
    publishedVersion: () => p.manyToOne(ModelVersion).ref().nullable(),
    createdAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
  },
});
export interface MergeRun extends InferEntity<typeof MergeRun> {}
