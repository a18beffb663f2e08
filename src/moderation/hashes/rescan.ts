import { z } from 'zod';
import { ModelFile } from '../../catalogue/model.ts';
import { DatasetItem } from '../../compute/datasets/model.ts';
import { Image } from '../../gallery/model.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { Bank, type BankBlock } from '../../safety/hashes/bank.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import type { Hit } from '../../safety/hashes/hits.ts';
import { type BlockKind, HashBlock } from '../../safety/hashes/model.ts';
import { keepFound } from './found.ts';
import { rescanFaces, rescanPictures } from './rescan-pictures.ts';

const Payload = z.object({ isSecond: z.boolean().default(false) });
/** What was judged just before a block was there and kept just after it was looked for is found by a second look. */
const SECOND_LOOK_MS = 600_000;
/** Blocks that one look takes together. */
const MOST_BLOCKS = 500;

export const RESCAN = { dedupeKey: 'moderation.rescan' } as const;

/** Looks through what is here for what was blocked since the last look: all new blocks together, in one pass. */
export class Rescanner {
  readonly #gate: HashGate;
  readonly job: JobDefinition<typeof Payload>;

  constructor(gate: HashGate) {
    this.#gate = gate;
    this.job = defineJob({
      name: 'moderation.rescan',
      lane: 'media',
      payload: Payload,
      attempts: 8,
      run: (work, { isSecond }, handle) => this.#run(work, isSecond, handle),
    });
  }

  async #run(work: Work, isSecond: boolean, handle: JobHandle): Promise<void> {
    const { em, jobs, now } = work;
    const since = isSecond ? { $gt: new Date(now().getTime() - 2 * SECOND_LOOK_MS) } : null;
    const where = { rescannedAt: since, liftedAt: null };
    const blocks = await em.find(HashBlock, where, { orderBy: { id: 1 }, limit: MOST_BLOCKS });
    if (blocks.length === 0) return;
    await rescanDigests(work, blocks, handle.signal);
    const bank = new Bank(
      blocks
        .filter(({ kind }) => kind === 'picture')
        .map((block) => ({ block: bankBlock(block), variants: block.variants })),
    );
    if (!bank.isEmpty) {
      await rescanPictures(work, this.#gate, bank, handle);
      await rescanFaces(work, this.#gate, bank, handle);
    }
    if (isSecond) return;
    const ids = blocks.map(({ id }) => id);
    await em.transactional(async (tx) => {
      await tx.nativeUpdate(HashBlock, { id: { $in: ids } }, { rescannedAt: now() });
      jobs.enqueue(tx, this.job, { isSecond: true }, { delayMs: SECOND_LOOK_MS });
      if (blocks.length === MOST_BLOCKS) jobs.enqueue(tx, this.job, {}, RESCAN);
      await tx.flush();
    });
  }
}

const bankBlock = ({ id, category, isSevere }: HashBlock): BankBlock => ({ id, category, isSevere });

/** By the exact bytes: columns with an index. */
async function rescanDigests(work: Work, blocks: readonly HashBlock[], signal: AbortSignal): Promise<void> {
  const em = work.em.fork();
  const of = (kind: BlockKind) => blocks.filter((block) => block.kind === kind);
  const [files, tensors] = [of('file'), of('tensors')];
  const hashesOf = (some: readonly HashBlock[]) => some.map(({ hash }) => hash);
  const hitOf = (some: readonly HashBlock[], digest: string | null | undefined): Hit | null => {
    const block = some.find(({ hash }) => hash === digest);
    return block ? { block: bankBlock(block), digest: block.hash, distance: null, verdict: 'refuse' } : null;
  };
  const models = await em.find(
    ModelFile,
    { $or: [{ sha256: { $in: hashesOf(files) } }, { tensorSha256: { $in: hashesOf(tensors) } }] },
    { populate: ['version.model'] },
  );
  for (const { sha256, tensorSha256, version } of models) {
    signal.throwIfAborted();
    const hit = hitOf(files, sha256) ?? hitOf(tensors, tensorSha256);
    const ownerId = version.$.model.$.owner.id;
    if (hit) await keepFound(work, { kind: 'version', id: version.id, ownerId }, hit);
  }
  const ofBlocked = { sha256: { $in: hashesOf(files) }, deletedAt: null };
  for (const { id, sha256, owner } of await em.find(Image, ofBlocked)) {
    const hit = hitOf(files, sha256);
    if (hit) await keepFound(work, { kind: 'image', id, ownerId: owner.id }, hit);
  }
  for (const { id, sha256, dataset } of await em.find(DatasetItem, ofBlocked, { populate: ['dataset'] })) {
    const hit = hitOf(files, sha256);
    if (hit) await keepFound(work, { kind: 'dataset-item', id, ownerId: dataset.$.owner.id }, hit);
  }
}
