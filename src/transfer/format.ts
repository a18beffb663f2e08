import { z } from 'zod';
import { LINEAGE_KINDS, MODEL_VISIBILITIES } from '../catalogue/model.ts';
import { CONTENT_STATES, FILE_KINDS, MODEL_TYPES } from '../catalogue/types.ts';
import {
  COLLECTED_KINDS,
  COLLECTION_ADDERS,
  COLLECTION_INTAKES,
  COLLECTION_VISIBILITIES,
} from '../gallery/collections/model.ts';
import { RESOURCE_KINDS } from '../gallery/model.ts';
import { NUMBER_FIELDS } from '../gallery/recipe/recipe.ts';
import { MOST_PICTURES } from '../gallery/talk-pictures/hold.ts';
import { VISIBILITIES } from '../safety/audience.ts';

/*
 * An account as files: what `/settings/export` writes, what `/import` reads, and what every other source is turned into
 * before anything is made of it. Whoever reads it believes nothing: each length is bounded here, and what it says goes
 * through the same doors as what a person types.
 */

export const FORMAT = 'tessera-export';
export const MANIFEST = 'tessera-export.json';
/** One object a line, so that a large account is never in memory. */
export const DOCUMENTS = {
  models: 'models.jsonl',
  posts: 'posts.jsonl',
  reviews: 'reviews.jsonl',
  comments: 'comments.jsonl',
  collections: 'collections.jsonl',
  /** For their owner to keep: nothing is asked for again by an import, which would spend credits. */
  bounties: 'bounties.jsonl',
} as const;
export const PROFILE = 'profile.json';
/** Named and laid out as Mastodon's own (docs.joinmastodon.org/user/moving, "Exporting data"). */
export const FOLLOWING = 'following_accounts.csv';
export const BLOCKED = 'blocked_accounts.csv';
export const MUTED = 'muted_accounts.csv';
/** For their owner to keep. */
export const LICENCES = 'licences.csv';
export const CREDITS = 'credits.csv';
export const SEARCHES = 'saved_searches.csv';

export const MOST_LINE_BYTES = 4_000_000;
export const MOST_MANIFEST_BYTES = 64_000_000;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const uri = z.string().max(2_048);
const text = (max: number) => z.string().max(max);
const bytes = z.int().nonnegative();
const day = z.iso.datetime().nullable();
/** Where its bytes lie: a path in the archive, or an address; null where they were left out. */
const place = z.string().max(2_048).nullable();

export const Manifest = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  origin: uri,
  account: z.object({ name: text(64), uri }),
  createdAt: z.iso.datetime(),
  entries: z.array(z.object({ name: text(300), totalBytes: bytes, sha256 })).max(500_000),
  /** What is not in it, and why, in sentences. */
  leftOut: z.array(text(600)).max(1_000),
});
export type Manifest = z.output<typeof Manifest>;

export const ProfileDoc = z.object({
  name: text(64),
  displayName: text(80),
  bio: text(2_000),
  links: z.array(z.object({ label: text(40), url: text(500) })).max(6),
  isLocked: z.boolean(),
  isNetworkShown: z.boolean(),
  avatar: z.object({ path: place, sha256, totalBytes: bytes }).nullable(),
  banner: z.object({ path: place, sha256, totalBytes: bytes }).nullable(),
});
export type ProfileDoc = z.output<typeof ProfileDoc>;

const FileDoc = z.object({
  name: text(200),
  kind: z.enum(FILE_KINDS),
  totalBytes: bytes,
  /** Null where the source has none: then the first reading is believed. */
  sha256: sha256.nullable(),
  path: place,
});
export type FileDoc = z.output<typeof FileDoc>;

const VersionDoc = z.object({
  uri,
  name: text(80),
  baseModel: text(60),
  changelog: text(20_000),
  trainedWords: z.array(text(200)).max(40),
  trainingSettings: z.record(text(60), text(500)),
  clipSkip: z.int().min(1).max(12).nullable(),
  recommendedWeight: z.number().min(-10).max(10).nullable(),
  state: z.enum(CONTENT_STATES),
  publishedAt: day,
  parents: z
    .array(
      z.object({
        kind: z.enum(LINEAGE_KINDS),
        name: text(200),
        hash: text(64).nullable(),
        uri: uri.nullable(),
        weight: z.number().nullable(),
      }),
    )
    .max(12),
  files: z.array(FileDoc).max(200),
});
export type VersionDoc = z.output<typeof VersionDoc>;

