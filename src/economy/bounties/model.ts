import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { ModelVersion, Tag } from '../../catalogue/model.ts';
import { Image, Post } from '../../gallery/model.ts';

/** Civitai's, in its spellings. */
export const BOUNTY_KINDS = [
  ...(['ModelCreation', 'LoraCreation', 'EmbedCreation', 'ImageCreation', 'DataSetCreation'] as const),
  ...(['DataSetCaption', 'VideoCreation', 'Other'] as const),
] as const;
/** `Individual`: one entry gets all. `Split`: each who put in gives their own share to an entry of their choice. */
export const BOUNTY_MODES = ['Individual', 'Split'] as const;
const BOUNTY_STATES = ['open', 'awarded', 'expired', 'cancelled'] as const;

/** A request to everybody, with a pot (CreditPledge, kind `bounty`). Always public: there is no bounty for few. */
export const Bounty = defineEntity({
  name: 'Bounty',
  indexes: [
    { properties: ['createdAt', 'id'] },
    { properties: ['state', 'createdAt', 'id'] },
    { properties: ['owner', 'state'] },
  ],
  properties: {
    id: p.uuid().primary(),
    owner: () => p.manyToOne(Account).ref(),
    title: p.string().length(120),
    /** Markdown. */
    text: p.text(),
    kind: p.enum([...BOUNTY_KINDS]),
    mode: p.enum([...BOUNTY_MODES]),
    /** In Civitai's spelling, '' for any. */
    baseModel: p.string().length(60).default(''),
    state: p.enum([...BOUNTY_STATES]).default('open'),
    /** Entries and credits come in until then. */
    deadlineAt: p.datetime(),
    /** Until then it is awarded; what is left goes back. */
    awardBy: p.datetime(),
    /** A person looks at it first; its owner and staff alone see it meanwhile. */
    heldAt: p.datetime().nullable(),
    /** By a moderation decision. */
    withheldAt: p.datetime().nullable(),
    commentCount: p.integer().default(0),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    endedAt: p.datetime().nullable(),
  },
});
export interface Bounty extends InferEntity<typeof Bounty> {}

const BountyTag = defineEntity({
  name: 'BountyTag',
  indexes: [{ properties: ['tag', 'bounty'] }],
  properties: {
    bounty: () => p.manyToOne(Bounty).ref().primary(),
    tag: () => p.manyToOne(Tag).ref().primary(),
  },
});

/** A public picture of this node that shows what is meant; what is sent in with the request is held by its talk pictures. */
const BountyReference = defineEntity({
  name: 'BountyReference',
  properties: {
    bounty: () => p.manyToOne(Bounty).ref().primary(),
    image: () => p.manyToOne(Image).ref().primary().deleteRule('cascade'),
    position: p.smallint(),
  },
});

/** An answer: something of the entrant's own on this node, whose files open when it is awarded. */
export const BountyEntry = defineEntity({
  name: 'BountyEntry',
  indexes: [{ properties: ['bounty', 'createdAt'] }, { properties: ['account', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    bounty: () => p.manyToOne(Bounty).ref(),
    account: () => p.manyToOne(Account).ref(),
    /** Markdown. */
    text: p.text(),
    version: () => p.manyToOne(ModelVersion).ref().nullable(),
    post: () => p.manyToOne(Post).ref().nullable(),
    heldAt: p.datetime().nullable(),
    withheldAt: p.datetime().nullable(),
    withdrawnAt: p.datetime().nullable(),
    awardedAt: p.datetime().nullable(),
    awardedCredits: p.integer().default(0),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export interface BountyEntry extends InferEntity<typeof BountyEntry> {}

export const BOUNTY_ENTITIES = [Bounty, BountyTag, BountyReference, BountyEntry];
