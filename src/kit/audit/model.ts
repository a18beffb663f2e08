import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/**
 * What staff and the node itself did, in a chain: each row carries the hash of the one before it. The chain covers a
 * seal of the actor and the reason in their place (an HMAC under a salt of the row), so that erasing the two and the
 * salt leaves a chain that still holds (DESIGN.md section 9, ruling 14).
 */
export const AuditEntry = defineEntity({
  name: 'AuditEntry',
  indexes: [
    { properties: ['subjectKind', 'subjectId'] },
    { properties: ['actorId', 'seq'] },
    { properties: ['action', 'seq'] },
  ],
  properties: {
    /** Counts from 1 without gaps. */
    seq: p.integer().primary(),
    at: p.datetime().length(3),
    /** `thing.act`, for example `case.decide`. */
    action: p.string().length(80),
    subjectKind: p.string().length(40),
    subjectId: p.string().length(120),
    /** Null for a visitor, for the node itself, and after erasure. */
    actorId: p.integer().nullable(),
    actorRole: p.string().length(40),
    /** What stood before and what stands after, as far as it names nobody. */
    before: p.json<unknown>().nullable(),
    after: p.json<unknown>().nullable(),
    rule: p.string().length(80).default(''),
    reason: p.text().nullable(),
    /** Hex; null after erasure. */
    salt: p.string().length(32).nullable(),
    seal: p.string().length(64),
    requestId: p.string().length(80).default(''),
    previousHash: p.string().length(64),
    hash: p.string().length(64),
  },
});
export interface AuditEntry extends InferEntity<typeof AuditEntry> {}

/** The end of the chain, in one row: whoever appends holds it. */
export const AuditHead = defineEntity({
  name: 'AuditHead',
  properties: { id: p.integer().primary(), seq: p.integer(), hash: p.string().length(64) },
});
export interface AuditHead extends InferEntity<typeof AuditHead> {}

/** Where the chain ended when a day (UTC) was over: published, so that who rewrites the chain is found out. */
export const AuditRoot = defineEntity({
  name: 'AuditRoot',
  properties: {
    /** ISO day. */
    day: p.string().length(10).primary(),
    seq: p.integer(),
    hash: p.string().length(64),
  },
});
export interface AuditRoot extends InferEntity<typeof AuditRoot> {}
