import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, Tag } from '../../catalogue/model.ts';
import { Collection } from '../collections/model.ts';

/** What can be followed beside people. */
export const TOPIC_KINDS = ['model', 'collection', 'tag'] as const;
export type TopicKind = (typeof TOPIC_KINDS)[number];

/**
 * `follower`, of this node or another, hears of exactly one model, collection or tag of this node. Those of another node
 * are actors there, and are followed as accounts are. A topic has nobody who could say no, so a row is always accepted.
 */
export const TopicFollow = defineEntity({
  name: 'TopicFollow',
  uniques: [
    { properties: ['follower', 'model'] },
    { properties: ['follower', 'collection'] },
    { properties: ['follower', 'tag'] },
  ],
  indexes: [{ properties: ['model'] }, { properties: ['collection'] }, { properties: ['tag'] }],
  properties: {
    id: p.uuid().primary(),
    follower: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    collection: () => p.manyToOne(Collection).ref().nullable().deleteRule('cascade'),
    tag: () => p.manyToOne(Tag).ref().nullable().deleteRule('cascade'),
    /** Id of a peer's Follow activity. */
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
  },
});
export interface TopicFollow extends InferEntity<typeof TopicFollow> {}
