import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';

export interface GenerationLora {
  readonly fileId: number;
  readonly versionId: number;
  readonly weight: number;
}

/** What a person asked for, as the form sends it; seeds are drawn before it is stored. */
export interface GenerationRequest {
  readonly fileId: number;
  readonly versionId: number;
  readonly loras: readonly GenerationLora[];
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly sampler: string;
  readonly schedule: string;
  readonly cfgScale: number;
  /** 0 to 2³² − 1. */
  readonly seed: number;
  readonly count: number;
  readonly clipSkip: number;
}

export const GENERATION_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;

/** A request for images. The truth of its run is the job row; this is what people see and keep. */
export const Generation = defineEntity({
  name: 'Generation',
  indexes: [{ properties: ['account', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    request: p.json<GenerationRequest>(),
    state: p.enum([...GENERATION_STATES]).default('queued'),
    jobId: p.uuid().nullable(),
    /** For the person at the screen. */
    error: p.string().length(500).nullable(),
    createdAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
  },
});
export interface Generation extends InferEntity<typeof Generation> {}

export const GenerationImage = defineEntity({
  name: 'GenerationImage',
  uniques: [{ properties: ['generation', 'position'] }],
  properties: {
    id: p.uuid().primary(),
    generation: () => p.manyToOne(Generation).ref(),
    position: p.smallint(),
    sha256: p.string().length(64).index(),
    totalBytes: p.integer(),
    width: p.integer(),
    height: p.integer(),
    seed: p.bigint('number'),
    infotext: p.text().default(''),
    /** The Image of the gallery that it became. */
    postedImageId: p.integer().nullable(),
    createdAt: p.datetime(),
  },
});
export interface GenerationImage extends InferEntity<typeof GenerationImage> {}
