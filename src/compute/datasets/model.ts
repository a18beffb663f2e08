import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import type { Crop } from '../../kit/storage/images-turn.ts';

/** What became of an archive, for its owner. */
export interface ImportReport {
  readonly takenCount: number;
  readonly refused: readonly string[];
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
    caption: p.text().default(''),
    rotation: p.smallint().default(0),
    crop: p.json<Crop>().nullable(),
    /** How often an epoch shows it; 0 leaves the choice to the run. */
    repeats: p.smallint().default(0),
    createdAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
  },
});
export interface DatasetItem extends InferEntity<typeof DatasetItem> {}
