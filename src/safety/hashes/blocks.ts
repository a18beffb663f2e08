import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { ImageInput } from '../../kit/storage/images.ts';
import type { Work } from '../../kit/work.ts';
import type { PolicyTarget } from '../policy.ts';
import { restrict } from '../restrict.ts';
import { blockAdded } from './events.ts';
import type { HashGate } from './gate.ts';
import { BLOCK_CATEGORIES, type BlockCategory, type BlockKind, HashBlock, SEVERE_CATEGORIES } from './model.ts';
import { isPdq, LEAST_QUALITY } from './pdq.ts';

/** Why something is blocked, and by whom. */
export interface BlockReason {
  readonly category: BlockCategory;
  /** What is severe is refused at sight. As the category says, where it is not given. */
  readonly isSevere?: boolean;
  readonly sourceCaseId?: string | null;
  readonly note?: string;
}

export interface NewBlock extends BlockReason {
  readonly kind: BlockKind;
  /** 64 hex digits: SHA-256, or PDQ. */
  readonly hash: string;
  readonly quality?: number;
  /** Of a picture; the hash alone where they are not known. */
  readonly variants?: readonly string[];
}

/** For a category of a case, which there are more of. */
export const blockCategoryOf = (category: string): BlockCategory =>
  BLOCK_CATEGORIES.find((one): one is BlockCategory => one === category) ?? 'other';

type Adding = Pick<Work, 'em' | 'viewer' | 'now'>;

/** SHA-256 of nothing: every safetensors file without tensors has it. */
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Blocks one hash from now on, and has what is here already looked through; within the caller's transaction when there is
 * one. The same hash again gives the block that is there, made severe when one of the two is. Throws `invalid`.
 */
export async function addBlock(
  { em, viewer, now }: Adding,
  { kind, hash: given, quality = 100, variants, ...reason }: NewBlock,
): Promise<HashBlock> {
  const hash = given.trim().toLowerCase();
  if (!isPdq(hash)) throw new AppError('invalid', 'A hash has 64 hexadecimal digits.');
  if (hash === OF_NOTHING) throw new AppError('invalid', 'This is the hash of an empty file.');
  if (kind === 'picture' && quality < LEAST_QUALITY) {
    throw new AppError('invalid', 'There is too little in this picture to tell it from others. Block its SHA-256.');
  }
  const { category, isSevere = SEVERE_CATEGORIES.has(category), sourceCaseId = null, note = '' } = reason;
  return em.transactional(async (tx) => {
    const known = await tx.findOne(HashBlock, { kind, hash, liftedAt: null });
    if (known && (known.isSevere || !isSevere)) return known;
    // in the transaction of the row: who sees the one sees the other
    await bumpBank(tx);
    if (known)
      Object.assign(known, { isSevere, category, rescannedAt: null, sourceCaseId: known.sourceCaseId ?? sourceCaseId });
    const block =
      known ??
      tx.create(
        HashBlock,
        {
          id: newId(),
          ...{ kind, hash, quality, category, isSevere, sourceCaseId },
          variants: kind === 'picture' ? (variants ?? [hash]).join('') : '',
          addedBy: viewer ? tx.getReference(Account, viewer.id) : null,
          note: note.slice(0, 500),
          addedAt: now(),
        },
        { persist: true },
      );
    record(tx, blockAdded, { blockId: block.id });
    await tx.flush();
    return block;
  });
}

/** What `blockPicture` blocks, to be made outside of a transaction: looking at a picture takes its time. */
export async function blocksOf(
  gate: HashGate,
  input: ImageInput,
  reason: BlockReason,
): Promise<readonly [NewBlock, ...NewBlock[]]> {
  const bytes = typeof input === 'string' ? await readFile(input) : input;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const frames = (await gate.variants(bytes)).filter(([plain]) => plain && plain.quality >= LEAST_QUALITY);
  const strong = frames.flat().filter(({ quality }) => quality >= LEAST_QUALITY);
  const variants = strong.map(({ hash }) => hash);
  const [plain] = frames[0] ?? [];
  const byBytes: NewBlock = { kind: 'file', hash: sha256, ...reason };
  if (!plain) return [byBytes];
  const { hash, quality } = plain;
  return [byBytes, { kind: 'picture', hash, quality, variants, ...reason }];
}

/**
 * Blocks a picture by its bytes and, where there is enough to see, by its look and all its variants. Of an animation
 * each sampled frame is one of them. Throws what `inspectImage` throws.
 */
export async function blockPicture(
  work: Adding,
  gate: HashGate,
  input: ImageInput,
  reason: BlockReason,
): Promise<readonly HashBlock[]> {
  const wanted = await blocksOf(gate, input, reason);
  return work.em.transactional(async (em) => {
    const blocks: HashBlock[] = [];
    for (const block of wanted) blocks.push(await addBlock({ ...work, em }, block));
    return blocks;
  });
}

/** It counts no more; what it kept out may come again. What it restricted stays so until a person decides. */
export async function liftBlock({ em, now }: Pick<Work, 'em' | 'now'>, blockId: string): Promise<void> {
  await em.transactional(async (tx) => {
    const block = await tx.findOne(HashBlock, blockId);
    if (!block) throw new AppError('not_found', 'There is no such block.');
    if (block.liftedAt != null) return;
    block.liftedAt = now();
    await bumpBank(tx);
    await tx.flush();
  });
}

/**
 * Lifts what was blocked from one source, and what that withheld of things that were here already: the decision that it
 * came from does not hold any more, and another one has taken its place.
 */
export async function liftBlocksOf({ em, now }: Pick<Work, 'em' | 'now'>, sourceCaseId: string): Promise<void> {
  await em.transactional(async (tx) => {
    for (const { id } of await tx.find(HashBlock, { sourceCaseId, liftedAt: null })) {
      await liftBlock({ em: tx, now }, id);
      const source = `hash:${id}`;
      const held = await rows<{ target_kind: PolicyTarget['kind']; target_id: number }>(
        tx,
        'select target_kind, target_id from policy_restriction where source = ?',
        [source],
      );
      for (const { target_kind, target_id } of held)
        await restrict(tx, { kind: target_kind, id: target_id }, source, 0, now());
    }
    await tx.flush();
  });
}

export interface BlockFilter {
  readonly kind?: BlockKind;
  readonly category?: BlockCategory;
  readonly isLifted?: boolean;
  /** The id of the last one of the page before. */
  readonly before?: string;
}

export const BLOCKS_A_PAGE = 50;

/** The newest first, a page at a time. */
export function listBlocks(
  { em }: Pick<Work, 'em'>,
  { kind, category, isLifted = false, before }: BlockFilter = {},
): Promise<HashBlock[]> {
  return em.find(
    HashBlock,
    {
      ...(kind ? { kind } : {}),
      ...(category ? { category } : {}),
      liftedAt: isLifted ? { $ne: null } : null,
      ...(before ? { id: { $lt: before } } : {}),
    },
    { orderBy: { id: -1 }, limit: BLOCKS_A_PAGE, exclude: ['variants'] },
  ) as Promise<HashBlock[]>;
}

async function bumpBank(em: EntityManager): Promise<void> {
  await rows(
    em,
    `insert into hash_bank (id, version) values (1, 1)
     on conflict (id) do update set version = hash_bank.version + 1 returning id`,
  );
}
