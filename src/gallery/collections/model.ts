import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Image, Post } from '../model.ts';

/** `private` is for its owner alone. Only what is public can be followed. */
export const COLLECTION_VISIBILITIES = ['public', 'unlisted', 'private'] as const;

/** Who may add beside the owner: nobody, those whom the owner invited, or whoever is signed in. */
export const COLLECTION_ADDERS = ['owner', 'invited', 'anyone'] as const;
/** Whether what others add is in it at once, or waits until the owner or a manager looked at it. */
export const COLLECTION_INTAKES = ['at-once', 'reviewed'] as const;

/** Models, posts and single pictures that somebody put together. */
export const Collection = defineEntity({
  name: 'Collection',
  indexes: [{ properties: ['owner', 'updatedAt'] }],
  properties: {
    id: p.integer().primary(),
    owner: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    name: p.string().length(120),
    /** Markdown. */
    description: p.text().default(''),
    visibility: p.enum([...COLLECTION_VISIBILITIES]).default('public'),
    adders: p.enum([...COLLECTION_ADDERS]).default('owner'),
    intake: p.enum([...COLLECTION_INTAKES]).default('at-once'),
    /** Of one of another node. */
    uri: p.string().length(2048).nullable().unique(),
    /** The actor there that tells of it, for those who follow it. */
    feedUri: p.string().length(2048).nullable(),
    /** A CollectionItem. Where it is gone, or not for who looks, the first that they see stands for the collection. */
    coverItemId: p.uuid().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    /** The row stays as a mark, so that peers hear that it is gone. */
    deletedAt: p.datetime().nullable(),
  },
});
export interface Collection extends InferEntity<typeof Collection> {}

/** What can be put into a collection. */
export const COLLECTED_KINDS = ['model', 'post', 'image'] as const;
export type CollectedKind = (typeof COLLECTED_KINDS)[number];
export const isCollectedKind = (kind: string): kind is CollectedKind => COLLECTED_KINDS.some((one) => one === kind);

/** Exactly one of model, post and image. What is not public is in it for its owner, and shown to nobody else. */
export const CollectionItem = defineEntity({
  name: 'CollectionItem',
  uniques: [
    { properties: ['collection', 'model'] },
    { properties: ['collection', 'post'] },
    { properties: ['collection', 'image'] },
  ],
  indexes: [
    { properties: ['collection', 'position', 'id'] },
    { properties: ['collection', 'addedAt'] },
    { properties: ['model'] },
    { properties: ['post'] },
    { properties: ['image'] },
  ],
  properties: {
    id: p.uuid().primary(),
    collection: () => p.manyToOne(Collection).ref().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('cascade'),
    /** Its owner's order, the smallest first; what is put in comes before all else, so it may be negative. */
    position: p.integer().default(0),
    addedAt: p.datetime(),
  },
});
export interface CollectionItem extends InferEntity<typeof CollectionItem> {}

/** `account`, whose thing it is, wants it left out of a collection: it is in it no more, and cannot be put back. */
export const CollectionRefusal = defineEntity({
  name: 'CollectionRefusal',
  uniques: [
    { properties: ['collection', 'model'] },
    { properties: ['collection', 'post'] },
    { properties: ['collection', 'image'] },
  ],
  indexes: [
    { properties: ['account'] },
    { properties: ['model'] },
    { properties: ['post'] },
    { properties: ['image'] },
  ],
  properties: {
    id: p.uuid().primary(),
    collection: () => p.manyToOne(Collection).ref().deleteRule('cascade'),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('cascade'),
    /** Id of a peer's Remove activity. */
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
  },
});
export interface CollectionRefusal extends InferEntity<typeof CollectionRefusal> {}
