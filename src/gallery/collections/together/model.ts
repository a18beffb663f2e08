import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../../accounts/model.ts';
import { Model } from '../../../catalogue/model.ts';
import { Image, Post } from '../../model.ts';
import { Collection } from '../model.ts';

/** Managers review and arrange, contributors add, judges give scores in a contest. */
export const MEMBER_ROLES = ['manager', 'contributor', 'judge'] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** Whom the owner asked to take part; nothing of it holds before they accept. */
export const CollectionMember = defineEntity({
  name: 'CollectionMember',
  uniques: [{ properties: ['collection', 'account'] }],
  indexes: [{ properties: ['account', 'acceptedAt'] }],
  properties: {
    id: p.uuid().primary(),
    collection: () => p.manyToOne(Collection).ref().deleteRule('cascade'),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    role: p.enum([...MEMBER_ROLES]),
    invitedAt: p.datetime(),
    acceptedAt: p.datetime().nullable(),
  },
});
export interface CollectionMember extends InferEntity<typeof CollectionMember> {}

/** `out` is taken out again by somebody else than whoever added it. */
export const ENTRY_STATES = ['waiting', 'in', 'refused', 'withdrawn', 'out'] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

/**
 * A thing that somebody else than its owner brought to a collection. What waits is here alone: it becomes a CollectionItem
 * when it is approved, so that no list, count, cover or document knows of it before. When the thing is gone for good the
 * row stays without it, so that the result of a contest can say so.
 */
export const CollectionEntry = defineEntity({
  name: 'CollectionEntry',
  uniques: [
    { properties: ['collection', 'model'] },
    { properties: ['collection', 'post'] },
    { properties: ['collection', 'image'] },
  ],
  indexes: [
    { properties: ['collection', 'state', 'createdAt', 'id'] },
    { properties: ['account', 'collection', 'state'] },
    { properties: ['model'] },
    { properties: ['post'] },
    { properties: ['image'] },
  ],
  properties: {
    id: p.uuid().primary(),
    collection: () => p.manyToOne(Collection).ref().deleteRule('cascade'),
    /** Who brought it. */
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('set null'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('set null'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('set null'),
    state: p.enum([...ENTRY_STATES]),
    /** Why it was refused; its adder reads it. */
    reason: p.string().length(500).default(''),
    decidedBy: () => p.manyToOne(Account).ref().nullable().deleteRule('set null').index(),
    createdAt: p.datetime(),
    decidedAt: p.datetime().nullable(),
    /** In the result of a contest: 1 is the first. */
    place: p.smallint().nullable(),
    /** What its place is called. */
    award: p.string().length(120).default(''),
  },
});
export interface CollectionEntry extends InferEntity<typeof CollectionEntry> {}
