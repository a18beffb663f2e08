import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import type { Origin } from '../../gallery/images/origin.ts';
import type { Crop } from '../../kit/storage/images-turn.ts';
import { Dataset } from '../datasets/model.ts';
import type { CaptionSubject } from '../datasets/notes/person-words.ts';
import type { GenerationFile } from '../model.ts';
import type { TrainSettings } from './params.ts';

/** A picture as it was when the run began. */
export interface ManifestItem {
  readonly itemId: string;
  readonly sha256: string;
  readonly caption: string;
  readonly width: number;
  readonly height: number;
  readonly rotation: number;
  readonly crop: Crop | null;
  /** 0: as the run says. */
  readonly repeats: number;
  /** Hints for the policy checks, as they were known then; absent in runs that are older than they. */
  readonly notes?: ItemNotes;
  /** Of the file as it came, before its metadata was taken out: its maker knows it by that. */
  readonly originalSha256?: string | null;
  readonly captionSha256?: string;
  readonly source?: ItemSource;
}

/** `upload` is the owner's word, of the kind that they gave for the whole set. */
type ItemSource = { readonly kind: 'upload' } | { readonly kind: 'generated-here'; readonly generationId: string };

export const RIGHTS = ['own', 'permission', 'public-domain', 'generated'] as const;
export type Rights = (typeof RIGHTS)[number];

/** What the gate found (compute/gates/training.ts). */
export interface TrainingScreening {
  readonly review: 'auto' | 'sample' | 'full';
  readonly risk: number;
  /** Why somebody looks at it first; null when nobody has to. */
  readonly hold: string | null;
  readonly ruleVersion: string;
  readonly categories: readonly string[];
  /** Absent in runs that are older than the question. */
  readonly isPersonLike?: boolean;
}

interface ItemNotes {
  readonly origin: Origin;
  /** Null: no detector had looked. */
  readonly faceCount: number | null;
  readonly captionSubject: CaptionSubject;
}

/** What was trained on, frozen: later changes of the set do not reach a run. */
export interface Manifest {
  readonly items: readonly ManifestItem[];
}

export interface TrainingBase extends GenerationFile {
  readonly baseModel: string;
  /** Of the engine: `sd15`, `sdxl`, … */
  readonly family: string;
}

/** `held` waits for a person of the node to look at what it would be trained on. */
const RUN_STATES = ['held', 'queued', 'running', 'done', 'failed', 'cancelled', 'stopped'] as const;
export type RunState = (typeof RUN_STATES)[number];
export const OPEN_STATES: readonly RunState[] = ['held', 'queued', 'running'];

export const PRESETS = ['character', 'style', 'concept'] as const;
export type Preset = (typeof PRESETS)[number];
export const LOOKS = ['standard', 'anime', 'realistic'] as const;
export type Look = (typeof LOOKS)[number];

/**
 * One training of a LoRA, in segments: each is a job of the queue that goes on from the newest state. The truth of a
 * segment is its job's row; this is what people see and keep. It is `running` from its first segment to its last.
 */
export const TrainingRun = defineEntity({
  name: 'TrainingRun',
  indexes: [{ properties: ['owner', 'id'] }, { properties: ['dataset', 'state'] }],
  properties: {
    id: p.uuid().primary(),
    owner: () => p.manyToOne(Account).ref(),
    /** Null when the set is gone; the manifest stays. */
    dataset: () => p.manyToOne(Dataset).ref().nullable(),
    name: p.string().length(120),
    manifest: p.json<Manifest>(),
    /** The words that its owner agreed to, and when. */
    rightsStatement: p.text(),
    rightsAgreedAt: p.datetime(),
    /** Why its owner may; null in runs that are older than the question. */
    rightsKind: p.enum([...RIGHTS]).nullable(),
    screening: p.json<TrainingScreening>().nullable(),
    base: p.json<TrainingBase>(),
    preset: p.enum([...PRESETS]),
    look: p.enum([...LOOKS]),
    params: p.json<TrainSettings>(),
    /** Weights that it goes on from: an epoch of an earlier run. */
    startSha256: p.string().length(64).nullable().index(),
    startTitle: p.string().length(200).nullable(),
    state: p.enum([...RUN_STATES]).default('queued'),
    /** Counts segments; a job of another segment has nothing left to do. */
    segment: p.integer().default(0),
    jobId: p.uuid().nullable(),
    /** Of its engine, since it got on last. */
    crashes: p.integer().default(0),
    step: p.integer().default(0),
    totalSteps: p.integer().default(0),
    /** `[step, loss]`, thinned out as it grows. */
    lossSeries: p.json<(readonly [number, number])[]>().onCreate(() => []),
    /** From here a run that broke off goes on. */
    stateSha256: p.string().length(64).nullable().index(),
    stateBytes: p.bigint('number').default(0),
    stateStep: p.integer().default(0),
    deviceName: p.string().length(120).nullable(),
    /** For the person at the screen. With `cancelled`: why the node ended it, and it cost nothing. */
    error: p.string().length(500).nullable(),
    /** Sum of the policy epochs of its owner and of what it is made from, when it was put into the queue last. */
    policyEpoch: p.integer().default(0),
    createdAt: p.datetime(),
    startedAt: p.datetime().nullable(),
    finishedAt: p.datetime().nullable(),
  },
});
export interface TrainingRun extends InferEntity<typeof TrainingRun> {}

/** A LoRA that a run saved. */
export const TrainingEpoch = defineEntity({
  name: 'TrainingEpoch',
  uniques: [{ properties: ['run', 'number'] }],
  properties: {
    id: p.uuid().primary(),
    run: () => p.manyToOne(TrainingRun).ref(),
    number: p.integer(),
    step: p.integer(),
    sha256: p.string().length(64).index(),
    totalBytes: p.bigint('number'),
    lossEma: p.float().nullable(),
    /** What it became. */
    publishedVersion: () => p.manyToOne(ModelVersion).ref().nullable(),
    createdAt: p.datetime(),
  },
});
export interface TrainingEpoch extends InferEntity<typeof TrainingEpoch> {}

/** A picture that the run made on its way, with the weights of that epoch. */
export const TrainingSample = defineEntity({
  name: 'TrainingSample',
  uniques: [{ properties: ['run', 'epoch', 'promptIndex'] }],
  properties: {
    id: p.uuid().primary(),
    run: () => p.manyToOne(TrainingRun).ref(),
    epoch: p.integer(),
    promptIndex: p.smallint(),
    seed: p.bigint('number'),
    sha256: p.string().length(64).index(),
    totalBytes: p.integer(),
    width: p.integer(),
    height: p.integer(),
    thumbSha256: p.string().length(64).nullable().index(),
    thumbBytes: p.integer().default(0),
    createdAt: p.datetime(),
  },
});
export interface TrainingSample extends InferEntity<typeof TrainingSample> {}
