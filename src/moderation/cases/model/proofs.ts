import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

const IDENTITY_OUTCOMES = ['shown', 'not-shown', 'unseen'] as const;

/** A picture by which a party shows who they are: one reviewer opens it once, and it is gone with the decision. */
export const IdentityProof = defineEntity({
  name: 'IdentityProof',
  properties: {
    caseId: p.uuid().primary(),
    party: p.enum(['claimant', 'uploader']).primary(),
    /** AES-256-GCM of the picture as the node drew it; in this row, so that it goes in the transaction of the decision. */
    sealed: p.text().nullable(),
    sentAt: p.datetime(),
    openedAt: p.datetime().nullable(),
    openerId: p.integer().nullable(),
    /** What the one who saw it noted; `unseen` when the case was decided without it. */
    outcome: p.enum([...IDENTITY_OUTCOMES]).nullable(),
    deletedAt: p.datetime().nullable(),
  },
});
export interface IdentityProof extends InferEntity<typeof IdentityProof> {}

/** A page of the artist that bears the token of the case, or does not. */
export const ArtistProof = defineEntity({
  name: 'ArtistProof',
  properties: {
    caseId: p.uuid().primary(),
    /** As it was given: fetched through the guarded client alone. */
    url: p.string().length(2000),
    state: p.enum(['waiting', 'proven', 'failed']),
    /** Why it failed: `case.artist-error-<reason>`. */
    reason: p.string().length(40).default(''),
    /** `link`: by rel=me, which who comments on a page cannot write; `text`: somewhere on the page. */
    way: p.enum(['link', 'text']).nullable(),
    tries: p.smallint().default(0),
    askedAt: p.datetime(),
    checkedAt: p.datetime().nullable(),
  },
});
export interface ArtistProof extends InferEntity<typeof ArtistProof> {}
