import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import type { Door } from './doors.ts';

/** `file` is the SHA-256 of all bytes, `tensors` that of what follows a safetensors header, `picture` a PDQ. */
export const BLOCK_KINDS = ['file', 'tensors', 'picture'] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

export const BLOCK_CATEGORIES = ['minor', 'ncii', 'likeness', 'copyright', 'style', 'other'] as const;
export type BlockCategory = (typeof BLOCK_CATEGORIES)[number];
/** What is refused at sight, and never told to other nodes by its look. */
export const SEVERE_CATEGORIES: ReadonlySet<BlockCategory> = new Set(['minor', 'ncii']);

export const VERDICTS = ['allow', 'review', 'hold', 'refuse'] as const;
export type HashVerdict = (typeof VERDICTS)[number];

/** One thing that must not come back. */
export const HashBlock = defineEntity({
  name: 'HashBlock',
  indexes: [{ properties: ['kind', 'hash'] }],
  properties: {
    id: p.uuid().primary(),
    kind: p.enum([...BLOCK_KINDS]),
    /** 64 lower-case hex digits; of a picture its plain PDQ. */
    hash: p.string().length(64),
    /** 0 to 100 for a picture, 100 for a digest. */
    quality: p.smallint().default(100),
    /** Of a picture the PDQ of its crops, mirrors and turns as well, one after the other, 64 digits each. */
    variants: p.text().default(''),
    category: p.enum([...BLOCK_CATEGORIES]),
    isSevere: p.boolean(),
    /** The case that it comes from, of moderation, which lies above. */
    sourceCaseId: p.string().length(60).nullable(),
    /** Null when the node itself added it. */
    addedBy: () => p.manyToOne(Account).ref().nullable().deleteRule('set null'),
    note: p.string().length(500).default(''),
    addedAt: p.datetime(),
    /** When what was here already had been looked through. */
    rescannedAt: p.datetime().nullable(),
    /** It does not count any more; the row stays for what it did. */
    liftedAt: p.datetime().nullable(),
  },
});
export interface HashBlock extends InferEntity<typeof HashBlock> {}

/** Counts the changes of the blocks, in one row, so that every process sees cheaply that its copy is old. */
export const HashBank = defineEntity({
  name: 'HashBank',
  properties: {
    id: p.integer().primary(),
    version: p.integer().default(0),
  },
});
export interface HashBank extends InferEntity<typeof HashBank> {}

/** Something came to a door that a block knows. */
export const HashHit = defineEntity({
  name: 'HashHit',
  indexes: [{ properties: ['handledAt', 'at'] }],
  properties: {
    id: p.uuid().primary(),
    block: () => p.manyToOne(HashBlock).ref(),
    door: p.string().length(20).$type<Door>(),
    /** Who brought it; null for the node itself. */
    account: () => p.manyToOne(Account).ref().nullable().deleteRule('set null'),
    /** What it became here, such as `image` and its id; null for what was refused. */
    targetKind: p.string().length(20).nullable(),
    targetId: p.string().length(60).nullable(),
    /** SHA-256 of what came, or the PDQ that was found. */
    digest: p.string().length(64),
    /** Bits by which the PDQ differ; null for a digest. */
    distance: p.smallint().nullable(),
    verdict: p.enum([...VERDICTS]),
    at: p.datetime(),
    /** When a person looked at it. */
    handledAt: p.datetime().nullable(),
  },
});
export interface HashHit extends InferEntity<typeof HashHit> {}
