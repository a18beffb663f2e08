import type { Account } from '../../accounts/model.ts';
import { modelDeleted, modelPublished, modelUpdated, versionPublished } from '../../catalogue/events.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { scrubFileName } from '../../catalogue/names/de-attribute.ts';
import { listLockedNames } from '../../catalogue/names/lock.ts';
import { type Scrubber, scrubberOf, scrubDeep } from '../../catalogue/names/scrub.ts';
import { refresh } from '../../catalogue/publish.ts';
import { setModelTags } from '../../catalogue/tags.ts';
import { COMMERCIAL_USES, MODEL_TYPES } from '../../catalogue/types.ts';
import { resolveVersionJob } from '../../gallery/images/resolve.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { holdWords } from '../../safety/words/hold.ts';
import type { Federation } from '../deps.ts';
import { findGoneDigests } from '../heeding/digests.ts';
import { effectsOfUri } from '../peers/rule.ts';
import { parseModel, type RemoteModel, type VersionView } from '../vocabulary/model.ts';
import { type ProvenObject, storeObject } from './store.ts';
import { readTold } from './words/read-words.ts';
import { sourceOf } from './words/source.ts';
import { fileFacts, versionFacts, writeParents } from './write-details.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now'>;

/** Writes a peer's model with its versions and files; the bytes of files stay there. Again, or older, is harmless. */
export async function ingestModel(
  { em, jobs, words, now }: Task,
  { origin }: Pick<Federation, 'origin'>,
  owner: Account,
  proven: ProvenObject,
  authorFollowersUri: string | null,
): Promise<void> {
  const options = { ownOrigin: origin, now: now(), authorFollowersUri };
  const heard = parseModel(proven.object, options);
  const { visibility } = heard;
  // a model has no circle of named people
  if (visibility === 'direct') return;
  const heldFor = await readTold({ em: em.fork(), words }, owner, proven.object, options);
  await em.transactional(async (inner) => {
    if (!(await storeObject({ em: inner, now }, proven))) return;
    const known = await inner.findOne(Model, { uri: heard.uri });
    if (known && known.owner.id !== owner.id) return;
    // a name that was removed here after a claim does not come back by an Update
    const scrubber = known && scrubberOf(await listLockedNames(inner, known.id));
    const told = scrubber ? scrubTold(heard, scrubber) : heard;
    const source = sourceOf(proven.object);
    const description = source !== null && scrubber ? scrubber.scrub(source, MASK) : source;
    const facts = { ...factsOf(told, description, now()), visibility };
    const { rejectsFiles, forcedLevel } = await effectsOfUri(inner, told.uri);
    if (forcedLevel !== null) facts.level = (facts.level & ~(forcedLevel - 1)) | forcedLevel;
    const model =
      known ??
      inner.create(
        Model,
        { owner, isLocal: false, uri: told.uri, createdAt: told.publishedAt, ...facts },
        { persist: true },
      );
    if (known) Object.assign(known, facts, { deletedAt: null });
    await inner.flush();
    await setModelTags(
      inner,
      model,
      told.tagNames.slice(0, 20).map((name) => name.slice(0, 60)),
    );
    const fresh = await writeVersions({ em: inner, now }, origin, model, told, rejectsFiles);
    model.publishedAt = told.publishedAt;
    if (heldFor !== null) await holdWords(inner, { kind: 'model', id: model.id }, owner.id, heldFor, now());
    await refresh(inner, model);
    record(inner, known ? modelUpdated : modelPublished, { modelId: model.id });
    for (const version of fresh) {
      if (known) record(inner, versionPublished, { modelId: model.id, versionId: version.id });
      jobs.enqueue(inner, resolveVersionJob, { versionId: version.id });
    }
    await inner.flush();
  });
}

const MASK = '▇▇▇';

/** The words of a model without names; addresses and hashes stay as they are. */
function scrubTold(told: RemoteModel, scrubber: Scrubber): RemoteModel {
  return {
    ...told,
    title: told.title === null ? null : scrubber.scrub(told.title) || 'Untitled',
    contentHtml: scrubber.scrub(told.contentHtml, MASK),
    tagNames: told.tagNames.filter((name) => !scrubber.has(name)),
    versions: told.versions.map((version) => ({
      ...version,
      versionName: scrubber.scrub(version.versionName) || 'v1',
      changelogHtml: scrubber.scrub(version.changelogHtml, MASK),
      trainedWords: version.trainedWords.map((word) => scrubber.scrub(word)).filter((word) => word !== ''),
      ...(version.details ? { details: scrubDeep(version.details, scrubber, MASK) } : {}),
      files: version.files.map((file) => ({ ...file, name: scrubFileName(file.name, scrubber) })),
    })),
  };
}

