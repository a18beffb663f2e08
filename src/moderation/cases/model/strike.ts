import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { CLAIM_TYPES } from '../types/types.ts';

/** What an upheld decision counts against an uploader: one for a notice, however many files. Voided, never deleted. */
export const Strike = defineEntity({
  name: 'Strike',
  indexes: [{ properties: ['accountId', 'expiresAt'] }, { properties: ['emailHash', 'expiresAt'] }],
  properties: {
    caseId: p.uuid().primary(),
    accountId: p.integer(),
    /** Keyed hash of the canonical address: an account that is made anew does not begin at zero. */
    emailHash: p.string().length(64).nullable(),
    type: p.enum([...CLAIM_TYPES]),
    points: p.smallint(),
    createdAt: p.datetime(),
    /** Null is never. */
    expiresAt: p.datetime().nullable(),
    voidedAt: p.datetime().nullable(),
    voidReason: p.string().length(200).default(''),
  },
});
export interface Strike extends InferEntity<typeof Strike> {}

/** A notice that was manifestly unfounded, by the address that it came from. */
export const MisuseMark = defineEntity({
  name: 'MisuseMark',
  indexes: [{ properties: ['emailHash', 'createdAt'] }],
  properties: {
    caseId: p.uuid().primary(),
    emailHash: p.string().length(64),
    createdAt: p.datetime(),
    voidedAt: p.datetime().nullable(),
  },
});
export interface MisuseMark extends InferEntity<typeof MisuseMark> {}
