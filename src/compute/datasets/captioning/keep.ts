import type { EntityManager } from '@mikro-orm/core';
import type { JobHandle } from '../../../kit/queue/define.ts';
import { writeUnderFence } from '../../../kit/queue/lease.ts';
import { type Captioning, Dataset, DatasetItem } from '../model.ts';
import { composeCaption } from './compose.ts';

/**
 * Writes what the captioner saw, under the fence of its run. Once for each act: what came twice, was removed or got
 * words of its owner meanwhile stays as it is.
 */
export async function keepCaption(
  em: EntityManager,
  handle: JobHandle,
  captioning: Captioning,
  itemId: string,
  found: string,
): Promise<void> {
  await writeUnderFence(em, handle, async (tx) => {
    const item = await tx.findOne(DatasetItem, { id: itemId, deletedAt: null });
    if (!item || !isToDo(item, captioning)) return;
    const before = item.caption;
    const after = composeCaption(before, found, captioning);
    Object.assign(item, { caption: after, autoCaption: { act: captioning.id, before, after } });
  });
}

export const isToDo = (
  { caption, autoCaption }: Pick<DatasetItem, 'caption' | 'autoCaption'>,
  { id, mode }: Pick<Captioning, 'id' | 'mode'>,
): boolean => autoCaption?.act !== id && (mode !== 'empty' || caption === '');

/** What it could not do, for its owner. */
export async function keepReport(
  em: EntityManager,
  handle: JobHandle,
  datasetId: string,
  report: Pick<Captioning, 'refused' | 'error'>,
  now: Date,
): Promise<void> {
  await writeUnderFence(em, handle, async (tx) => {
    const dataset = await tx.findOne(Dataset, { id: datasetId, captionJobId: handle.jobId });
    if (!dataset?.captioning) return;
    Object.assign(dataset, { captioning: { ...dataset.captioning, ...report }, updatedAt: now });
  });
}
