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
  // What follows is absent where it is not used, and in requests that are older than it.
  /** Null or absent: the one of the checkpoint. */
  readonly vae?: GenerationFile;
  /** They act where their names stand in a prompt. */
  readonly embeddings?: readonly GenerationFile[];
  /** 0 to 1. */
  readonly cfgRescale?: number;
  readonly variation?: GenerationVariation;
  readonly start?: GenerationStart;
  readonly hires?: GenerationHires;
  /** One picture at a time, so that the bits do not depend on how many are made together. */
  readonly isRepeatable?: true;
  readonly format?: OutputFormat;
  /** Absent: CPU. */
  readonly rng?: 'NV';
  /** The Image of the gallery whose recipe it was taken from. */
  readonly remixOfId?: number;
}

export const OUTPUT_FORMATS = ['png', 'webp', 'jpeg'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Noise of a second seed, mixed in: 0 is the first seed alone, 1 the second. */
export interface GenerationVariation {
  readonly seed: number;
  readonly strength: number;
}

export const RESIZES = ['crop', 'fill', 'stretch'] as const;

/** The picture that a request begins from; the columns of the row keep its bytes. */
export interface GenerationStart {
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  /** White is made anew, black stays. */
  readonly maskSha256: string | null;
  /** 0 keeps the picture, 1 keeps nothing of it. */
  readonly denoise: number;
  readonly resize: (typeof RESIZES)[number];
  /** Absent in requests that are older than it: then nobody knows. */
  readonly provenance?: Provenance;
  /** Of a photograph: its owner said that they may change it, and that whoever is in it agreed. */
  readonly isAttested?: true;
}

/**
 * Where a picture comes from, as far as this node can tell: made here; made elsewhere by what its file says; a camera's;
 * or nobody knows. What was made here from another picture is as that one.
 */
export const PROVENANCES = ['here', 'claimed', 'photo', 'unproven'] as const;
export type Provenance = (typeof PROVENANCES)[number];

/** What the gate found (compute/gates/generation.ts). */
export interface GenerationScreening {
  /** Posted pictures are rated at least this, */
  readonly floor: number;
  /** and at most that; null is no limit. */
  readonly ceiling: number | null;
  /** Why somebody looks at them first; null when nobody has to. */
  readonly hold: string | null;
  readonly ruleVersion: string;
  readonly categories: readonly string[];
}

export interface GenerationHires {
  readonly scale: number;
  /** `latent`, `lanczos`, or `model` with the file beside it. */
  readonly upscaler: string;
  readonly upscalerFile?: GenerationFile;
  readonly steps: number;
  readonly denoise: number;
}

export const GENERATION_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;

/** A request for images. The truth of its run is the job row; this is what people see and keep. */
export const Generation = defineEntity({
  name: 'Generation',
  indexes: [{ properties: ['account', 'id'] }, { properties: ['createdAt', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    request: p.json<GenerationRequest>(),
    /** Null in requests that are older than the gate. */
    screening: p.json<GenerationScreening>().nullable(),
    state: p.enum([...GENERATION_STATES]).default('queued'),
    jobId: p.uuid().nullable(),
    /** For the person at the screen. With `cancelled`: why the node ended it, and it cost nothing. */
    error: p.string().length(500).nullable(),
    /** Sum of the policy epochs of who asked and of what it uses, when it was asked for. */
    policyEpoch: p.integer().default(0),
    /** Since a decision keeps back what it made; until a person looked, or for good. */
    withheldAt: p.datetime().nullable(),
    /** What the engine wondered about while it made them: a LoRA that fits in part, a prompt that was cut. */
    warnings: p.json<string[]>().nullable(),
    /** Of `request.start`, as columns so that the bytes stay as long as the row. */
    startSha256: p.string().length(64).nullable().index(),
    maskSha256: p.string().length(64).nullable().index(),
    createdAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
    /** Removed by its owner; the row goes when the time to undo is over. */
    deletedAt: p.datetime().nullable(),
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
    /** Ending of the file as the engine wrote it. */
    format: p.enum([...OUTPUT_FORMATS]).default('png'),
    /** The Image of the gallery that it became. */
    postedImageId: p.integer().nullable(),
    createdAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
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
