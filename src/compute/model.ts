import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';

/** A model file as a request names it: by what it is, so that it can be told what it was when its row is gone. */
export interface GenerationFile {
  readonly sha256: string;
  /** Null for a checkpoint of the operator's folder, which nobody published. */
  readonly fileId: number | null;
  readonly versionId: number | null;
  /** What infotext calls it: letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /** For people: the model and its version. */
  readonly title: string;
}

/** The family is not in requests of older releases. */
interface GenerationModel extends GenerationFile {
  readonly family?: string;
}

export interface GenerationLora extends GenerationFile {
  readonly weight: number;
}

/** What a person asked for. Seeds are drawn before it is stored, so that a second run makes the same pictures. */
export interface GenerationRequest {
  readonly model: GenerationModel;
  readonly loras: readonly GenerationLora[];
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly sampler: string;
  readonly schedule: string;
  readonly cfgScale: number;
  /** 0 to 2³² − 1; picture n is made with seed + n. */
  readonly seed: number;
  /** The form was sent without a seed, so it comes back without one. */
  readonly isSeedDrawn: boolean;
  readonly count: number;
  readonly clipSkip: number;
}

export const GENERATION_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;

/** A request for images. The truth of its run is the job row; this is what people see and keep. */
export const Generation = defineEntity({
  name: 'Generation',
  indexes: [{ properties: ['account', 'id'] }],
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
    /** A WebP of at most 640 px for lists; null where it could not be made. */
    thumbSha256: p.string().length(64).nullable().index(),
    thumbBytes: p.integer().default(0),
    /** The Image of the gallery that it became. */
    postedImageId: p.integer().nullable(),
    createdAt: p.datetime(),
  },
});
export interface GenerationImage extends InferEntity<typeof GenerationImage> {}

/** A checkpoint in the operator's folder (MODELS_DIR), by what its bytes are. Rows go when the file goes. */
export const FolderModel = defineEntity({
  name: 'FolderModel',
  properties: {
    sha256: p.string().length(64).primary(),
    /** Relative to the folder. */
    path: p.string().length(500).unique(),
    baseModel: p.string().length(60),
    totalBytes: p.bigint('number'),
    /** Of the file when it was hashed: a file with the same time and length is not hashed again. */
    modifiedAt: p.datetime().length(3),
    seenAt: p.datetime(),
  },
});
export interface FolderModel extends InferEntity<typeof FolderModel> {}
