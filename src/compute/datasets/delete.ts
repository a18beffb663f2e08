import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { OPEN_STATES, TrainingRun } from '../training/model.ts';
import { Dataset, DatasetItem } from './model.ts';
import { loadOwnDataset, loadOwnItem, mayTrain } from './own.ts';

/** How long a deletion can be undone. */
export const UNDO_MS = 10 * 60_000;
/** A run still needs the pictures: looked at again after this. */
const AGAIN_MS = 3_600_000;

type Deleting = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

const Deleted = z.object({ datasetId: z.string() });

export const finishDeletionJob = defineJob({
  name: 'compute.finish-dataset-deletion',
  lane: 'clock',
  payload: Deleted,
  attempts: 5,
  run: (work, { datasetId }) => finishDeletion(work, datasetId),
});

/** It is gone at once, and can come back for ten minutes. */
export async function deleteDataset(work: Deleting, datasetId: string): Promise<void> {
  const dataset = await loadOwnDataset(work, datasetId);
  dataset.deletedAt = work.now();
  work.jobs.enqueue(work.em, finishDeletionJob, { datasetId }, { delayMs: UNDO_MS });
  await work.em.flush();
}

/** Throws `gone` when it is too late. */
export async function restoreDataset({ em, viewer, now }: Deleting, datasetId: string): Promise<void> {
  const dataset = await em.findOne(Dataset, { id: datasetId, owner: mayTrain(viewer).id });
  if (!dataset || isOver(dataset.deletedAt, now())) throw new AppError('gone', 'It was deleted too long ago.');
  dataset.deletedAt = null;
  await em.flush();
}

export async function deleteItem(work: Deleting, itemId: string): Promise<Dataset> {
  const { item, dataset } = await loadOwnItem(work, itemId);
  item.deletedAt = work.now();
  dataset.updatedAt = work.now();
  work.jobs.enqueue(work.em, finishDeletionJob, { datasetId: dataset.id }, { delayMs: UNDO_MS });
  await work.em.flush();
  return dataset;
}

export async function restoreItem({ em, viewer, now }: Deleting, itemId: string): Promise<Dataset> {
  const item = await em.findOne(
    DatasetItem,
    { id: itemId, dataset: { owner: mayTrain(viewer).id, deletedAt: null } },
    { populate: ['dataset'] },
  );
  if (!item || isOver(item.deletedAt, now())) throw new AppError('gone', 'It was removed too long ago.');
  item.deletedAt = null;
  await em.flush();
  return item.dataset.$;
}

const isOver = (at: Date | null | undefined, now: Date): boolean =>
  at != null && at.getTime() + UNDO_MS <= now.getTime();

/** What nobody wanted back goes, unless a run still trains on it. The sweep of blobs takes the bytes. */
async function finishDeletion({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, datasetId: string): Promise<void> {
  await em.transactional(async (tx) => {
    const dataset = await tx.findOne(Dataset, datasetId);
    if (!dataset) return;
    const isNeeded = await tx.count(TrainingRun, { dataset, state: { $in: [...OPEN_STATES] } });
    if (isNeeded > 0) {
      jobs.enqueue(tx, finishDeletionJob, { datasetId }, { delayMs: AGAIN_MS });
      await tx.flush();
      return;
    }
    const over = new Date(now().getTime() - UNDO_MS);
    await tx.nativeDelete(DatasetItem, { dataset, deletedAt: { $lte: over } });
    if (!isOver(dataset.deletedAt, now())) return;
    await tx.nativeUpdate(TrainingRun, { dataset }, { dataset: null });
    await tx.nativeDelete(DatasetItem, { dataset });
    await tx.nativeDelete(Dataset, { id: datasetId });
  });
}
