import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Post } from '../model.ts';

/** `private` is for its owner alone. Only what is public can be followed. */
export const COLLECTION_VISIBILITIES = ['public', 'unlisted', 'private'] as const;

/** Models and posts that somebody put together. */
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
    /** Of one of another node. */
    uri: p.string().length(2048).nullable().unique(),
    /** The actor there that tells of it, for those who follow it. */
    feedUri: p.string().length(2048).nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    /** The row stays as a mark, so that peers hear that it is gone. */
    deletedAt: p.datetime().nullable(),
  },
});
export interface Collection extends InferEntity<typeof Collection> {}

/** Exactly one of model and post. What is not public is in it for its owner, and shown to nobody else. */
export const CollectionItem = defineEntity({
  name: 'CollectionItem',
  uniques: [{ properties: ['collection', 'model'] }, { properties: ['collection', 'post'] }],
  indexes: [{ properties: ['collection', 'addedAt'] }, { properties: ['model'] }, { properties: ['post'] }],
  properties: {
    id: p.uuid().primary(),
    collection: () => p.manyToOne(Collection).ref().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    addedAt: p.datetime(),
  },
});
export interface CollectionItem extends InferEntity<typeof CollectionItem> {}
