import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { DIGESTS, type Kind, OFF_AT_FIRST } from './kinds.ts';

/**
 * One thing that somebody is told of. Its number is the database's, since ten thousand rows are written by one statement.
 * What it is about is named by kind and id and looked up when it is shown: what is hidden by then is not shown.
 */
export const Notification = defineEntity({
  name: 'Notification',
  uniques: [{ properties: ['key', 'account'] }],
  indexes: [{ properties: ['account', 'id'] }, { properties: ['account', 'readAt'] }, { properties: ['createdAt'] }],
  properties: {
    id: p.integer().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    /** Who did it; null for the node. */
    actor: () => p.manyToOne(Account).ref().nullable().deleteRule('cascade').index(),
    /** Other releases may write others: the table takes any word. */
    kind: p.string().length(20).$type<Kind>(),
    subjectKind: p.string().length(20),
    subjectId: p.string().length(40),
    /** What was said about it, where that is what happened. */
    commentId: p.string().length(40).nullable(),
    /** A number, such as that of the credits; '' for most. */
    note: p.string().length(120).default(''),
    /** What happened: the same key again tells nobody twice. */
    key: p.string().length(160),
    /** Rows with one key are shown as one line. */
    groupKey: p.string().length(120),
    /** Bits of CHANNEL, as its reader had set them. */
    channels: p.smallint(),
    createdAt: p.datetime(),
    readAt: p.datetime().nullable(),
  },
});
export interface Notification extends InferEntity<typeof Notification> {}

/** How somebody wants to be told; a row is there once they changed something. */
export const NotificationSetting = defineEntity({
  name: 'NotificationSetting',
  indexes: [{ properties: ['digest', 'digestAt'] }],
  properties: {
    account: () => p.oneToOne(Account).ref().primary().deleteRule('cascade'),
    /** Bits of the kinds that are switched off. */
    pageOff: p.integer().default(OFF_AT_FIRST.page),
    mailOff: p.integer().default(OFF_AT_FIRST.mail),
    pushOff: p.integer().default(OFF_AT_FIRST.push),
    digest: p.enum([...DIGESTS]).default('off'),
    /** Up to when the last digest told. */
    digestAt: p.datetime().nullable(),
  },
});
export interface NotificationSetting extends InferEntity<typeof NotificationSetting> {}

/** A browser that takes messages while nobody looks (Push API, 9): where it is reached, and the keys of its side. */
export const PushSubscription = defineEntity({
  name: 'PushSubscription',
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade').index(),
    endpoint: p.string().length(2048).unique(),
    /** Base64url: the uncompressed point of its key, 65 bytes, and its secret, 16 bytes. */
    p256dh: p.string().length(100),
    auth: p.string().length(40),
    /** What it calls itself, so that its person knows it. */
    label: p.string().length(120).default(''),
    createdAt: p.datetime(),
    lastUsedAt: p.datetime().nullable(),
  },
});
export interface PushSubscription extends InferEntity<typeof PushSubscription> {}

export const NOTIFICATION_ENTITIES = [Notification, NotificationSetting, PushSubscription];
