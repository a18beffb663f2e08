import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Json } from '../json.ts';

/** How an instance came to have a thing of ours, as bits. */
export const HOW = { delivered: 1, fetched: 2, mirrored: 4, shared: 8, downloaded: 16 } as const;
export type How = keyof typeof HOW;

/** Which instance had what of ours (spec/takedowns.md 2.9): notices go there, not to today's followers alone. */
export const Exposure = defineEntity({
  name: 'Exposure',
  indexes: [{ properties: ['lastAt'] }],
  properties: {
    /** `model:12`, `post:3`, `version:7` for its files. */
    subject: p.string().length(60).primary(),
    host: p.string().length(261).primary(),
    /** Sum of `HOW`. */
    how: p.integer(),
    firstAt: p.datetime(),
    lastAt: p.datetime(),
  },
});
export interface Exposure extends InferEntity<typeof Exposure> {}

const NOTICE_KINDS = ['removal', 'change', 'provisional', 'undo'] as const;

/** A takedown notice of ours: said once, followed at each instance. */
export const SentNotice = defineEntity({
  name: 'SentNotice',
  indexes: [{ properties: ['takedownId'] }, { properties: ['targetKind', 'targetId'] }],
  properties: {
    id: p.uuid().primary(),
    takedownId: p.uuid(),
    caseId: p.uuid().nullable(),
    kind: p.enum([...NOTICE_KINDS]),
    targetKind: p.string().length(20),
    targetId: p.integer(),
    category: p.string().length(20),
    isSevere: p.boolean(),
    objectUri: p.string().length(2048),
    effects: p.json<readonly string[]>(),
    /** SHA-256 of its files, hex. */
    digests: p.json<readonly string[]>(),
    createdAt: p.datetime(),
    respondBy: p.datetime(),
    /** The notice that it confirms or takes back. */
    supersedesId: p.uuid().nullable(),
    /** When an Undo was sent, or a later notice took its place. */
    endedAt: p.datetime().nullable(),
  },
});
export interface SentNotice extends InferEntity<typeof SentNotice> {}

export const COMPLIANCE_STATES = [
  ...(['queued', 'delivered', 'acknowledged', 'verified', 'refused', 'unreachable', 'overdue'] as const),
] as const;
export type ComplianceState = (typeof COMPLIANCE_STATES)[number];

/** How far one instance is with one notice. */
export const NoticePeer = defineEntity({
  name: 'NoticePeer',
  uniques: [{ properties: ['noticeId', 'host'] }],
  indexes: [{ properties: ['itemId'] }, { properties: ['nextCheckAt'] }, { properties: ['host', 'state'] }],
  properties: {
    id: p.uuid().primary(),
    noticeId: p.uuid(),
    host: p.string().length(261),
    state: p.enum([...COMPLIANCE_STATES]).default('queued'),
    isSevere: p.boolean().default(false),
    /** The activity that it was sent, and the OutboxItem. Those that are listed here also hear the digests. */
    activityUri: p.string().length(2048).default(''),
    itemId: p.uuid().nullable(),
    /** True for those that answer notices. */
    isOfOurKind: p.boolean().default(false),
    /** Addresses there where it was shown before the notice; asked again afterwards. */
    knownUrls: p.json<readonly string[]>(),
    queuedAt: p.datetime(),
    deliveredAt: p.datetime().nullable(),
    /** As it came, with its proof; null until it comes. */
    receipt: p.json<unknown>().nullable(),
    /** Who signed it. */
    receiptBy: p.string().length(2048).default(''),
    isReceiptProven: p.boolean().default(false),
    acknowledgedAt: p.datetime().nullable(),
    verifiedAt: p.datetime().nullable(),
    overdueAt: p.datetime().nullable(),
    resendCount: p.integer().default(0),
    checkCount: p.integer().default(0),
    nextCheckAt: p.datetime().nullable(),
    note: p.string().length(300).default(''),
  },
});
export interface NoticePeer extends InferEntity<typeof NoticePeer> {}

/** A notice of a peer, and what this node did about it. */
export const ReceivedNotice = defineEntity({
  name: 'ReceivedNotice',
  properties: {
    id: p.uuid().primary(),
    uri: p.string().length(2048).unique(),
    actorUri: p.string().length(2048),
    host: p.string().length(261).index(),
    objectUri: p.string().length(2048),
    category: p.string().length(20),
    document: p.json<Json>(),
    result: p.enum(['done', 'not_held', 'partial', 'refused']),
    reason: p.string().length(200).default(''),
    /** What was restricted for it: `model:12`. */
    restricted: p.json<readonly string[]>(),
    receivedAt: p.datetime(),
    undoneAt: p.datetime().nullable(),
  },
});
export interface ReceivedNotice extends InferEntity<typeof ReceivedNotice> {}

/** A file that a notice took down: its bytes are not taken in again under another id. */
export const DigestTombstone = defineEntity({
  name: 'DigestTombstone',
  properties: {
    /** SHA-256, hex. */
    digest: p.string().length(64).primary(),
    noticeUri: p.string().length(2048),
    category: p.string().length(20),
    at: p.datetime(),
  },
});
export interface DigestTombstone extends InferEntity<typeof DigestTombstone> {}
