import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { ORIGINS } from '../../gallery/images/origin.ts';
import type { Crop } from '../../kit/storage/images-turn.ts';

/** What became of an archive, for its owner. */
export interface ImportReport {
  readonly takenCount: number;
  readonly refused: readonly string[];
}

/** What the captioner is to do, and what it could not. Its job says how far it is. */
export interface Captioning {
  readonly id: string;
  /** How sure it has to be of a tag, 0 to 1. */
  readonly threshold: number;
  readonly mode: 'empty' | 'append' | 'replace';
  /** Tags that stand before the rest in each caption. */
  readonly prefix: string;
  /** Tags that are left out. */
  readonly exclude: readonly string[];
  readonly replaceUnderscores: boolean;
  readonly escapeParentheses: boolean;
  /** Of pictures, by name. */
  readonly refused: readonly string[];
  /** Why it ended early; for the person at the screen. */
  readonly error: string | null;
}

/** A caption that a captioner wrote, and what stood there before, so that the whole act can be undone. */
export interface AutoCaption {
  /** Id of the Captioning. */
  readonly act: string;
  readonly before: string;
  readonly after: string;
}

/** Pictures and captions to train on. Only its owner sees it, by whatever path. */
export const Dataset = defineEntity({
  name: 'Dataset',
  indexes: [{ properties: ['owner', 'updatedAt'] }],
  properties: {
    id: p.uuid().primary(),
    owner: () => p.manyToOne(Account).ref(),
    name: p.string().length(120),
    /** The job that reads an archive into it; the archive is kept until it was read. */
    importJobId: p.uuid().nullable(),
    importSha256: p.string().length(64).nullable().index(),
    importReport: p.json<ImportReport>().nullable(),
    /** The captioner at work, or when it worked last. */
    captionJobId: p.uuid().nullable(),
    captioning: p.json<Captioning>().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
  },
});
export interface Dataset extends InferEntity<typeof Dataset> {}

/** One picture. The bytes are those that came, without metadata; how it is cut and turned stands beside them. */
export const DatasetItem = defineEntity({
  name: 'DatasetItem',
  // the same bytes stand once in a set, also when two requests bring them
  uniques: [{ properties: ['dataset', 'sha256'] }],
  properties: {
    id: p.uuid().primary(),
    dataset: () => p.manyToOne(Dataset).ref(),
    position: p.integer(),
    fileName: p.string().length(200),
    sha256: p.string().length(64).index(),
    /** Of the file as it came; null in sets that are older than it. */
    originalSha256: p.string().length(64).nullable(),
    totalBytes: p.integer(),
    mediaType: p.string().length(20),
    /** Upright, before it is turned and cut. */
    width: p.integer(),
    height: p.integer(),
    /** A WebP of the part that is trained on. */
    thumbSha256: p.string().length(64).nullable().index(),
    thumbBytes: p.integer().default(0),
    /** What it looks like: images-turn.ts. */
    likeness: p.string().length(16),
    /** Its perceptual hashes, as safety/hashes/gate.ts writes them; null where nobody has looked yet. */
    pdq: p.text().nullable(),
    /** It looks like something that is blocked: it is not trained on until a moderator has looked. */
    heldAt: p.datetime().nullable(),
    /** By what the file said before its metadata was taken out: a hint (gallery/images/origin.ts). */
    origin: p.enum([...ORIGINS]).default('unknown'),
    /** In the part that is trained on, as far as a detector saw any; null while none has looked. */
    faceCount: p.smallint().nullable(),
    caption: p.text().default(''),
    autoCaption: p.json<AutoCaption>().nullable(),
    rotation: p.smallint().default(0),
    crop: p.json<Crop>().nullable(),
    /** How often an epoch shows it; 0 leaves the choice to the run. */
    repeats: p.smallint().default(0),
    createdAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
  },
});
export interface DatasetItem extends InferEntity<typeof DatasetItem> {}
