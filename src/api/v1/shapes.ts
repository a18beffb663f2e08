import { z } from 'zod';
import { COMMERCIAL_USES, FILE_FORMATS, FILE_KINDS, MODEL_TYPES, SCAN_RESULTS } from '../../catalogue/types.ts';
import { Metadata } from './paging.ts';

// What the API answers, in Civitai's spellings (spec/civitai-api.md 2.3). Types, the document and the tests all come from
// these; a field that Civitai leaves out where it is empty is optional here.

const time = z.iso.datetime();
const count = z.int().min(0);

/** `id` stands in lists alone, `meta` in the details of a version alone. */
export const VersionImage = z.object({
  id: z.int().optional(),
  /** Ends in `{id}.{ext}`: programs cut the id out of it. */
  url: z.url(),
  nsfwLevel: z.int(),
  width: z.int(),
  height: z.int(),
  /** BlurHash. */
  hash: z.string(),
  type: z.literal('image'),
  hasMeta: z.boolean(),
  hasPositivePrompt: z.boolean(),
  onSite: z.boolean(),
  /** The picture whose recipe it was made with, where that is public. */
  remixOfId: z.int().nullable(),
  minor: z.boolean(),
  poi: z.boolean(),
  availability: z.literal('Public'),
  meta: z.record(z.string(), z.unknown()).nullable().optional(),
});
export type VersionImage = z.output<typeof VersionImage>;

/** Upper-case hexadecimal. */
export const FileHashes = z.object({
  AutoV1: z.string().optional(),
  AutoV2: z.string().optional(),
  AutoV3: z.string().optional(),
  SHA256: z.string().optional(),
  BLAKE3: z.string().optional(),
  CRC32: z.string().optional(),
});

export const File = z.object({
  id: z.int(),
  sizeKB: z.number(),
  name: z.string(),
  type: z.enum(FILE_KINDS),
  pickleScanResult: z.enum(SCAN_RESULTS),
  pickleScanMessage: z.string().nullable(),
  virusScanResult: z.enum(SCAN_RESULTS),
  virusScanMessage: z.string().nullable(),
  scannedAt: time.nullable(),
  metadata: z.object({
    format: z.enum(FILE_FORMATS),
    size: z.enum(['pruned', 'full']),
    fp: z.string().optional(),
    quantType: z.string().optional(),
  }),
  hashes: FileHashes,
  /** Absent where no verified copy of it is on this node. */
  downloadUrl: z.url().optional(),
  /** `true` or absent in a model, always there in the details of a version. */
  primary: z.boolean().optional(),
});
export type File = z.output<typeof File>;

/** What of a version is not everybody's yet says so. */
const Availability = z.enum(['Public', 'EarlyAccess']);
const State = z.enum(['Published', 'Draft', 'Scheduled', 'Unpublished']);
const Mode = z.enum(['Archived', 'TakenDown']);

const versionFields = {
  id: z.int(),
  name: z.string(),
  baseModel: z.string(),
  baseModelType: z.string().nullable(),
  publishedAt: time.nullable(),
  createdAt: time,
  updatedAt: time,
  status: State,
  nsfwLevel: z.int(),
  /** HTML: what changed. */
  description: z.string().nullable(),
  trainedWords: z.array(z.string()),
  paidAccess: z.null(),
  /** Only while it is early. */
  earlyAccessEndsAt: time.optional(),
  earlyAccessDeadline: time.optional(),
  files: z.array(File),
  images: z.array(VersionImage),
  /** Of the primary file, without a query. */
  downloadUrl: z.url().optional(),
};

export const Version = z.object({
  ...versionFields,
  index: count,
  availability: Availability,
  covered: z.boolean(),
  supportsGeneration: z.boolean(),
  stats: z.object({ downloadCount: count, thumbsUpCount: count, thumbsDownCount: count }),
});
export type Version = z.output<typeof Version>;

const Creator = z.object({ username: z.string(), image: z.url().nullable() });

export const Model = z.object({
  id: z.int(),
  name: z.string(),
  /** HTML. */
  description: z.string().nullable(),
  type: z.enum(MODEL_TYPES),
  nsfw: z.boolean(),
  nsfwLevel: z.int(),
  poi: z.boolean(),
  minor: z.boolean(),
  sfwOnly: z.boolean(),
  availability: Availability,
  mode: Mode.optional(),
  allowNoCredit: z.boolean(),
  allowCommercialUse: z.array(z.enum(COMMERCIAL_USES)),
  allowDerivatives: z.boolean(),
  allowDifferentLicense: z.boolean(),
  supportsGeneration: z.boolean(),
  userId: z.int(),
  cosmetic: z.null(),
  baseModels: z.array(z.string()),
  /** Absent when the account was deleted. */
  creator: Creator.optional(),
  tags: z.array(z.string()),
  stats: z.object({
    downloadCount: count,
    favoriteCount: count,
    thumbsUpCount: count,
    thumbsDownCount: count,
    commentCount: count,
    ratingCount: count,
    rating: z.number(),
    tippedAmountCount: count,
  }),
  modelVersions: z.array(Version),
  /** ActivityPub id at its home, for a model of another node. */
  home: z.url().optional(),
  metadata: Metadata.optional(),
});
export type Model = z.output<typeof Model>;

export const VersionDetail = z.object({
  ...versionFields,
  modelId: z.int(),
  trainingStatus: z.null(),
  trainingDetails: z.null(),
  uploadType: z.literal('Created'),
  usageControl: z.literal('Download'),
  licensingFee: z.null(),
  air: z.string(),
  stats: z.object({ downloadCount: count, thumbsUpCount: count, ratingCount: count, rating: z.number() }),
  model: z.object({
    name: z.string(),
    type: z.enum(MODEL_TYPES),
    nsfw: z.boolean(),
    poi: z.boolean(),
    mode: Mode.optional(),
  }),
  home: z.url().optional(),
  metadata: Metadata.optional(),
});
export type VersionDetail = z.output<typeof VersionDetail>;

export const ImageItem = z.object({
  id: z.int(),
  url: z.url(),
  hash: z.string(),
  width: z.int(),
  height: z.int(),
  type: z.literal('image'),
  nsfw: z.boolean(),
  nsfwLevel: z.enum(['None', 'Soft', 'Mature', 'X']),
  browsingLevel: z.int(),
  createdAt: time,
  postId: z.int(),
  username: z.string(),
  baseModel: z.string().nullable(),
  modelVersionIds: z.array(z.int()),
  stats: z.object({
    cryCount: count,
    laughCount: count,
    likeCount: count,
    dislikeCount: count,
    heartCount: count,
    commentCount: count,
  }),
  /** Null unless `withMeta`; flat, or `{id, meta}` as Civitai nests it for one image and for one model. */
  meta: z.record(z.string(), z.unknown()).nullable(),
  tags: z.array(z.object({ id: z.int(), name: z.string() })).optional(),
  home: z.url().optional(),
});
export type ImageItem = z.output<typeof ImageItem>;

export const envelope = <Item extends z.ZodType>(item: Item) => z.object({ items: z.array(item), metadata: Metadata });

/** `fields`: what is wrong with each of those that were sent. */
export const ErrorAnswer = z.object({ error: z.string(), fields: z.record(z.string(), z.string()).optional() });
