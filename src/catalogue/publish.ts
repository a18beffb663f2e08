import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import { rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { RESTRICTION } from '../safety/policy.ts';
import { RATING } from '../safety/ratings.ts';
import { isForbidden, isShut, SHUT } from '../safety/standing.ts';
import { holdWords } from '../safety/words/hold.ts';
import type { VersionWithModel } from './attach.ts';
import { modelPublished, modelUnpublished, modelUpdated, versionPublished } from './events.ts';
import { type Model, ModelFile, ModelVersion } from './model.ts';
import { loadOwnVersion, publisher } from './own.ts';
import { refreshModel } from './state.ts';
import { readVersion } from './words.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

/** The clock side of a schedule. A version that was published by hand, moved or deleted since is left alone. */
export const publishScheduledJob = defineJob({
  name: 'catalogue.publish-scheduled',
  lane: 'clock',
  payload: z.object({ versionId: z.int() }),
  attempts: 5,
  run: (work, { versionId }) => publishScheduled(work, versionId),
});

/**
 * Makes a version public. Throws `not_found`, `conflict` (already public), `withheld`, or `invalid` with a message for
 * each field that is missing.
 */
export async function publishVersion(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  versionId: number,
): Promise<VersionWithModel> {
  const author = publisher(viewer);
  const version = await loadOwnVersion({ em, viewer }, versionId);
  await assertPublishable(em, version);
  await open({ em, now }, version, await readVersion({ em, words }, author, version));
  return version;
}

/** In one transaction: what a person looks at first is public, and nobody sees it. */
async function open(
  { em, now }: Pick<Work, 'em' | 'now'>,
  version: VersionWithModel,
  heldFor: string | null,
): Promise<void> {
  const { id, owner } = version.model.$;
  await em.transactional(async (inner) => {
    if (heldFor !== null) await holdWords(inner, { kind: 'model', id }, owner.id, heldFor, now());
    await makePublic(inner, version, now());
    await inner.flush();
  });
}

export async function scheduleVersion(
  { em, viewer, jobs, words, now }: Task & Pick<Work, 'jobs' | 'words'>,
  versionId: number,
  publishAt: Date,
): Promise<VersionWithModel> {
  const author = publisher(viewer);
  const version = await loadOwnVersion({ em, viewer }, versionId);
  await assertPublishable(em, version);
  const delayMs = publishAt.getTime() - now().getTime();
  if (delayMs <= 0 || delayMs > MAX_SCHEDULE_MS) {
    throw new AppError('invalid', 'Choose a time within the next year.', {
      fields: { publishAt: 'Choose a time within the next year.' },
    });
  }
  // what is doubtful is held when its time comes; what is refused is said while somebody is there to change it
  await readVersion({ em, words }, author, version);
  version.state = 'scheduled';
  version.publishAt = publishAt;
  jobs.enqueue(em, publishScheduledJob, { versionId }, { delayMs, dedupeKey: `publish ${versionId}` });
  await refresh(em, version.model.$);
  await em.flush();
  return version;
}

/** Back to its owner alone; a schedule is dropped. Publishing again is possible at any time. */
export async function unpublishVersion({ em, viewer, now }: Task, versionId: number): Promise<VersionWithModel> {
  const version = await loadOwnVersion({ em, viewer }, versionId);
  const model = version.model.$;
  const wasPublic = version.state === 'published';
  if (!wasPublic && version.state !== 'scheduled') throw new AppError('conflict', 'This version is not public.');
  version.state = wasPublic ? 'unpublished' : 'draft';
  version.publishAt = null;
  version.updatedAt = now();
  await refresh(em, model);
  if (wasPublic) record(em, model.state === 'published' ? modelUpdated : modelUnpublished, { modelId: model.id });
  await em.flush();
  return version;
}

async function publishScheduled(
  { em, words, now }: Pick<Work, 'em' | 'words' | 'now'>,
  versionId: number,
): Promise<void> {
  const version = await em.findOne(ModelVersion, { id: versionId, state: 'scheduled' }, { populate: ['model'] });
  if (!version || version.model.$.state === 'deleted') return;
  if (version.publishAt == null || version.publishAt > now()) return;
  // a decision meanwhile: it stays its owner's alone
  const restrictions = await loadRestrictions(em, version.model.$.owner.id, version.model.id, versionId);
  if (isForbidden(restrictions, 'list')) return;
  const author = await em.findOneOrFail(Account, version.model.$.owner.id);
  try {
    await open({ em, now }, version, await readVersion({ em, words }, author, version));
  } catch (error) {
    if (!(error instanceof AppError) || (error.kind !== 'invalid' && error.kind !== 'forbidden')) throw error;
    // rules that came meanwhile: it is a draft again, and whoever publishes it is told why not
    Object.assign(version, { state: 'draft', publishAt: null, updatedAt: now() });
    await refresh(em, version.model.$);
    await em.flush();
  }
}

const MAX_SCHEDULE_MS = 366 * 86_400_000;

async function makePublic(em: Work['em'], version: VersionWithModel, now: Date): Promise<void> {
  const model = version.model.$;
  const wasPublic = model.state === 'published';
  version.state = 'published';
  version.publishAt = null;
  version.publishedAt ??= now;
  version.updatedAt = now;
  model.updatedAt = now;
  await refresh(em, model);
  if (!wasPublic) record(em, modelPublished, { modelId: model.id });
  record(em, versionPublished, { modelId: model.id, versionId: version.id });
}

async function assertPublishable(em: Work['em'], version: VersionWithModel): Promise<void> {
  const model = version.model.$;
  if (version.state === 'published') throw new AppError('conflict', 'This version is already public.');
  const fields: Record<string, string> = {};
  if (model.name.trim() === '') fields.name = 'Give the model a name.';
  if (version.name.trim() === '') fields.versionName = 'Give the version a name.';
  if (version.baseModel === '') fields.baseModel = 'Choose the base model.';
  if (model.isMinor && model.level > 2) fields.level = 'What depicts minors cannot be rated above PG-13.';
  if (model.isSfwOnly && model.level > 2)
    fields.level ??= 'A model for safe pictures only cannot be rated above PG-13.';
  const files = await em.count(ModelFile, { version, isStored: true });
  if (files === 0) fields.files = 'Add a file first, and wait until it has been read.';
  const [message] = Object.values(fields);
  if (message) throw new AppError('invalid', message, { fields });
  const restrictions = await loadRestrictions(em, model.owner.id, model.id, version.id);
  if (isForbidden(restrictions, 'list') || isForbidden(restrictions, 'download')) {
    throw new AppError('withheld', 'A moderation decision keeps this from being published.');
  }
}

/** OR of what moderation decided about a version and all that it belongs to. */
export async function loadRestrictions(
  em: Work['em'],
  ownerId: number,
  modelId: number,
  versionId = 0,
): Promise<number> {
  const found = await rows<{ restrictions: unknown }>(
    em,
    `select restrictions from policy_state where (target_kind = 'model' and target_id = ?)
       or (target_kind = 'version' and target_id = ?) or (target_kind = 'account' and target_id = ?)`,
    [modelId, versionId, ownerId],
  );
  return found.reduce((sum, row) => sum | toNumber(row.restrictions), 0);
}

/** Writes what follows from the versions onto the model; the caller flushes. */
export async function refresh(em: Work['em'], model: Model): Promise<void> {
  const versions = await em.find(ModelVersion, { model }, { orderBy: { position: 1 } });
  const restrictions = await loadRestrictions(em, model.owner.id, model.id);
  const hidden = await listShutVersions(em, model.id);
  refreshModel(
    model,
    versions,
    versions.filter(({ id }) => !hidden.has(id)),
    { isShut: isShut(restrictions), isDelisted: (restrictions & RESTRICTION.list) !== 0 },
  );
  if ((restrictions & RESTRICTION.explicit) !== 0) model.level = RATING.pg;
}

/** Versions of a model that nobody sees by a decision. */
export async function listShutVersions(em: Work['em'], modelId: number): Promise<ReadonlySet<number>> {
  const found = await rows<{ id: number }>(
    em,
    `select v.id from model_version v join policy_state s on s.target_kind = 'version' and s.target_id = v.id
     where v.model_id = ? and (s.restrictions & ${SHUT}) <> 0`,
    [modelId],
  );
  return new Set(found.map(({ id }) => id));
}
