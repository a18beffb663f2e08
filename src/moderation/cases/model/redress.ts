import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** The uploader's answer to a copyright notice (17 U.S.C. 512(g)(3)). */
export const CounterNotice = defineEntity({
  name: 'CounterNotice',
  properties: {
    caseId: p.uuid().primary(),
    /** AES-256-GCM of the JSON of who signed: the claimant gets a copy, as the law has it. */
    sealed: p.text().nullable(),
    text: p.text(),
    filedAt: p.datetime(),
    /** Ten and fourteen business days of the operator's calendar later. */
    notBefore: p.datetime(),
    notAfter: p.datetime(),
    /** The action that the claimant filed. */
    action: p.text().default(''),
    /** Why a person keeps it down after the fourteenth day. */
    holdReason: p.text().default(''),
    holderId: p.integer().nullable(),
  },
});
export interface CounterNotice extends InferEntity<typeof CounterNotice> {}

/** A counter-notice that lacks something: nobody but its author reads it, and no time runs from it. */
export const CounterDraft = defineEntity({
  name: 'CounterDraft',
  properties: {
    caseId: p.uuid().primary(),
    /** AES-256-GCM of the JSON of all that was filled in but the text. */
    sealed: p.text(),
    text: p.text(),
    missing: p.json<readonly string[]>(),
    writtenAt: p.datetime(),
  },
});
export interface CounterDraft extends InferEntity<typeof CounterDraft> {}

/** Each side may appeal once; somebody else than who decided looks at it. */
export const CaseAppeal = defineEntity({
  name: 'CaseAppeal',
  properties: {
    caseId: p.uuid().primary(),
    side: p.enum(['claimant', 'uploader']).primary(),
    text: p.text(),
    filedAt: p.datetime(),
    dueAt: p.datetime(),
    decidedAt: p.datetime().nullable(),
    deciderId: p.integer().nullable(),
    result: p.enum(['upheld', 'overturned']).nullable(),
    reasons: p.text().default(''),
  },
});
export interface CaseAppeal extends InferEntity<typeof CaseAppeal> {}

/**
 * A licence of the claimant (rights/) that answers their claim: cited by the node when the case opens, which then
 * restricts nothing by itself, or by the uploader. A person says whether it covers what is claimed.
 */
export const CaseLicence = defineEntity({
  name: 'CaseLicence',
  indexes: [{ properties: ['grantId'] }],
  properties: {
    caseId: p.uuid().primary(),
    grantId: p.uuid().primary(),
    citedBy: p.enum(['node', 'uploader']),
    citedAt: p.datetime(),
    /** It does not cover this: it is not cited again. */
    refusedAt: p.datetime().nullable(),
    refuserId: p.integer().nullable(),
    /** Why not, in the words of who decided. */
    reason: p.text().default(''),
  },
});
export interface CaseLicence extends InferEntity<typeof CaseLicence> {}
