import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

export const STANCES = ['blocked', 'allowed'] as const;

/** The owner's word about a host and, when it forbids something, about the names below it. */
export const DomainPolicy = defineEntity({
  name: 'DomainPolicy',
  properties: {
    host: p.string().length(261).primary(),
    /** Null where it is neither blocked nor expressly allowed. */
    stance: p.enum([...STANCES]).nullable(),
    /** What is from there stands in no list; who follows an account of there still sees it. */
    isLimited: p.boolean().default(false),
    rejectsMedia: p.boolean().default(false),
    rejectsFiles: p.boolean().default(false),
    rejectsReports: p.boolean().default(false),
    /** No file of there is kept here, whatever the rule about copies says. */
    forbidsMirror: p.boolean().default(false),
    /** What is from there is rated at least so; as Civitai's bits. */
    forcedLevel: p.integer().nullable(),
    /** Digests in its notices about children and intimate pictures are refused here at once, whoever has the file. */
    trustsDigests: p.boolean().default(false),
    /** Why, for those who run the node alone: no export and no page for others shows it. */
    note: p.string().length(2000).default(''),
    publicComment: p.string().length(2000).default(''),
    /** Its name is starred out where the list of blocks is public. */
    isObfuscated: p.boolean().default(false),
    reasonCode: p.string().length(40).default(''),
    /** '' for a word of a person here, else `list:<id>`: only that list takes it back. */
    source: p.string().length(80).default(''),
    since: p.datetime(),
    /** When all of it ends by itself. */
    expiresAt: p.datetime().nullable(),
  },
});
export interface DomainPolicy extends InferEntity<typeof DomainPolicy> {}

/** What somebody decided about a host, or what ended by itself: written down for good, never changed. */
export const PeerDecision = defineEntity({
  name: 'PeerDecision',
  indexes: [{ properties: ['host', 'id'] }],
  properties: {
    /** Ordered in time. */
    id: p.uuid().primary(),
    host: p.string().length(261),
    act: p.enum(['blocked', 'limited', 'allowed', 'ruled', 'cleared', 'ended', 'retried']),
    /** Why, in the words of who decided. */
    note: p.string().length(2000).default(''),
    /** For how long; null is for good. */
    days: p.integer().nullable(),
    /** Null where a stance reached its end. */
    by: () => p.manyToOne(Account).ref().nullable(),
    at: p.datetime(),
  },
});
export interface PeerDecision extends InferEntity<typeof PeerDecision> {}

/** A line of a list that could not be taken, and why. */
export interface ListFault {
  readonly line: number;
  readonly text: string;
}

/** A list of hosts that somebody brought, or that this node reads each day. What it says is drafts until a person accepts. */
export const BlockList = defineEntity({
  name: 'BlockList',
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(120),
    /** '' for a file that was brought. */
    url: p.string().length(2048).default(''),
    /** SHA-256 of what was read last, hex. */
    digest: p.string().length(64).default(''),
    format: p.string().length(20).default(''),
    rowCount: p.integer().default(0),
    /** At most a hundred. */
    faults: p.json<readonly ListFault[]>(),
    faultCount: p.integer().default(0),
    addedById: p.integer().nullable(),
    createdAt: p.datetime(),
    readAt: p.datetime().nullable(),
    /** Null for a file. */
    nextReadAt: p.datetime().nullable().index(),
    lastError: p.string().length(300).default(''),
  },
});
export interface BlockList extends InferEntity<typeof BlockList> {}

/** What a list, or this node itself, proposes about a host. */
export const PolicyDraft = defineEntity({
  name: 'PolicyDraft',
  uniques: [{ properties: ['source', 'host'] }],
  properties: {
    id: p.uuid().primary(),
    /** `list:<id>`, or `overdue` where a host did not heed severe notices. */
    source: p.string().length(80),
    host: p.string().length(261),
    act: p.enum(['set', 'lift']),
    /** A `HostRule` with its comments. */
    rule: p.json<unknown>(),
    /** Of the file; 0 for a draft of this node. */
    line: p.integer().default(0),
    createdAt: p.datetime(),
  },
});
export interface PolicyDraft extends InferEntity<typeof PolicyDraft> {}
