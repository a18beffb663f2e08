import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { FileCopy } from './copies/model.ts';
import { SentFlag } from './flags/model.ts';
import { HolderAnswer } from './holders/model.ts';
import type { Json } from './json.ts';
import { DigestTombstone, Exposure, NoticePeer, ReceivedNotice, SentNotice } from './notices/model.ts';
import { BlockList, DomainPolicy, PeerDecision, PolicyDraft } from './peers/model.ts';

/** The node itself, which signs what no person asked for. */
export const NODE_ACTOR = 0;

/** Keys of a local actor. Private ones are sealed with the node's secret, so a copy of the database cannot sign. */
export const ActorKeyPair = defineEntity({
  name: 'ActorKeyPair',
  properties: {
    /** An Account id, or `NODE_ACTOR`: no foreign key, because the node is no account. */
    actorId: p.integer().primary().autoincrement(false),
    rsaPublicPem: p.text(),
    rsaPrivateSealed: p.text(),
    ed25519PublicMultibase: p.string().length(128),
    ed25519PrivateSealed: p.text(),
    createdAt: p.datetime(),
  },
});
export interface ActorKeyPair extends InferEntity<typeof ActorKeyPair> {}

export interface KnownKey {
  readonly keyId: string;
  readonly publicKey: string;
}

/** What is known of an actor of elsewhere beyond its account: where to send, and how it signs. */
export const RemoteActor = defineEntity({
  name: 'RemoteActor',
  properties: {
    account: () => p.oneToOne(Account).ref().primary().owner(),
    inboxUri: p.string().length(2048),
    sharedInboxUri: p.string().length(2048).nullable(),
    outboxUri: p.string().length(2048).default(''),
    followersUri: p.string().length(2048).nullable(),
    keys: p.json<readonly KnownKey[]>(),
    /** As it came. */
    document: p.json<Json>(),
    fetchedAt: p.datetime(),
    /** When its pinned and newest things were last read. */
    backfilledAt: p.datetime().nullable(),
    /** When it last moved away, so that followers are carried once in a while and no more. */
    movedAt: p.datetime().nullable(),
  },
});
export interface RemoteActor extends InferEntity<typeof RemoteActor> {}

/** A document of a peer as it came: what our tables do not hold is read from here, and it is shown again without loss. */
export const ApObject = defineEntity({
  name: 'ApObject',
  properties: {
    id: p.uuid().primary(),
    uri: p.string().length(2048).unique(),
    /** Who it belongs to, by its own origin's word. */
    ownerUri: p.string().length(2048),
    /** `inbox`: signed by its owner; `fetch`: read at its own address. */
    provenance: p.enum(['inbox', 'fetch']),
    document: p.json<Json>(),
    /** The peer's word for when it last changed, so that an older one that comes late changes nothing. */
    changedAt: p.datetime(),
    receivedAt: p.datetime(),
  },
});
export interface ApObject extends InferEntity<typeof ApObject> {}

/** An activity that the gate let in. Its row is written before the peer is told 202; the id makes a second copy nothing. */
export const InboxItem = defineEntity({
  name: 'InboxItem',
  indexes: [{ properties: ['processedAt', 'receivedAt'] }, { properties: ['actorUri', 'processedAt'] }],
  properties: {
    id: p.uuid().primary(),
    uri: p.string().length(2048).unique(),
    type: p.string().length(60),
    actorUri: p.string().length(2048),
    document: p.json<Json>(),
    receivedAt: p.datetime(),
    processedAt: p.datetime().nullable(),
    /** `done`, or why it had no effect. */
    outcome: p.string().length(300).default(''),
  },
});
export interface InboxItem extends InferEntity<typeof InboxItem> {}

/** An activity of ours, said once and delivered to many. */
export const OutboxItem = defineEntity({
  name: 'OutboxItem',
  properties: {
    id: p.uuid().primary(),
    uri: p.string().length(2048).unique(),
    /** Its `uri` up to the `#`: what it is about. All that was said of a thing is found by it. */
    about: p.string().length(2048).default('').index(),
    /** An Account id, or `NODE_ACTOR`. */
    actorId: p.integer(),
    document: p.json<unknown>(),
    createdAt: p.datetime().index(),
  },
});
export interface OutboxItem extends InferEntity<typeof OutboxItem> {}

/** One activity on its way to one inbox; gone when it arrived or never will. */
export const Delivery = defineEntity({
  name: 'Delivery',
  indexes: [{ properties: ['host', 'id'] }],
  properties: {
    /** Ordered in time, so that an inbox hears things in their order. */
    id: p.uuid().primary(),
    /** An OutboxItem. */
    itemId: p.uuid(),
    inboxUri: p.string().length(2048),
    /** The inbox's, as in PeerHost. */
    host: p.string().length(261),
    /** How often this inbox failed while its host answered others. */
    failureCount: p.integer().default(0),
    /** Not tried before. */
    dueAt: p.datetime(),
    createdAt: p.datetime().index(),
  },
});
export interface Delivery extends InferEntity<typeof Delivery> {}

