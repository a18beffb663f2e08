import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { Dataset, DatasetItem } from './model.ts';

export function mayTrain(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in to train.');
  if (!can(viewer, 'train')) throw new AppError('forbidden', 'Your account may not train on this node.');
  return viewer;
}

/** Throws `not_found` for what is not the viewer's: that somebody else has it is nobody's business. */
export async function loadOwnDataset({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<Dataset> {
  const owner = mayTrain(viewer);
  const dataset = await em.findOne(Dataset, { id, owner: owner.id, deletedAt: null });
  if (!dataset) throw new AppError('not_found', 'There is no such set of pictures.');
  return dataset;
}

export async function loadOwnItem(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  id: string,
): Promise<{ readonly item: DatasetItem; readonly dataset: Dataset }> {
  const owner = mayTrain(viewer);
  const item = await em.findOne(
    DatasetItem,
    { id, deletedAt: null, dataset: { owner: owner.id, deletedAt: null } },
    { populate: ['dataset'] },
  );
  if (!item) throw new AppError('not_found', 'There is no such picture.');
  return { item, dataset: item.dataset.$ };
}
