import { buffer } from 'node:stream/consumers';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { addBlock, type BlockReason, blockCategoryOf, blockPicture, liftBlocksOf } from '../../safety/hashes/blocks.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import type { HashBlock } from '../../safety/hashes/model.ts';
import type { TakedownOrder } from '../takedown/step.ts';
import type { Blocks } from '../takedown/steps/block-hashes.ts';

/** A block names the takedown that it comes from, so that the undoing of one lifts its own. */
const sourceOf = (takedownId: string): string => `takedown:${takedownId}`;

/** The takedown that a block comes from; null for what somebody added. */
export const takedownOf = ({ sourceCaseId }: Pick<HashBlock, 'sourceCaseId'>): string | null =>
  /^takedown:([0-9a-f-]{36})$/.exec(sourceCaseId ?? '')?.[1] ?? null;

/** What a takedown asks of the list of blocked hashes. Blocking twice is harmless. */
export const makeBlocks = (gate: HashGate): Blocks => ({
  async block(work, order, { files, tensors, pictures }) {
    const reason = reasonOf(order);
    for (const hash of files) await addBlock(work, { kind: 'file', hash, ...reason });
    for (const hash of tensors) await addBlock(work, { kind: 'tensors', hash, ...reason });
    for (const sha256 of pictures) await blockByLook(work, gate, sha256, reason);
  },

  unblock: (work, takedownId) => liftBlocksOf({ ...work, em: work.em.fork() }, sourceOf(takedownId)),
});

const reasonOf = ({ takedownId, category, caseId }: TakedownOrder): BlockReason => ({
  category: blockCategoryOf(category),
  sourceCaseId: sourceOf(takedownId),
  note: caseId === null ? '' : `case ${caseId}`,
});

/** By its look too, as long as its bytes are here; else by their digest alone. */
async function blockByLook(work: Work, gate: HashGate, sha256: string, reason: BlockReason): Promise<void> {
  try {
    await blockPicture(work, gate, await buffer(work.files.open(sha256)), reason);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    await addBlock(work, { kind: 'file', hash: sha256, ...reason });
  }
}
