import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';

/** What somebody found of a version that they used: thumb up or down, and words. One for each account and version. */
export const Review = defineEntity({
  name: 'Review',
  uniques: [{ properties: ['author', 'version'] }],
  indexes: [{ properties: ['model', 'createdAt', 'id'] }, { properties: ['version'] }],
  properties: {
    id: p.uuid().primary(),
    author: () => p.manyToOne(Account).ref(),
    version: () => p.manyToOne(ModelVersion).ref().deleteRule('cascade'),
    /** Whose version it is. */
    model: () => p.manyToOne(Model).ref().deleteRule('cascade'),
    isRecommended: p.boolean(),
    /** Markdown when local, unsanitised HTML when remote; may be empty. */
    text: p.text().default(''),
    isLocal: p.boolean().default(true),
    uri: p.string().length(2048).nullable().unique(),
    likeCount: p.integer().default(0),
    commentCount: p.integer().default(0),
    /** The peer's word, where it is one's. */
    createdAt: p.datetime(),
    receivedAt: p.datetime(),
    editedAt: p.datetime().nullable(),
    /** Its author's row stays, and lives again when they write another. */
    deletedAt: p.datetime().nullable(),
    /** By a moderator, or because too many came from one server at once: shown to moderators alone, counted nowhere. */
    withheldAt: p.datetime().nullable(),
  },
});
export interface Review extends InferEntity<typeof Review> {}
