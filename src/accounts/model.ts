import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { ROLES } from './permissions.ts';

export const ACCOUNT_STATES = ['unverified', 'awaiting_approval', 'active', 'suspended', 'deleted'] as const;
export const ACCOUNT_KINDS = ['Person', 'Service', 'Group', 'Organization', 'Application'] as const;

export interface ProfileLink {
  readonly label: string;
  readonly url: string;
}

/** A person or bot, of this node or of another. What only a local account has (mail, terms) is in `Login`. */
export const Account = defineEntity({
  name: 'Account',
  uniques: [{ properties: ['host', 'name'] }],
  properties: {
    id: p.integer().primary(),
    // NULL never equals NULL in a unique index, so local accounts have host '' and not null
    host: p.string().length(253).default(''),
    /** Lower case, without the `@`. */
    name: p.string().length(64),
    displayName: p.string().length(80).default(''),
    kind: p.enum([...ACCOUNT_KINDS]).default('Person'),
    /** Markdown when local, unsanitised HTML when remote: render it through the sanitiser only. */
    bio: p.text().default(''),
    links: p.json<ProfileLink[]>().onCreate(() => []),
    /** SHA-256 of a square WebP that we rendered. */
    avatarSha256: p.string().length(64).nullable(),
    bannerSha256: p.string().length(64).nullable(),
    state: p.enum([...ACCOUNT_STATES]).default('active'),
    role: p.enum([...ROLES]).default('member'),
    permissions: p.integer().default(0),
    /** Ratings that this person browses, as bits; see safety/ratings.ts. */
    levels: p.smallint().default(1),
    /** Ratings that are blurred until asked for. */
    blurLevels: p.smallint().default(28),
    /** Follows wait for this person's consent. */
    isLocked: p.boolean().default(false),
    /** Everybody may read who follows this person and whom they follow; else only how many. */
    isNetworkShown: p.boolean().default(false),
    /** What an actor of another node tells of, where it is no person: see gallery/topics. */
    topic: p.enum(['model', 'collection', 'tag']).nullable(),
    /** The actor id of a remote account. */
    uri: p.string().length(2048).nullable().unique(),
    /** The profile page of a remote account. */
    url: p.string().length(2048).nullable(),
    /** Ids of other accounts of the same person: only what names us here may move to us (FEP-7628). */
    aliases: p.json<string[]>().nullable(),
    /** Where this person went; null while they are here. */
    movedToUri: p.string().length(2048).nullable(),
    movedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
  },
});
export interface Account extends InferEntity<typeof Account> {}

const FOLLOW_STATES = ['pending', 'accepted', 'rejected'] as const;

/** `follower` sees what `target` publishes. Either may be remote, not both. */
export const Follow = defineEntity({
  name: 'Follow',
  uniques: [{ properties: ['follower', 'target'] }],
  indexes: [{ properties: ['target', 'state'] }, { properties: ['createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    follower: () => p.manyToOne(Account).ref(),
    target: () => p.manyToOne(Account).ref(),
    state: p.enum([...FOLLOW_STATES]),
    /** Id of the Follow activity, ours or the peer's. */
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
  },
});
export interface Follow extends InferEntity<typeof Follow> {}

/** `account` blocks (cuts all ties with) or mutes (does not see) `target`. */
export const Block = defineEntity({
  name: 'Block',
  uniques: [{ properties: ['account', 'target'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    target: () => p.manyToOne(Account).ref(),
    kind: p.enum(['block', 'mute']),
    createdAt: p.datetime(),
  },
});
export interface Block extends InferEntity<typeof Block> {}

export const isLocal = (account: Pick<Account, 'host'>): boolean => account.host === '';

/** `@name` here, `@name@host` for others. */
export const handle = (account: Pick<Account, 'name' | 'host'>): string =>
  isLocal(account) ? `@${account.name}` : `@${account.name}@${account.host}`;
