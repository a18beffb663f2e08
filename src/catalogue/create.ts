import { ref } from '@mikro-orm/core';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { isId } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import { assertNotShut } from '../safety/standing.ts';
import { isOwner, Model, ModelVersion } from './model.ts';
import { listLockedNames } from './names/lock.ts';
import { scrubberOf } from './names/scrub.ts';
import { loadOwnVersion, publisher } from './own.ts';
import { Upload } from './uploads/model.ts';
import { attachUpload } from './uploads/uploads.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

export interface NewModel {
  readonly name?: string;
  readonly type?: Model['type'];
  readonly baseModel?: string;
  readonly description?: string;
  readonly versionName?: string;
}

/** A draft with its first version; what is left open is filled in from the first file, and it is for whom the last was. */
export async function createModel(
  { em, viewer, now }: Task,
  { name = '', type = 'Other', baseModel = '', description = '', versionName = 'v1.0' }: NewModel = {},
): Promise<ModelVersion> {
  const owner = publisher(viewer);
  const times = { createdAt: now(), updatedAt: now() };
  const visibility = await lastVisibility(em, owner.id);
  const words = { name, type, baseModel, description, visibility };
  const model = em.create(Model, { owner: owner.id, ...words, ...times }, { persist: true });
  const version = em.create(ModelVersion, { model, name: versionName, baseModel, ...times }, { persist: true });
  await em.flush();
  return version;
}

/** What somebody chose last. */
async function lastVisibility(em: Task['em'], ownerId: number): Promise<Model['visibility']> {
  const [last] = await rows<Pick<Model, 'visibility'>>(
    em,
    `select visibility from model where owner_id = ? and shown_at is not null order by shown_at desc, id desc limit 1`,
    [ownerId],
  );
  return last?.visibility ?? 'public';
}

/**
 * A further version, newest first, with the words of the one before. Throws `not_found` for somebody else's model, and
 * as `assertNotShut`. */
export async function createVersion(work: Task, modelId: number, name = ''): Promise<ModelVersion> {
  const { em, now } = work;
  const viewer = publisher(work.viewer);
  return em.transactional(async (inner) => {
    const model = await inner.findOne(Model, modelId);
    if (!model || !isOwner(model, viewer) || model.state === 'deleted') {
      throw new AppError('not_found', 'There is no such model.');
    }
    await assertNotShut(inner, [{ kind: 'model', id: modelId }]);
    const others = await inner.find(ModelVersion, { model }, { orderBy: { position: 1, id: -1 } });
    const scrubber = scrubberOf(await listLockedNames(inner, modelId));
    others.forEach((other, n) => {
      other.position = n + 1;
    });
    const last = others.find(({ state }) => state !== 'deleted');
    const version = inner.create(
      ModelVersion,
      {
        model: ref(model),
        name: (scrubber?.scrub(name) ?? name) || nextName(last?.name ?? ''),
        baseModel: last?.baseModel ?? model.baseModel,
        trainedWords: [...(last?.trainedWords ?? [])],
        createdAt: now(),
        updatedAt: now(),
      },
      { persist: true },
    );
    await inner.flush();
    return version;
  });
}

/** `v1.9` → `v2.0`, `v3` → `v4`, anything else → itself with ` 2`. */
function nextName(name: string): string {
  if (name === '') return 'v1.0';
  const match = /^(.*?)(\d+)(\.\d+)?$/.exec(name.slice(0, 76));
  if (!match?.[2] || match[2].length > 6) return `${name.slice(0, 76)} 2`;
  return `${match[1] ?? ''}${Number(match[2]) + 1}${match[3] ? '.0' : ''}`;
}

/** Files that this person uploaded become files of a version: those that are ready now, the others when they are. */
export async function claimUploads(work: Task, uploadIds: readonly string[], versionId: number): Promise<void> {
  const { em, viewer } = work;
  const version = await loadOwnVersion(work, versionId);
  const uploads = await em.find(Upload, { id: { $in: uploadIds.filter(isId) }, owner: viewer?.id ?? 0, version: null });
  for (const upload of uploads) upload.version = ref(version);
  await em.flush();
  for (const { id } of uploads) await attachUpload(work, id);
}
