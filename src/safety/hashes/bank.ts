import type { EntityManager } from '@mikro-orm/core';
import { rows, toBoolean } from '../../kit/database/sql.ts';
import type { BlockCategory, HashVerdict } from './model.ts';
import { distance, PDQ_WORDS, wordsOf, writeWords } from './pdq.ts';

/** Up to here two pictures are the same one (spec/guardrails.md section 4, as all that follows). */
const SAME_BITS = 31;
/** Up to here a person looks, where it is severe. */
const ALIKE_BITS = 40;
/** Of an animation so many frames make it the same one. */
const SAME_FRAMES = 0.8;

export interface BankBlock {
  readonly id: string;
  readonly category: BlockCategory;
  readonly isSevere: boolean;
}

/** A block that knows a picture, and what is to be done. */
export interface PictureMatch {
  readonly block: BankBlock;
  readonly distance: number;
  /** The hash of the picture that was found. */
  readonly hash: string;
  readonly verdict: Exclude<HashVerdict, 'allow'>;
}

/** The hashes of all picture blocks, side by side, so that they are compared at the speed of memory. */
export class Bank {
  readonly #blocks: readonly BankBlock[];
  readonly #words: Uint32Array;
  /** For each hash the place of its block. */
  readonly #owners: Uint32Array;

  constructor(entries: readonly { readonly block: BankBlock; readonly variants: string }[]) {
    this.#blocks = entries.map(({ block }) => block);
    const count = entries.reduce((sum, { variants }) => sum + Math.floor(variants.length / 64), 0);
    this.#words = new Uint32Array(count * PDQ_WORDS);
    this.#owners = new Uint32Array(count);
    let at = 0;
    for (const [owner, { variants }] of entries.entries()) {
      for (let from = 0; from + 64 <= variants.length; from += 64, at += 1) {
        writeWords(variants.slice(from, from + 64), this.#words, at * PDQ_WORDS);
        this.#owners[at] = owner;
      }
    }
  }

  get isEmpty(): boolean {
    return this.#owners.length === 0;
  }

  /** For each block that is within `ALIKE_BITS` the least distance. */
  nearest(hash: string): Map<number, number> {
    const query = wordsOf(hash);
    const found = new Map<number, number>();
    for (let at = 0; at < this.#owners.length; at += 1) {
      const bits = distance(query, 0, this.#words, at * PDQ_WORDS, ALIKE_BITS);
      if (bits > ALIKE_BITS) continue;
      const owner = this.#owners[at] as number;
      if (bits < (found.get(owner) ?? Number.POSITIVE_INFINITY)) found.set(owner, bits);
    }
    return found;
  }

  /**
   * The strictest of all matches, or null. `frames` has for each frame the hashes that it asks with. One frame is enough
   * of what is severe; of the rest a person looks where it is less than most of them.
   */
  match(frames: readonly (readonly string[])[]): PictureMatch | null {
    const sights = new Map<number, { sameFrames: number; bits: number; hash: string }>();
    const seen = frames.filter((hashes) => hashes.length > 0);
    for (const hashes of seen) {
      const inFrame = new Set<number>();
      for (const hash of hashes) {
        for (const [owner, bits] of this.nearest(hash)) {
          const sight = sights.get(owner) ?? { sameFrames: 0, bits: Number.POSITIVE_INFINITY, hash };
          if (bits < sight.bits) Object.assign(sight, { bits, hash });
          if (bits <= SAME_BITS && !inFrame.has(owner)) {
            sight.sameFrames += 1;
            inFrame.add(owner);
          }
          sights.set(owner, sight);
        }
      }
    }
    let strictest: PictureMatch | null = null;
    for (const [owner, { sameFrames, bits, hash }] of sights) {
      const block = this.#blocks[owner] as BankBlock;
      const verdict = judged(block.isSevere, sameFrames / seen.length, bits);
      if (verdict === null) continue;
      const match = { block, distance: bits, hash, verdict };
      if (!strictest || rankOf(match) > rankOf(strictest)) strictest = match;
    }
    return strictest;
  }
}

function judged(isSevere: boolean, sameShare: number, bits: number): PictureMatch['verdict'] | null {
  if (isSevere) return bits <= SAME_BITS ? 'refuse' : 'review';
  if (bits > SAME_BITS) return null;
  return sameShare >= SAME_FRAMES ? 'hold' : 'review';
}

const RANKS = { review: 1, hold: 2, refuse: 3 } as const;
const rankOf = ({ verdict, distance: bits }: PictureMatch): number => RANKS[verdict] * 1_000 - bits;

/** The bank as the database has it, read again when a block was added or lifted by any process. */
export class CachedBank {
  #version = -1;
  #bank: Promise<Bank> = Promise.resolve(new Bank([]));

  async load(em: EntityManager): Promise<Bank> {
    const [row] = await rows<{ version: number }>(em, 'select version from hash_bank where id = 1');
    const version = row?.version ?? 0;
    if (version !== this.#version) {
      this.#version = version;
      this.#bank = readBank(em);
      this.#bank.catch(() => {
        this.#version = -1;
      });
    }
    return this.#bank;
  }
}

async function readBank(em: EntityManager): Promise<Bank> {
  const found = await rows<{ id: string; category: BlockCategory; is_severe: unknown; variants: string }>(
    em,
    `select id, category, is_severe, variants from hash_block where kind = 'picture' and lifted_at is null`,
  );
  return new Bank(
    found.map(({ id, category, is_severe, variants }) => ({
      block: { id, category, isSevere: toBoolean(is_severe) },
      variants,
    })),
  );
}
