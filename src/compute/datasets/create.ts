import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { TrainingLimits } from './limits.ts';
import { Dataset } from './model.ts';
import { loadOwnDataset, mayTrain } from './own.ts';

export const DatasetForm = z.object({
  name: z.string('Give it a name.').trim().min(1, 'Give it a name.').max(120, 'A name has at most 120 characters.'),
});

/** Throws `conflict` when this person has as many as the node allows. */
export async function createDataset(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { maxDatasets }: Pick<TrainingLimits, 'maxDatasets'>,
  { name }: z.output<typeof DatasetForm>,
): Promise<Dataset> {
  const owner = mayTrain(viewer);
  if ((await em.count(Dataset, { owner: owner.id, deletedAt: null })) >= maxDatasets) {
    throw new AppError(
      'conflict',
      `You have ${maxDatasets} sets of pictures, which is all this node keeps for one person. Delete one first.`,
    );
  }
  const times = { createdAt: now(), updatedAt: now() };
  const account = em.getReference(Account, owner.id);
  const dataset = em.create(Dataset, { id: newId(), owner: account, name, ...times }, { persist: true });
  await em.flush();
  return dataset;
}

export async function renameDataset(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  id: string,
  { name }: z.output<typeof DatasetForm>,
): Promise<void> {
  const dataset = await loadOwnDataset(work, id);
  Object.assign(dataset, { name, updatedAt: work.now() });
  await work.em.flush();
}
