import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import type { Viewer } from '../kit/work.ts';
import { VISIBILITIES } from '../safety/audience.ts';
import { COMMERCIAL_USE_INDEXES } from './commercial-use.ts';
import { CONTENT_STATES, type CommercialUse, FILE_FORMATS, FILE_KINDS, MODEL_TYPES, SCAN_RESULTS } from './types.ts';

/** A model is published, not sent: it has no circle of named people. */
export const MODEL_VISIBILITIES = VISIBILITIES.filter((name) => name !== 'direct');

/**
 * A model and what its lists sort by. `listedAt` is the one switch for public lists: the time of the newest public
 * version, null unless published, public, not deleted and not withheld.
 */
export const Model = defineEntity({
  name: 'Model',
  indexes: [
    { properties: ['listedAt', 'id'] },
    { properties: ['shownAt', 'id'] },
    { properties: ['isLocal', 'listedAt', 'id'] },
    { properties: ['type', 'listedAt', 'id'] },
    { properties: ['baseModel', 'listedAt', 'id'] },
    { properties: ['owner', 'listedAt', 'id'] },
    { properties: ['owner', 'shownAt', 'id'] },
    { properties: ['downloadCount', 'id'] },
    { properties: ['thumbsUpCount', 'id'] },
    { properties: ['commentCount', 'id'] },
    { properties: ['imageCount', 'id'] },
    { properties: ['collectCount', 'id'] },
    { properties: ['trendScore', 'id'] },
    { properties: ['state', 'publishAt'] },
    ...COMMERCIAL_USE_INDEXES,
  ],
  properties: {
    id: p.integer().primary(),
    owner: () => p.manyToOne(Account).ref(),
    name: p.string().length(120),
    type: p.enum([...MODEL_TYPES]),
    /** Markdown when local, unsanitised HTML when remote. */
    description: p.text().default(''),
    state: p.enum([...CONTENT_STATES]).default('draft'),
    visibility: p.enum([...MODEL_VISIBILITIES]).default('public'),
    publishedAt: p.datetime().nullable(),
    /** When a scheduled model goes public. */
    publishAt: p.datetime().nullable(),
    listedAt: p.datetime().nullable(),
    /** As `listedAt`, whomever it is for: what lists for those who may see it sort by. */
    shownAt: p.datetime().nullable(),
    deletedAt: p.datetime().nullable(),
    /** When the time to undo its deletion was over; a tombstone is left. */
    purgedAt: p.datetime().nullable(),
    isLocal: p.boolean().default(true),
    /** OR of the ratings of its cover images; the author's own word while there is none. */
    level: p.smallint().default(1),
    /** Base model of the newest public version, in Civitai's spelling. */
    baseModel: p.string().length(60).default(''),
    /** Picture of the card: an Image id of the gallery, which lies above this room. */
    coverImageId: p.integer().nullable(),
    allowNoCredit: p.boolean().default(true),
    allowCommercialUse: p.json<CommercialUse[]>().onCreate(() => []),
    allowDerivatives: p.boolean().default(true),
    allowDifferentLicense: p.boolean().default(true),
    /** Its author does not want nodes to generate with it on their engines. */
    forbidsGeneration: p.boolean().default(false),
    /** Whom a decision names as the origin of it; shown beside the licence. */
    creditLine: p.string().length(300).default(''),
    /** SPDX licence id, or '' when none is stated. */
    licenseId: p.string().length(80).default(''),
    /** Depicts a real person. */
    isPoi: p.boolean().default(false),
    isMinor: p.boolean().default(false),
    isSfwOnly: p.boolean().default(false),
    downloadCount: p.integer().default(0),
    thumbsUpCount: p.integer().default(0),
    commentCount: p.integer().default(0),
    /** Public images made with it. */
    imageCount: p.integer().default(0),
    /** Public collections that it lies in. */
    collectCount: p.integer().default(0),
    /** Its place among what is liked lately, by the formula of discovery/trend; null where nobody's like counts. */
    trendScore: p.integer().nullable(),
    /** What its home says; shown as its claim, and never added to ours. Null for ours. */
    claimedDownloadCount: p.bigint('number').nullable(),
    claimedLikeCount: p.integer().nullable(),
    uri: p.string().length(2048).nullable().unique(),
    url: p.string().length(2048).nullable(),
    /** The actor that tells of a model of another node, for those who follow it. */
    feedUri: p.string().length(2048).nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export interface Model extends InferEntity<typeof Model> {}

export const ModelVersion = defineEntity({
  name: 'ModelVersion',
  indexes: [
    { properties: ['model', 'position'] },
    { properties: ['baseModel', 'model'] },
    { properties: ['state', 'publishAt'] },
  ],
  properties: {
    id: p.integer().primary(),
    model: () => p.manyToOne(Model).ref(),
    /** 0 is the newest. */
    position: p.smallint().default(0),
    name: p.string().length(80),
    baseModel: p.string().length(60),
    /** What changed, Markdown. */
    changelog: p.text().default(''),
    trainedWords: p.json<string[]>().onCreate(() => []),
    /** What the author recommends and how it was trained, key to value, from the file's header or by hand. */
    trainingSettings: p.json<Record<string, string>>().onCreate(() => ({})),
    clipSkip: p.smallint().nullable(),
    recommendedWeight: p.float().nullable(),
    state: p.enum([...CONTENT_STATES]).default('draft'),
    publishedAt: p.datetime().nullable(),
    publishAt: p.datetime().nullable(),
    deletedAt: p.datetime().nullable(),
    /** What a deleted one was, for those who change their mind. */
    stateBeforeDeletion: p.enum([...CONTENT_STATES]).nullable(),
    downloadCount: p.integer().default(0),
    /** Of its reviews, which are above this room. */
    thumbsUpCount: p.integer().default(0),
    thumbsDownCount: p.integer().default(0),
    imageCount: p.integer().default(0),
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export interface ModelVersion extends InferEntity<typeof ModelVersion> {}

/** One file of a version; the bytes are a blob by `sha256`. Hashes are lower-case hex here and upper-case in the API. */
export const ModelFile = defineEntity({
  name: 'ModelFile',
  indexes: [{ properties: ['format', 'totalBytes', 'version'] }, { properties: ['totalBytes', 'version'] }],
  properties: {
    id: p.integer().primary(),
    version: () => p.manyToOne(ModelVersion).ref(),
    /** As it is offered for download: safe characters only. */
    name: p.string().length(200),
    /** As its owner called it: `name` is made of it again when the type or the trigger words change. */
    originalName: p.string().length(200).default(''),
    kind: p.enum([...FILE_KINDS]).default('Model'),
    format: p.enum([...FILE_FORMATS]).default('Other'),
    /** `fp16`, `bf16`, `fp32`, `fp8`, `nf4` … or ''. */
    precision: p.string().length(12).default(''),
    isPruned: p.boolean().default(true),
    isPrimary: p.boolean().default(false),
    totalBytes: p.bigint('number'),
    sha256: p.string().length(64).index(),
    /** The digest of the file that this one was made from after a claim; that one may not come back. */
    replaces: p.string().length(64).nullable(),
    /** SHA-256 of what follows the safetensors header; AutoV3 is its first 12 digits. */
    tensorSha256: p.string().length(64).nullable().index(),
    blake3: p.string().length(64).nullable().index(),
    autoV1: p.string().length(8).nullable().index(),
    crc32: p.string().length(8).nullable().index(),
    pickleScanResult: p.enum([...SCAN_RESULTS]).default('Pending'),
    pickleScanMessage: p.text().nullable(),
    virusScanResult: p.enum([...SCAN_RESULTS]).default('Pending'),
    virusScanMessage: p.text().nullable(),
    scannedAt: p.datetime().nullable(),
    /** What the header says and where: the detection of files/detect.ts. */
    facts: p.json<Record<string, unknown>>().nullable(),
    /** Where a peer offers it; no bytes are here unless `isStored`. */
    remoteUrl: p.string().length(2048).nullable(),
    isStored: p.boolean().default(true),
    createdAt: p.datetime(),
  },
});
export interface ModelFile extends InferEntity<typeof ModelFile> {}

export const Tag = defineEntity({
  name: 'Tag',
  properties: {
    id: p.integer().primary(),
    /** Lower case, single spaces. */
    name: p.string().length(60).unique(),
  },
});
export interface Tag extends InferEntity<typeof Tag> {}

/** A tag whose word means another one: what is written with it, or asked for by it, is that one. */
export const TagSynonym = defineEntity({
  name: 'TagSynonym',
  properties: {
    tag: () => p.oneToOne(Tag).ref().primary().owner().deleteRule('cascade'),
    means: () => p.manyToOne(Tag).ref().deleteRule('cascade'),
    setAt: p.datetime(),
  },
});
export interface TagSynonym extends InferEntity<typeof TagSynonym> {}

export const ModelTag = defineEntity({
  name: 'ModelTag',
  indexes: [{ properties: ['tag', 'model'] }],
  properties: {
    model: () => p.manyToOne(Model).ref().primary(),
    tag: () => p.manyToOne(Tag).ref().primary(),
  },
});
export interface ModelTag extends InferEntity<typeof ModelTag> {}

/** The base models that the form offers; the owner edits it, the seed has Civitai's spellings. */
export const BaseModel = defineEntity({
  name: 'BaseModel',
  properties: {
    name: p.string().length(60).primary(),
    /** Root family: `sd1`, `sdxl`, `flux1` …, as in AIR names. */
    ecosystem: p.string().length(40).default('other'),
    position: p.smallint().default(0),
    isHidden: p.boolean().default(false),
  },
});
export interface BaseModel extends InferEntity<typeof BaseModel> {}

export const LINEAGE_KINDS = ['trained_on_base', 'merged_from', 'finetuned_from', 'converted_from'] as const;

/** Who says so: the header of the file, which anybody can write; the owner of the model; or this node, which made it. */
export const LINEAGE_BASES = ['file', 'owner', 'made'] as const;

/** `child` was made from `parent`, or from something known by name and hash only. */
export const Lineage = defineEntity({
  name: 'Lineage',
  properties: {
    id: p.uuid().primary(),
    child: () => p.manyToOne(ModelVersion).ref().index(),
    parent: () => p.manyToOne(ModelVersion).ref().nullable().index(),
    parentName: p.string().length(200).default(''),
    parentHash: p.string().length(64).nullable().index(),
    /** Id of a version on a peer, known here or not yet. */
    parentUri: p.string().length(2048).nullable().index(),
    kind: p.enum([...LINEAGE_KINDS]),
    basis: p.enum([...LINEAGE_BASES]).default('owner'),
    weight: p.float().nullable(),
  },
});
export interface Lineage extends InferEntity<typeof Lineage> {}

/** One row for each person (or address) and version and day, so that a reload does not count twice. */
export const DownloadMark = defineEntity({
  name: 'DownloadMark',
  indexes: [{ properties: ['day', 'version'] }],
  properties: {
    version: () => p.manyToOne(ModelVersion).ref().primary(),
    /** ISO day. */
    day: p.string().length(10).primary(),
    /** Keyed hash of the account or of the address prefix. */
    whoHash: p.string().length(32).primary(),
  },
});
export interface DownloadMark extends InferEntity<typeof DownloadMark> {}

export const isOwner = (thing: { owner: { id: number } }, viewer: Viewer | null): boolean =>
  thing.owner.id === viewer?.id;