export const ModelDoc = z.object({
  uri,
  name: text(120),
  type: z.enum(MODEL_TYPES),
  description: text(50_000),
  state: z.enum(CONTENT_STATES),
  visibility: z.enum(MODEL_VISIBILITIES),
  level: z.int(),
  tags: z.array(text(60)).max(60),
  licenseId: text(80),
  allowNoCredit: z.boolean(),
  allowCommercialUse: z.array(text(20)).max(8),
  allowDerivatives: z.boolean(),
  allowDifferentLicense: z.boolean(),
  forbidsGeneration: z.boolean(),
  isPoi: z.boolean(),
  isMinor: z.boolean(),
  isSfwOnly: z.boolean(),
  /** At the top of its owner's profile. */
  isPinned: z.boolean().default(false),
  /** The newest first. */
  versions: z.array(VersionDoc).max(500),
});
export type ModelDoc = z.output<typeof ModelDoc>;

const RECIPE_TEXTS = ['prompt', 'negativePrompt', 'sampler', 'scheduler', 'modelName', 'modelHash', 'vae', 'vaeHash'];
const MORE_TEXTS = ['hiresUpscaler', 'version', 'tool', 'seed'];
const recipeText = text(200_000).optional();
const RecipeDoc = z.object({
  ...Object.fromEntries([...RECIPE_TEXTS, ...MORE_TEXTS].map((field) => [field, recipeText])),
  ...Object.fromEntries(Object.keys(NUMBER_FIELDS).map((field) => [field, z.number().optional()])),
  others: z.record(text(200), text(200_000)),
});

const ImageDoc = z.object({
  uri,
  sha256: sha256.nullable(),
  totalBytes: bytes,
  path: place,
  level: z.int(),
  altText: text(1_500),
  caption: text(5_000),
  isRecipeHidden: z.boolean(),
  /** Null: whatever the file says. */
  recipe: RecipeDoc.nullable(),
  resources: z
    .array(
      z.object({
        kind: z.enum(RESOURCE_KINDS),
        name: text(200),
        hash: text(64).nullable(),
        weight: z.number().nullable(),
        versionUri: uri.nullable(),
      }),
    )
    .max(200),
});
export type ImageDoc = z.output<typeof ImageDoc>;

export const PostDoc = z.object({
  uri,
  title: text(200),
  caption: text(20_000),
  state: z.enum(CONTENT_STATES),
  visibility: z.enum(VISIBILITIES),
  publishedAt: day,
  isPinned: z.boolean().default(false),
  tags: z.array(text(60)).max(60),
  /** Of the version in whose gallery it stands. */
  versionUri: uri.nullable(),
  images: z.array(ImageDoc).max(20),
});
export type PostDoc = z.output<typeof PostDoc>;

export const ReviewDoc = z.object({
  uri,
  versionUri: uri,
  isRecommended: z.boolean(),
  text: text(10_000),
  createdAt: z.iso.datetime(),
  /** Older archives have none. */
  images: z.array(ImageDoc).max(MOST_PICTURES.review).default([]),
});
export type ReviewDoc = z.output<typeof ReviewDoc>;

export const CommentDoc = z.object({
  uri,
  text: text(10_000),
  createdAt: z.iso.datetime(),
  /** `page`: whoever sees the page. What was said to few is in the archive and goes no further. */
  audience: text(20),
  on: z.object({ kind: z.enum(['model', 'post', 'image', 'review']), uri }),
  parentUri: uri.nullable(),
  images: z.array(ImageDoc).max(MOST_PICTURES.comment).default([]),
});
export type CommentDoc = z.output<typeof CommentDoc>;

export const CollectionDoc = z.object({
  uri,
  name: text(120),
  description: text(5_000),
  visibility: z.enum(COLLECTION_VISIBILITIES),
  /** Who may add, and whether that is reviewed. */
  adders: z.enum(COLLECTION_ADDERS).default('owner'),
  intake: z.enum(COLLECTION_INTAKES).default('at-once'),
  /** In its owner's order. */
  items: z.array(z.object({ kind: z.enum(COLLECTED_KINDS), uri })).max(5_000),
});
export type CollectionDoc = z.output<typeof CollectionDoc>;

export interface BountyDoc {
  readonly uri: string;
  readonly title: string;
  readonly text: string;
  readonly kind: string;
  readonly mode: string;
  readonly baseModel: string;
  readonly state: string;
  readonly tags: readonly string[];
  readonly createdAt: string;
  readonly deadlineAt: string;
  /** Public pictures that it names. */
  readonly referenceUris: readonly string[];
  /** Sent in with it. */
  readonly images: readonly ImageDoc[];
}