/** A turn in the life of a peer: it fell silent, it came back. */
export interface PeerTurn {
  /** ISO. */
  readonly at: string;
  readonly kind: 'failing' | 'back' | 'given-up';
  readonly text: string;
}

/** What this node learnt about a host that it sends to, and when it tries again. */
export const PeerHost = defineEntity({
  name: 'PeerHost',
  properties: {
    /** With its port where that is not the usual one. */
    host: p.string().length(261).primary(),
    /** Name and version, from its NodeInfo. */
    software: p.string().length(80).default(''),
    softwareAskedAt: p.datetime().nullable(),
    /** The signature that worked last. */
    scheme: p.enum(['cavage', 'rfc9421']).default('cavage'),
    /** Since the last success. */
    failureCount: p.integer().default(0),
    lastOkAt: p.datetime().nullable(),
    /** How long its last answer took. */
    answerMs: p.integer().nullable(),
    lastError: p.string().length(300).default(''),
    /** Since when nothing got through; null while it answers. */
    failingSince: p.datetime().nullable().index(),
    /** Nothing is sent before: it fails, or it asked for patience. */
    nextAttemptAt: p.datetime().nullable(),
    /** Since when it said nothing at all, also when it was read; null after any word. It keeps nothing from being sent. */
    silentSince: p.datetime().nullable(),
    /** After a week of failure nothing is written down for it any more, until it gives a sign. */
    givenUpAt: p.datetime().nullable(),
    /** When a delivery was tried last. */
    triedAt: p.datetime().nullable().index(),
    /** The last few, the newest first. */
    turns: p.json<readonly PeerTurn[]>(),
  },
});
export interface PeerHost extends InferEntity<typeof PeerHost> {}

/** An object of a peer that its origin deleted; what arrives late about it is dropped. */
export const Tombstone = defineEntity({
  name: 'Tombstone',
  properties: {
    uri: p.string().length(2048).primary(),
    /** Who said so. */
    actorUri: p.string().length(2048),
    deletedAt: p.datetime(),
    /** The takedown notice that said so: then only its Undo brings the object back, whatever its owner publishes. */
    noticeUri: p.string().length(2048).nullable(),
  },
});
export interface Tombstone extends InferEntity<typeof Tombstone> {}

/** What a peer's moderators, or a person there, tell of something here. It waits for our own to look. */
export const PeerReport = defineEntity({
  name: 'PeerReport',
  indexes: [
    { properties: ['host', 'closedAt'] },
    { properties: ['closedAt', 'id'] },
    { properties: ['domain', 'createdAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    /** Of the Flag. */
    uri: p.string().length(2048).unique(),
    reporterUri: p.string().length(2048),
    host: p.string().length(261),
    /** Of the host: what its names say in an hour has one bound. */
    domain: p.string().length(261).default(''),
    /** Ids of ours that it is about. */
    objectUris: p.json<readonly string[]>(),
    /** Plain text. */
    reason: p.text().default(''),
    /** `ncii`, `minor`, `copyright` … or ''. */
    code: p.string().length(40).default(''),
    createdAt: p.datetime(),
    /** When one of our moderators was done with it. */
    closedAt: p.datetime().nullable(),
    closedBy: () => p.manyToOne(Account).ref().nullable(),
    /** What came of it, as it was told to who sent it. */
    outcome: p.enum(['', 'removed', 'labelled', 'noAction']).default(''),
  },
});
export interface PeerReport extends InferEntity<typeof PeerReport> {}

/** A quote of a post of ours that we allowed; its page is the proof that others ask for (FEP-044f). */
export const QuoteStamp = defineEntity({
  name: 'QuoteStamp',
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    /** The post of ours. */
    targetUri: p.string().length(2048),
    /** The post that quotes it. */
    quoteUri: p.string().length(2048).unique(),
    requestUri: p.string().length(2048),
    createdAt: p.datetime(),
  },
});
export interface QuoteStamp extends InferEntity<typeof QuoteStamp> {}

export const FEDERATION_ENTITIES = [
  ...[
    ActorKeyPair,
    RemoteActor,
    ApObject,
    InboxItem,
    OutboxItem,
    Delivery,
    PeerHost,
    DomainPolicy,
    PeerDecision,
    BlockList,
    PolicyDraft,
    Tombstone,
    PeerReport,
    QuoteStamp,
    FileCopy,
    HolderAnswer,
    SentFlag,
    Exposure,
    SentNotice,
    NoticePeer,
    ReceivedNotice,
    DigestTombstone,
  ],
];
