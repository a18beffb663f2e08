import { z } from 'zod';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { modelDeleted, modelPublished, modelUnpublished, modelUpdated } from './events.ts';
import { isOwner, Lineage, Model, ModelFile, ModelVersion } from './model.ts';
import { loadOwnVersion } from './own.ts';
import { refresh } from './publish.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

/** As long as the link to undo is good. Until then it counts as unpublished, and after that as deleted. */
export const UNDO_MS = 10 * 60_000;

const Deleted = z.object({ modelId: z.int(), versionId: z.int().nullable() });

/** Ends the time to undo: files go from the catalogue, and their blobs when nothing else names them. */
export const finishDeletionJob = defineJob({
  name: 'catalogue.finish-deletion',
  lane: 'clock',
  payload: Deleted,
  attempts: 5,
  run: (work, { modelId, versionId }) => finishDeletion(work, modelId, versionId),
});

/** Throws `not_found` for somebody else's model. It is gone at once and can come back for ten minutes. */
export async function deleteModel(
  { em, viewer, jobs, now }: Task & Pick<Work, 'jobs'>,
  modelId: number,
): Promise<void> {
  const model = await loadOwnModel(em, viewer, modelId);
  if (model.state === 'deleted') return;
  if (model.state === 'published') record(em, modelUnpublished, { modelId });
  Object.assign(model, { state: 'deleted', deletedAt: now(), listedAt: null, shownAt: null });
  jobs.enqueue(em, finishDeletionJob, { modelId, versionId: null }, { delayMs: UNDO_MS });
  await em.flush();
}

export async function restoreModel({ em, viewer, now }: Task, modelId: number): Promise<void> {
  const model = await loadOwnModel(em, viewer, modelId);
  assertUndoable(model.deletedAt ?? null, now());
  model.deletedAt = null;
  await refresh(em, model);
  if (model.shownAt != null) record(em, modelPublished, { modelId });
  await em.flush();
}

export async function deleteVersion(
  { em, viewer, jobs, now }: Task & Pick<Work, 'jobs'>,
  versionId: number,
): Promise<ModelVersion> {
  const version = await loadOwnVersion({ em, viewer }, versionId);
  const model = version.model.$;
  const wasPublic = model.state === 'published';
  Object.assign(version, { stateBeforeDeletion: version.state, state: 'deleted', deletedAt: now() });
  await refresh(em, model);
  if (wasPublic) record(em, model.state === 'published' ? modelUpdated : modelUnpublished, { modelId: model.id });
  jobs.enqueue(em, finishDeletionJob, { modelId: model.id, versionId }, { delayMs: UNDO_MS });
  await em.flush();
  return version;
}

export async function restoreVersion({ em, viewer, now }: Task, versionId: number): Promise<ModelVersion> {
  const version = await em.findOne(ModelVersion, versionId, { populate: ['model'] });
  if (!version || !isOwner(version.model.$, viewer)) throw new AppError('not_found', 'There is no such version.');
  assertUndoable(version.deletedAt ?? null, now());
  const model = version.model.$;
  const wasPublic = model.state === 'published';
  version.deletedAt = null;
  // a schedule that ran out meanwhile is not caught up: its owner looks at it again
  version.state = version.stateBeforeDeletion === 'scheduled' ? 'draft' : (version.stateBeforeDeletion ?? 'draft');
  await refresh(em, model);
  if (version.state === 'published') record(em, wasPublic ? modelUpdated : modelPublished, { modelId: model.id });
  await em.flush();
  return version;
}

async function finishDeletion(
  { em, now }: Pick<Work, 'em' | 'now'>,
  modelId: number,
  versionId: number | null,
): Promise<void> {
  const isOver = (at: Date | null | undefined): boolean => at != null && at.getTime() + UNDO_MS <= now().getTime();
  await em.transactional(async (inner) => {
    const model = await inner.findOne(Model, modelId);
    if (!model) return;
    const versions = await inner.find(ModelVersion, versionId === null ? { model } : { model, id: versionId });
    const ids = versions.filter((version) => versionId === null || isOver(version.deletedAt)).map(({ id }) => id);
    if (ids.length === 0 || (versionId === null && !isOver(model.deletedAt))) return;
    await inner.nativeDelete(ModelFile, { version: { $in: ids } });
    await inner.nativeUpdate(Lineage, { parent: { $in: ids } }, { parent: null });
    if (versionId !== null || model.purgedAt != null) return;
    Object.assign(model, { purgedAt: now(), description: '', coverImageId: null });
    // of a draft nobody else ever heard
    if (model.publishedAt != null) record(inner, modelDeleted, { modelId });
  });
}

async function loadOwnModel(em: Work['em'], viewer: Work['viewer'], modelId: number): Promise<Model> {
  const model = await em.findOne(Model, modelId);
  if (!model || !isOwner(model, viewer)) throw new AppError('not_found', 'There is no such model.');
  return model;
}

function assertUndoable(deletedAt: Date | null, now: Date): void {
  if (deletedAt === null) throw new AppError('conflict', 'This was not deleted.');
  if (deletedAt.getTime() + UNDO_MS <= now.getTime()) throw new AppError('gone', 'The time to undo this is over.');
}
