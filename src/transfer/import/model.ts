import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

const SOURCES = ['tessera', 'civitai', 'huggingface', 'folder', 'pictures'] as const;
export type SourceKind = (typeof SOURCES)[number];

const TRANSFER_STATES = ['looking', 'choosing', 'running', 'stopped', 'done', 'failed'] as const;
export type TransferState = (typeof TRANSFER_STATES)[number];

/** Things that come in from somewhere, for one account: first what would come, then, chosen, one after the other. */
export const Transfer = defineEntity({
  name: 'Transfer',
  indexes: [{ properties: ['account', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    source: p.enum([...SOURCES]),
    /** An address, a name or a folder, as the source understands it. */
    place: p.string().length(2048),
    /** Whose things, where the source has those of many. */
    who: p.string().length(100).default(''),
    /** Key of the source, sealed; gone when the transfer is over. */
    sealedKey: p.text().nullable(),
    /** An archive that was uploaded; it is let go when the transfer is over. */
    archiveSha256: p.string().length(64).nullable().index(),
    state: p.enum([...TRANSFER_STATES]).default('looking'),
    jobId: p.uuid().nullable(),
    /** What was public there is published here; else all comes in as drafts. */
    publishes: p.boolean().default(false),
    /** Why nothing could be read, for its owner. */
    message: p.string().length(600).nullable(),
    /** Sentences of the source about what it left out. */
    notes: p.json<string[]>().onCreate(() => []),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export interface Transfer extends InferEntity<typeof Transfer> {}

export const ITEM_KINDS = [
  ...(['profile', 'model', 'post', 'review', 'comment', 'collection'] as const),
  ...(['follow', 'block', 'mute'] as const),
] as const;
export type ItemKind = (typeof ITEM_KINDS)[number];

const ITEM_STATES = ['found', 'waiting', 'done', 'held', 'known', 'failed'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** One thing that comes in, whole or not yet. */
export const TransferItem = defineEntity({
  name: 'TransferItem',
  uniques: [{ properties: ['transfer', 'position'] }],
  indexes: [{ properties: ['transfer', 'state', 'position'] }],
  properties: {
    id: p.uuid().primary(),
    transfer: () => p.manyToOne(Transfer).ref().deleteRule('cascade'),
    /** Also the order of the work: what others lean on comes first. */
    position: p.integer(),
    kind: p.enum([...ITEM_KINDS]),
    title: p.string().length(300).default(''),
    /** Of its files. */
    totalBytes: p.bigint('number').default(0),
    /** A document of format.ts. */
    plan: p.json<unknown>(),
    state: p.enum([...ITEM_STATES]).default('found'),
    /** What failed, or what a person should know. */
    message: p.string().length(600).nullable(),
    /** Where it is here. */
    path: p.string().length(300).nullable(),
  },
});
export interface TransferItem extends InferEntity<typeof TransferItem> {}

/** What something elsewhere became here, so that nothing comes in twice, whichever way it is brought. */
export const TransferMark = defineEntity({
  name: 'TransferMark',
  properties: {
    account: () => p.manyToOne(Account).ref().primary().deleteRule('cascade'),
    /** SHA-256 of `origin`: an address may be longer than an index takes. */
    keyHash: p.string().length(64).primary(),
    origin: p.string().length(2048),
    kind: p.string().length(20),
    /** Of the row here. */
    targetId: p.string().length(40),
    createdAt: p.datetime(),
  },
});
export interface TransferMark extends InferEntity<typeof TransferMark> {}

/** Where a page of an account that moved is now. */
export const MovedPage = defineEntity({
  name: 'MovedPage',
  properties: {
    /** Of this node. */
    path: p.string().length(120).primary(),
    account: () => p.manyToOne(Account).ref().index().deleteRule('cascade'),
    target: p.string().length(2048),
  },
});
export interface MovedPage extends InferEntity<typeof MovedPage> {}
