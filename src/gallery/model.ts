import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { Model, ModelVersion, Tag } from '../catalogue/model.ts';
import { CONTENT_STATES } from '../catalogue/types.ts';
import { VISIBILITIES } from '../safety/audience.ts';
import type { Recipe } from './recipe/recipe.ts';
import { Review } from './reviews/model.ts';

/** Of what people say: what may have pictures of its own. A Bounty is of the room above. */
export const TALK_KINDS = ['comment', 'review', 'bounty'] as const;

/** One to twenty images with a caption. With `version` it belongs to the gallery of that version. */
export const Post = defineEntity({
  name: 'Post',
  indexes: [
    { properties: ['listedAt', 'id'] },
    { properties: ['shownAt', 'id'] },
    { properties: ['isLocal', 'listedAt', 'id'] },
    { properties: ['owner', 'listedAt', 'id'] },
    { properties: ['owner', 'shownAt', 'id'] },
    { properties: ['version', 'listedAt', 'id'] },
    { properties: ['state', 'publishAt'] },
  ],
  uniques: [{ properties: ['talkKind', 'talkId'] }],
  properties: {
    id: p.integer().primary(),
    owner: () => p.manyToOne(Account).ref(),
    version: () => p.manyToOne(ModelVersion).ref().nullable().deleteRule('set null'),
    title: p.string().length(200).default(''),
    /** Markdown when local, unsanitised HTML when remote. */
    caption: p.text().default(''),
    state: p.enum([...CONTENT_STATES]).default('draft'),
    visibility: p.enum([...VISIBILITIES]).default('public'),
    publishedAt: p.datetime().nullable(),
    publishAt: p.datetime().nullable(),
    /** Null unless published, public, rated, not deleted and not withheld. */
    listedAt: p.datetime().nullable(),
    /** As `listedAt`, whomever it is for: what lists for those who may see it sort by. */
    shownAt: p.datetime().nullable(),
    deletedAt: p.datetime().nullable(),
    /** What an undone deletion goes back to. */
    restoreState: p.enum([...CONTENT_STATES]).nullable(),
    isLocal: p.boolean().default(true),
    /** OR of its images' ratings. */
    level: p.smallint().default(0),
    imageCount: p.smallint().default(0),
    likeCount: p.integer().default(0),
    commentCount: p.integer().default(0),
    /** What its home says; shown as its claim, and never added to ours. Null for ours. */
    claimedLikeCount: p.integer().nullable(),
    uri: p.string().length(2048).nullable().unique(),
    url: p.string().length(2048).nullable(),
    /** It only holds the pictures of words: it is no post to anybody, and they are seen where those words are. */
    talkKind: p.enum([...TALK_KINDS]).nullable(),
    /** Null when they are gone. */
    talkId: p.uuid().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export interface Post extends InferEntity<typeof Post> {}

export const Image = defineEntity({
  name: 'Image',
  indexes: [
    { properties: ['listedAt', 'id'] },
    { properties: ['isLocal', 'listedAt', 'id'] },
    { properties: ['owner', 'shownAt', 'id'] },
    { properties: ['likeCount', 'id'] },
    { properties: ['commentCount', 'id'] },
    { properties: ['collectCount', 'id'] },
    { properties: ['trendScore', 'id'] },
    { properties: ['post', 'position'] },
    { properties: ['isLocal', 'fetchedAt'] },
    { properties: ['remixOf', 'listedAt', 'id'] },
  ],
  properties: {
    id: p.integer().primary(),
    post: () => p.manyToOne(Post).ref(),
    owner: () => p.manyToOne(Account).ref(),
    position: p.smallint().default(0),
    /** The bytes as they came; null for a remote image that was not fetched yet. */
    sha256: p.string().length(64).nullable().index(),
    /** MIME type by content. */
    mediaType: p.string().length(40),
    totalBytes: p.bigint('number').default(0),
    /** Pixels, after orientation. */
    width: p.integer(),
    height: p.integer(),
    frameCount: p.integer().default(1),
    /** Its perceptual hashes, as safety/hashes/gate.ts writes them; null where nobody has looked yet. */
    pdq: p.text().nullable(),
    blurHash: p.string().length(164).default(''),
    /** A few bytes of WebP as a data URI, shown while the picture loads. */
    placeholder: p.string().length(600).default(''),
    /** One rating; 0 until its author rated it, and then it is hidden. */
    level: p.smallint().default(0),
    /** What the node found of a picture that was made here: its author rates it no lower, and no higher; 0 says nothing. */
    leastLevel: p.smallint().default(0),
    mostLevel: p.smallint().default(0),
    altText: p.string().length(1500).default(''),
    /** What the author says of this one picture, Markdown. */
    caption: p.text().default(''),
    recipe: p.json<Recipe>().nullable(),
    hasRecipe: p.boolean().default(false),
    /** The author keeps the generation data back: neither shown nor in the downloaded file. */
    isRecipeHidden: p.boolean().default(false),
    /** The raw blocks hold a ComfyUI graph. */
    hasWorkflow: p.boolean().default(false),
    /** The original without camera and place, as it is handed out; null until it is made. */
    cleanSha256: p.string().length(64).nullable().index(),
    cleanBytes: p.bigint('number').default(0),
    /** From `post`: the switches for public lists, and for those of who may see it. */
    listedAt: p.datetime().nullable(),
    shownAt: p.datetime().nullable(),
    isLocal: p.boolean().default(true),
    likeCount: p.integer().default(0),
    commentCount: p.integer().default(0),
    /** Public collections that it lies in. */
    collectCount: p.integer().default(0),
    /** As a model's. */
    trendScore: p.integer().nullable(),
    /** When the sizes below were made. */
    renderedAt: p.datetime().nullable(),
    renderError: p.string().length(300).nullable(),
    /** The generation of this node that made it, a Generation id of compute, which lies above. */
    generationId: p.uuid().nullable(),
    /** Whose recipe its author took to make it; one's own counts nowhere. */
    remixOf: () => p.manyToOne(Image).ref().nullable().deleteRule('set null'),
    /** Removed by its owner; the row goes when the time to undo is over. */
    deletedAt: p.datetime().nullable(),
    uri: p.string().length(2048).nullable().unique(),
    remoteUrl: p.string().length(2048).nullable(),
    /** When the bytes of a peer's picture last came; what is old makes room, and is fetched again when it is looked at. */
    fetchedAt: p.datetime().nullable(),
    /** When they made room: its size and its blur are kept. */
    evictedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface Image extends InferEntity<typeof Image> {}

/** The raw generation blocks as they stood in the file, by carrier; apart because they are large and rarely read. */
export const ImageRaw = defineEntity({
  name: 'ImageRaw',
  properties: {
    image: () => p.oneToOne(Image).ref().primary().owner().deleteRule('cascade'),
    blocks: p.json<Record<string, string>>(),
  },
});
export interface ImageRaw extends InferEntity<typeof ImageRaw> {}

/** One rendered size of an image. */
export const ImageSize = defineEntity({
  name: 'ImageSize',
  properties: {
    image: () => p.manyToOne(Image).ref().primary().deleteRule('cascade'),
    /** 320, 640, 1280, or 0 for the full size. */
    targetWidth: p.smallint().primary(),
    /** JPEG of the full size alone, for servers that show nothing newer. */
    format: p.enum(['webp', 'avif', 'jpeg']).primary(),
    sha256: p.string().length(64).index(),
    totalBytes: p.integer(),
    width: p.integer(),
    height: p.integer(),
  },
});
export interface ImageSize extends InferEntity<typeof ImageSize> {}

export const RESOURCE_KINDS = [
  'checkpoint',
  'lora',
  'locon',
  'embedding',
  'vae',
  'hypernet',
  'upscaler',
  'controlnet',
  'other',
] as const;

/** What an image was made with. `version` is filled when the hash is known here, also when that model arrives later. */
export const ResourceUse = defineEntity({
  name: 'ResourceUse',
  indexes: [
    { properties: ['version', 'image'] },
    { properties: ['model', 'image'] },
    { properties: ['image', 'position'] },
  ],
  properties: {
    id: p.uuid().primary(),
    image: () => p.manyToOne(Image).ref().deleteRule('cascade'),
    position: p.smallint().default(0),
    kind: p.enum([...RESOURCE_KINDS]),
    name: p.string().length(200).default(''),
    /** As found, lower case, without `0x`; 8 to 64 hex digits of any kind of hash. */
    hash: p.string().length(64).nullable().index(),
    weight: p.float().nullable(),
    version: () => p.manyToOne(ModelVersion).ref().nullable().deleteRule('set null'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('set null'),
    /** URI of a version on a peer. */
    uri: p.string().length(2048).nullable(),
    /** Added by hand, so a second reading of the file leaves it alone. */
    isManual: p.boolean().default(false),
  },
});
export interface ResourceUse extends InferEntity<typeof ResourceUse> {}

export const PostTag = defineEntity({
  name: 'PostTag',
  indexes: [{ properties: ['tag', 'post'] }],
  properties: {
    post: () => p.manyToOne(Post).ref().primary().deleteRule('cascade'),
    tag: () => p.manyToOne(Tag).ref().primary().deleteRule('cascade'),
  },
});
export interface PostTag extends InferEntity<typeof PostTag> {}

const COMMENT_AUDIENCES = ['page', 'followers', 'direct'] as const;

/** A comment stands under exactly one of model, post, image or review. */
export const Comment = defineEntity({
  name: 'Comment',
  indexes: [
    { properties: ['model', 'createdAt'] },
    { properties: ['post', 'createdAt'] },
    { properties: ['image', 'createdAt'] },
    { properties: ['review', 'createdAt'] },
    { properties: ['bounty', 'createdAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    author: () => p.manyToOne(Account).ref().index(),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('cascade'),
    review: () => p.manyToOne(Review).ref().nullable().deleteRule('cascade'),
    /** A Bounty of the room above. */
    bounty: p.uuid().fieldName('bounty_id').nullable(),
    parent: () => p.manyToOne(Comment).ref().nullable().deleteRule('cascade'),
    /** Who of those that see the page sees it: all, its author's followers and who is named, or only who is named. */
    audience: p.enum([...COMMENT_AUDIENCES]).default('page'),
    /** Markdown when local, unsanitised HTML when remote. */
    text: p.text(),
    isLocal: p.boolean().default(true),
    uri: p.string().length(2048).nullable().unique(),
    likeCount: p.integer().default(0),
    createdAt: p.datetime(),
    editedAt: p.datetime().nullable(),
    deletedAt: p.datetime().nullable(),
    /** By a moderator, or for good by whose page it is, where it is of a peer: shown to nobody, counted nowhere. */
    withheldAt: p.datetime().nullable(),
  },
});
export interface Comment extends InferEntity<typeof Comment> {}

/** A like of exactly one of model, post, image, comment or review. */
export const Reaction = defineEntity({
  name: 'Reaction',
  uniques: [
    { properties: ['account', 'model'] },
    { properties: ['account', 'post'] },
    { properties: ['account', 'image'] },
    { properties: ['account', 'comment'] },
    { properties: ['account', 'review'] },
  ],
  indexes: [
    { properties: ['model'] },
    { properties: ['post'] },
    { properties: ['image'] },
    { properties: ['comment'] },
    { properties: ['review'] },
    { properties: ['createdAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('cascade'),
    comment: () => p.manyToOne(Comment).ref().nullable().deleteRule('cascade'),
    review: () => p.manyToOne(Review).ref().nullable().deleteRule('cascade'),
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
  },
});
export interface Reaction extends InferEntity<typeof Reaction> {}

/** Somebody whom a post, a comment or a review names, exactly one of them: they are told, and may see it whomever it is for. */
export const Mention = defineEntity({
  name: 'Mention',
  uniques: [
    { properties: ['post', 'account'] },
    { properties: ['comment', 'account'] },
    { properties: ['review', 'account'] },
  ],
  indexes: [{ properties: ['account', 'post'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    comment: () => p.manyToOne(Comment).ref().nullable().deleteRule('cascade'),
    review: () => p.manyToOne(Review).ref().nullable().deleteRule('cascade'),
  },
});
export interface Mention extends InferEntity<typeof Mention> {}

/** What stays of a picture of a post that had been published: that it was there, for those whom the post is for (P10). */
export const ImageMark = defineEntity({
  name: 'ImageMark',
  properties: {
    /** As the picture had it. */
    id: p.integer().primary().autoincrement(false),
    post: () => p.manyToOne(Post).ref().deleteRule('cascade'),
    isLocal: p.boolean(),
    deletedAt: p.datetime(),
  },
});
export interface ImageMark extends InferEntity<typeof ImageMark> {}