function factsOf(told: RemoteModel, description: string | null, now: Date) {
  const { commercialUse = [], derivatives, differentLicence, creditRequired, generation } = told.permissions;
  return {
    name: (told.title ?? 'Untitled').slice(0, 120),
    type: MODEL_TYPES.find((type) => type === told.modelType) ?? ('Other' as const),
    description: description ?? told.contentHtml,
    level: told.rating & 31 || 2,
    url: told.url,
    claimedDownloadCount: told.claimedDownloadCount,
    feedUri: told.feedUri,
    claimedLikeCount: told.likeCount,
    licenseId: told.licenseId ?? '',
    allowCommercialUse: COMMERCIAL_USES.filter((use) => commercialUse.includes(use)),
    allowDerivatives: derivatives ?? false,
    allowDifferentLicense: differentLicence ?? false,
    allowNoCredit: creditRequired === undefined ? false : !creditRequired,
    forbidsGeneration: generation === false,
    isPoi: told.details?.poi ?? false,
    isMinor: told.details?.minor ?? false,
    isSfwOnly: told.details?.sfwOnly ?? false,
    updatedAt: told.updatedAt ?? now,
  };
}

async function writeVersions(
  { em, now }: Pick<Work, 'em' | 'now'>,
  origin: string,
  model: Model,
  told: RemoteModel,
  rejectsFiles: boolean,
): Promise<ModelVersion[]> {
  const fresh: ModelVersion[] = [];
  const uris = told.versions.map(({ uri }) => uri);
  for (const [position, view] of told.versions.entries()) {
    const known = await em.findOne(ModelVersion, { uri: view.uri });
    if (known && known.model.id !== model.id) continue;
    const facts = {
      position,
      name: view.versionName.slice(0, 80),
      baseModel: (view.baseModel ?? 'Other').slice(0, 60),
      changelog: view.changelogHtml,
      trainedWords: [...view.trainedWords],
      ...versionFacts(view.details),
      state: 'published' as const,
      publishedAt: view.publishedAt ?? told.publishedAt,
      updatedAt: told.updatedAt ?? now(),
      deletedAt: null,
    };
    const version =
      known ??
      em.create(ModelVersion, { model, uri: view.uri, createdAt: facts.publishedAt, ...facts }, { persist: true });
    if (known) Object.assign(known, facts);
    else fresh.push(version);
    await em.flush();
    await writeFiles({ em, now }, version, rejectsFiles ? [] : view.files);
    await writeParents({ em }, origin, version, view.details?.parents ?? []);
  }
  const gone = await em.find(ModelVersion, { model, uri: { $nin: uris }, state: 'published' });
  for (const version of gone) Object.assign(version, { state: 'deleted', deletedAt: now() });
  await em.nativeDelete(ModelFile, { version: { $in: gone.map(({ id }) => id) } });
  await em.flush();
  return fresh;
}

/** By SHA-256; a file without one is not listed, because nobody could check what they downloaded. */
async function writeFiles({ em, now }: Pick<Work, 'em' | 'now'>, version: ModelVersion, files: VersionView['files']) {
  const known = await em.find(ModelFile, { version });
  const gone = await findGoneDigests(em, files);
  const told = files.filter(({ hashes: { sha256 = '' } }) => /^[0-9a-f]{64}$/.test(sha256) && !gone.has(sha256));
  const kept = new Set(told.map(({ hashes }) => hashes.sha256));
  // a copy that is kept here goes with what it is a copy of
  for (const file of known) if (!kept.has(file.sha256)) em.remove(file);
  for (const [n, view] of told.entries()) {
    const { sha256 = '' } = view.hashes;
    const before = known.find((file) => file.sha256 === sha256);
    const facts = fileFacts(view, n);
    // what was computed here from the bytes stands above what a peer says of them
    if (before?.isStored)
      Object.assign(before, { name: facts.name, remoteUrl: facts.remoteUrl, isPrimary: facts.isPrimary });
    else if (before) Object.assign(before, facts);
    else em.create(ModelFile, { version, sha256, isStored: false, createdAt: now(), ...facts }, { persist: true });
  }
  await em.flush();
}

/** A peer's model is gone: its row stays as a mark, its files and words do not. */
export async function removeModel({ em, now }: Pick<Work, 'em' | 'now'>, modelId: number): Promise<void> {
  await em.transactional(async (inner) => {
    const model = await inner.findOne(Model, { id: modelId, isLocal: false });
    if (!model || model.state === 'deleted') return;
    const versions = await inner.find(ModelVersion, { model });
    await inner.nativeDelete(ModelFile, { version: { $in: versions.map(({ id }) => id) } });
    for (const version of versions) Object.assign(version, { state: 'deleted', deletedAt: now() });
    const end = {
      state: 'deleted',
      deletedAt: now(),
      purgedAt: now(),
      listedAt: null,
      shownAt: null,
      description: '',
      coverImageId: null,
    };
    Object.assign(model, end);
    record(inner, modelDeleted, { modelId });
    await inner.flush();
  });
}
