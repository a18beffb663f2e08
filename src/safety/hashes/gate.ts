import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { ImageInput } from '../../kit/storage/images.ts';
import { type BankBlock, CachedBank } from './bank.ts';
import type { Door } from './doors.ts';
import { type Hit, recordHit } from './hits.ts';
import type { BlockCategory, HashVerdict } from './model.ts';
import type { Pdq } from './pdq.ts';
import { PdqThread } from './pdq-thread.ts';

/** Where something comes in, and who brings it; null for the node itself. */
export interface Arrival {
  readonly door: Door;
  readonly accountId: number | null;
}

/** What is known of the bytes. All hex is lower case. */
export interface Evidence {
  /** Of the bytes as they came, and as they are kept. */
  readonly sha256s?: readonly string[];
  /** Of what follows a safetensors header. */
  readonly tensorSha256?: string | null;
  /** For each frame the PDQ that it asks with. */
  readonly frames?: readonly (readonly string[])[];
}

export interface Judgement extends Arrival {
  readonly verdict: Exclude<HashVerdict, 'refuse'>;
  readonly hit: Hit | null;
}

export interface JudgedPicture extends Judgement {
  /** For the column of what is kept, so that a later block finds it (`writePdq`). */
  readonly pdq: string;
}

/**
 * Compares what comes in with what must not come back. Every door asks here before it keeps anything; the list of the
 * doors is in doors.ts. One for the process: it holds the bank of picture hashes and the thread that makes them.
 */
export class HashGate {
  readonly #bank = new CachedBank();
  readonly #thread = new PdqThread();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * What is to be done with bytes of which this is known. Throws `withheld` for what is refused, after the attempt is on
   * record; a verdict of `hold` or `review` the caller keeps with `keepHit` when it has a row for it. Not to be called
   * within a transaction: the record of a refusal has its own.
   */
  async judge(em: EntityManager, { door, accountId }: Arrival, evidence: Evidence): Promise<Judgement> {
    const hit = await this.look(em, evidence);
    if (hit?.verdict !== 'refuse') return { door, accountId, verdict: hit?.verdict ?? 'allow', hit };
    const fork = em.fork();
    recordHit(fork, { door, accountId }, hit, null, this.#now());
    await fork.flush();
    throw new AppError('withheld', REFUSED);
  }

  /** `judge` for a picture, with all that can be known of it. Throws also what `inspectImage` throws. */
  async judgePicture(em: EntityManager, arrival: Arrival, input: ImageInput): Promise<JudgedPicture> {
    const sha256 = createHash('sha256')
      .update(typeof input === 'string' ? await readFile(input) : input)
      .digest('hex');
    // the exact bytes first: what is refused by them is never decoded
    await this.judge(em, arrival, { sha256s: [sha256] });
    const frames = await this.#thread.queries(input);
    return { ...(await this.judge(em, arrival, { frames })), pdq: writePdq(frames) };
  }

  /** As `judgePicture`, for a door behind which nothing can wait for a moderator: what would be held is refused as well. */
  async assertPicture(em: EntityManager, arrival: Arrival, input: ImageInput): Promise<JudgedPicture> {
    return this.assertNotHeld(em, await this.judgePicture(em, arrival, input));
  }

  /** Refuses what was to be held, and puts on record what a person should look at. */
  async assertNotHeld<Judged extends Judgement>(em: EntityManager, judged: Judged): Promise<Judged> {
    if (!judged.hit) return judged;
    const fork = em.fork();
    recordHit(fork, judged, judged.hit, null, this.#now());
    await fork.flush();
    if (judged.verdict === 'hold') throw new AppError('withheld', HELD);
    return judged;
  }

  /** The strictest block that knows this, or null. Throws nothing and writes nothing. */
  async look(em: EntityManager, { sha256s = [], tensorSha256 = null, frames = [] }: Evidence): Promise<Hit | null> {
    const exact = await findDigest(em, sha256s, tensorSha256);
    // bytes that were removed are those bytes, whatever the reason
    if (exact) return { block: exact.block, digest: exact.hash, distance: null, verdict: 'refuse' };
    const bank = await this.#bank.load(em);
    const match = bank.isEmpty || frames.length === 0 ? null : bank.match(frames);
    return match && { block: match.block, digest: match.hash, distance: match.distance, verdict: match.verdict };
  }

  /** The hashes of a picture as `Evidence` has them. */
  frames(input: ImageInput): Promise<readonly (readonly string[])[]> {
    return this.#thread.queries(input);
  }

  /** For each frame the hashes by which a bank knows it. */
  variants(input: ImageInput): Promise<readonly (readonly Pdq[])[]> {
    return this.#thread.variants(input);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

// neither says which block it was, or how near: whoever tries variants learns nothing
const REFUSED =
  'This cannot be taken: it matches something that was removed from this node. If you think that this is a mistake, write to its moderators.';
const HELD =
  'This looks like something that is not allowed on this node, so a moderator has to look at it first. Nothing was kept of it.';

/** The hashes of a picture in one text column: `,` between those of a frame, a space between frames. */
export const writePdq = (frames: readonly (readonly string[])[]): string =>
  frames
    .filter((hashes) => hashes.length > 0)
    .map((hashes) => hashes.join(','))
    .join(' ');

export const readPdq = (text: string): string[][] =>
  text === '' ? [] : text.split(' ').map((frame) => frame.split(','));

async function findDigest(
  em: EntityManager,
  sha256s: readonly string[],
  tensorSha256: string | null,
): Promise<{ block: BankBlock; hash: string } | null> {
  if (sha256s.length === 0 && tensorSha256 === null) return null;
  const [found] = await rows<{ id: string; category: BlockCategory; is_severe: unknown; hash: string }>(
    em,
    `select id, category, is_severe, hash from hash_block
     where lifted_at is null and ((kind = 'file' and hash in (${inList(sha256s)})) or (kind = 'tensors' and hash = ?))
     order by is_severe desc, id limit 1`,
    [...sha256s, tensorSha256 ?? ''],
  );
  if (!found) return null;
  const { id, category, is_severe, hash } = found;
  return { block: { id, category, isSevere: toBoolean(is_severe) }, hash };
}
