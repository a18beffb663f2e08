import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** Who filed a case. A table of its own, so that it is deleted by itself (spec/takedowns.md 2.11). */
export const CaseClaimant = defineEntity({
  name: 'CaseClaimant',
  properties: {
    caseId: p.uuid().primary(),
    /** Keyed hash of the canonical address, to find what else came from it. */
    emailHash: p.string().length(64).nullable().index(),
    /** AES-256-GCM of the JSON of `Claimant`. */
    sealed: p.text(),
    createdAt: p.datetime(),
  },
});
export interface CaseClaimant extends InferEntity<typeof CaseClaimant> {}

/** One letter that went to a claimant: three a day and address. */
export const CaseMail = defineEntity({
  name: 'CaseMail',
  indexes: [{ properties: ['emailHash', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    caseId: p.uuid(),
    emailHash: p.string().length(64),
    createdAt: p.datetime(),
  },
});
export interface CaseMail extends InferEntity<typeof CaseMail> {}
