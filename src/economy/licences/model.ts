import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';

export const LICENCE_USES = ['personal', 'commercial', 'merge', 'resale'] as const;
export type LicenceUse = (typeof LICENCE_USES)[number];

/** The terms themselves: an offer has them, and a grant keeps them as they were. */
export const licenceTerms = {
  title: p.string().length(80),
  uses: p.json<LicenceUse[]>(),
  /** Plain text. */
  text: p.text(),
  /** What it may not be used for. */
  forbids: p.text(),
  /** When it may be taken back, in the words of the offer; '' is never. */
  revocation: p.string().length(500),
};

/** What the creator of a model offers beyond what the model is free for. Closed, never changed: grants point to it. */
export const LicenceOffer = defineEntity({
  name: 'LicenceOffer',
  indexes: [{ properties: ['model', 'closedAt'] }],
  properties: {
    id: p.uuid().primary(),
    model: () => p.manyToOne(Model).ref(),
    owner: () => p.manyToOne(Account).ref(),
    ...licenceTerms,
    /** Null: one asks, and the owner decides. */
    priceCredits: p.integer().nullable(),
    /** For how long a grant holds; null for ever. */
    days: p.integer().nullable(),
    closedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface LicenceOffer extends InferEntity<typeof LicenceOffer> {}

const GRANT_STATES = ['asked', 'granted', 'declined', 'withdrawn', 'revoked'] as const;

export const LicenceGrant = defineEntity({
  name: 'LicenceGrant',
  indexes: [
    { properties: ['model', 'state'] },
    { properties: ['holder', 'askedAt'] },
    { properties: ['offer', 'state'] },
  ],
  properties: {
    id: p.uuid().primary(),
    offer: () => p.manyToOne(LicenceOffer).ref(),
    model: () => p.manyToOne(Model).ref(),
    holder: () => p.manyToOne(Account).ref(),
    ...licenceTerms,
    paidCredits: p.integer().default(0),
    state: p.enum([...GRANT_STATES]),
    /** What for, in the words of who asks. */
    purpose: p.string().length(500).default(''),
    /** Why not, or why no more, in the words of the owner. */
    answer: p.string().length(500).default(''),
    askedAt: p.datetime(),
    decidedAt: p.datetime().nullable(),
    expiresAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
  },
});
export interface LicenceGrant extends InferEntity<typeof LicenceGrant> {}
