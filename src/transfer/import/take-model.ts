import { createModel, createVersion } from '../../catalogue/create.ts';
import { saveVersion, settingsText, VersionForm } from '../../catalogue/edit.ts';
import { isLicense } from '../../catalogue/licences.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { publishVersion } from '../../catalogue/publish.ts';
import { listModelTags } from '../../catalogue/tags.ts';
import { attachFile } from '../../catalogue/uploads/take.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import { RATINGS } from '../../safety/ratings.ts';
import { type FileDoc, ModelDoc, type VersionDoc } from '../format.ts';
import { isHeld } from './held.ts';
import { findMark, findVersionHere, keepMark } from './marks.ts';
import { pinHere, problemOf, type Taken, type Taking, withBytes } from './taking.ts';

/** A version is whole when its files and words are here; its mark says so, and a second run leaves it alone. */
const wholeOf = ({ uri }: VersionDoc): string => `${uri}#whole`;

/** A model with its versions and files, by the services behind the pages. Cut off anywhere, the next run goes on. */
export async function takeModel(taking: Taking, plan: unknown): Promise<Taken> {
  const doc = ModelDoc.parse(plan);
  const { em, viewer } = taking.work;
  const problems: string[] = [];
  const notes: string[] = [];
  const known = await findModel(taking, doc);
  let [made, isFirst] = [known === null ? 1 : 0, known === null];
  let modelId = known;
  // the oldest first: a new version goes before those that are there
  for (const version of [...doc.versions].reverse()) {
    taking.signal.throwIfAborted();
    const whole = await findMark(em, viewer.id, wholeOf(version));
    if (whole && (await em.fork().count(ModelVersion, { id: Number(whole.targetId), state: { $ne: 'deleted' } })) > 0)
      continue;
    const { id, isNew } = await ensureVersion(taking, doc, version, modelId);
    modelId ??= (await em.fork().findOneOrFail(ModelVersion, id)).model.id;
    made += 1;
    const lost = await takeFiles(taking, id, version.files, notes);
    problems.push(...lost.map((line) => `${version.name}: ${line}`));
    // what somebody wrote on a model that came earlier stays
    const words = isFirst || (isNew && known === null) ? doc : await wordsHere(taking, modelId, doc);
    isFirst = false;
    await save(taking, id, words, version);
    if (lost.length > 0) continue;
    await keepMark(em.fork(), viewer.id, wholeOf(version), { kind: 'version', targetId: id }, taking.work.now());
    if (taking.publishes && doc.state === 'published' && version.state === 'published') {
      await publish(taking, id, version).catch((error: unknown) => {
        notes.push(`${version.name}: ${problemOf(error, taking.signal)}`);
      });
    }
  }
  if (modelId === null) throw new AppError('invalid', t('import.no-versions'));
  if (doc.isPinned && made > 0) notes.push(...(await pinHere(taking, { kind: 'model', id: modelId })));
  const path = `/models/${modelId}`;
  return { path, isKnown: made === 0, isHeld: await isHeld(em, 'model', modelId), problems, notes };
}

/** The model that it became, unless that was deleted since. */
async function findModel({ work: { em, viewer } }: Taking, { uri }: ModelDoc): Promise<number | null> {
  const mark = await findMark(em, viewer.id, uri);
  if (mark?.kind !== 'model') return null;
  const id = Number(mark.targetId);
  return (await em.fork().count(Model, { id, owner: viewer.id, state: { $ne: 'deleted' } })) > 0 ? id : null;
}

async function ensureVersion(
  taking: Taking,
  doc: ModelDoc,
  version: VersionDoc,
  modelId: number | null,
): Promise<{ id: number; isNew: boolean }> {
  const { work } = taking;
  const mark = modelId === null ? null : await findMark(work.em, work.viewer.id, version.uri);
  if (mark?.kind === 'version') {
    const id = Number(mark.targetId);
    if ((await work.em.fork().count(ModelVersion, { id, state: { $ne: 'deleted' } })) > 0) return { id, isNew: false };
  }
  return work.em.fork().transactional(async (em) => {
    const task = { ...work, em };
    const made =
      modelId === null
        ? await createModel(task, { name: doc.name, type: doc.type, versionName: version.name || 'v1.0' })
        : await createVersion(task, modelId, version.name);
    const now = work.now();
    if (modelId === null) await keepMark(em, work.viewer.id, doc.uri, { kind: 'model', targetId: made.model.id }, now);
    await keepMark(em, work.viewer.id, version.uri, { kind: 'version', targetId: made.id }, now);
    return { id: made.id, isNew: true };
  });
}

/** Returns what did not come in. */
async function takeFiles(
  taking: Taking,
  versionId: number,
  files: readonly FileDoc[],
  notes: string[],
): Promise<string[]> {
  const { work, uploads, signal } = taking;
  const lost: string[] = [];
  for (const { name, kind, sha256, totalBytes, path } of files) {
    signal.throwIfAborted();
    if (path === null) {
      notes.push(t('import.left-out', { name }));
      continue;
    }
    if (sha256 && (await work.em.fork().count(ModelFile, { version: versionId, sha256 })) > 0) continue;
    try {
      const wanted = { place: path, sha256, totalBytes, mostBytes: uploads.limits.maxUploadBytes };
      await withBytes(taking, wanted, async (from, bytes) => {
        const file = { path: from, fileName: name, totalBytes: bytes, versionId, kind, move: true };
        await attachFile({ ...work, em: work.em.fork() }, uploads, file);
      });
    } catch (error) {
      lost.push(`${name}: ${problemOf(error, signal)}`);
    }
  }
  return lost;
}

type Words = Omit<ModelDoc, 'uri' | 'state' | 'versions'>;

async function wordsHere({ work: { em } }: Taking, modelId: number, doc: ModelDoc): Promise<Words> {
  const fork = em.fork();
  const model = await fork.findOneOrFail(Model, modelId);
  return {
    ...doc,
    ...{ name: model.name || doc.name, type: model.type, description: model.description, level: model.level },
    ...{ visibility: model.visibility, licenseId: model.licenseId, tags: await listModelTags(fork, modelId) },
    ...{ allowNoCredit: model.allowNoCredit, allowCommercialUse: model.allowCommercialUse },
    ...{ allowDerivatives: model.allowDerivatives, allowDifferentLicense: model.allowDifferentLicense },
    ...{ forbidsGeneration: model.forbidsGeneration },
    ...{ isPoi: model.isPoi, isMinor: model.isMinor, isSfwOnly: model.isSfwOnly },
  };
}

/** As the form of the page sends it, so that its rules are the only ones. */
async function save(taking: Taking, versionId: number, words: Words, version: VersionDoc): Promise<void> {
  const { work } = taking;
  const flag = (isOn: boolean) => (isOn ? '1' : undefined);
  const parents = await Promise.all(version.parents.map((parent) => parentText(taking, parent)));
  const parsed = VersionForm.safeParse({
    ...{ name: words.name, type: words.type, description: words.description, tags: words.tags.join(',') },
    licenseId: isLicense(words.licenseId) ? words.licenseId : '',
    allowNoCredit: flag(words.allowNoCredit),
    allowCommercialUse: words.allowCommercialUse,
    allowDerivatives: flag(words.allowDerivatives),
    allowDifferentLicense: flag(words.allowDifferentLicense),
    forbidsGeneration: flag(words.forbidsGeneration),
    ...{ isPoi: flag(words.isPoi), isMinor: flag(words.isMinor), isSfwOnly: flag(words.isSfwOnly) },
    level: RATINGS.find((level) => level === words.level) ?? 1,
    visibility: words.visibility,
    ...{ versionName: version.name, baseModel: version.baseModel, trainedWords: version.trainedWords.join('\n') },
    changelog: version.changelog,
    clipSkip: version.clipSkip === null ? '' : String(version.clipSkip),
    recommendedWeight: version.recommendedWeight === null ? '' : String(version.recommendedWeight),
    settings: settingsText(version.trainingSettings),
    parentKind: version.parents.map(({ kind }) => kind),
    parentText: parents,
    parentWeight: version.parents.map(({ weight }) => (weight === null ? '' : String(weight))),
  });
  if (!parsed.success) throw new AppError('invalid', parsed.error.issues[0]?.message ?? t('import.bad-document'));
  const form = taking.source.isExact ? parsed.data : await filledIn(taking, versionId, parsed.data);
  await saveVersion({ ...work, em: work.em.fork() }, versionId, form);
}

/** What the source leaves open and the header of a file said stays. */
async function filledIn<Form extends ReturnType<typeof VersionForm.parse>>(
  { work: { em } }: Taking,
  versionId: number,
  form: Form,
): Promise<Form> {
  const version = await em.fork().findOneOrFail(ModelVersion, versionId, { populate: ['model'] });
  const model = version.model.$;
  return {
    ...form,
    name: form.name || model.name,
    type: form.type === 'Other' ? model.type : form.type,
    description: form.description || model.description,
    licenseId: form.licenseId || model.licenseId,
    versionName: form.versionName || version.name,
    baseModel: form.baseModel || version.baseModel,
    trainedWords: form.trainedWords.length > 0 ? form.trainedWords : version.trainedWords,
    settings: Object.keys(form.settings).length > 0 ? form.settings : version.trainingSettings,
  };
}

async function parentText(
  { work: { em, viewer }, nodeOrigin }: Taking,
  { uri, name, hash }: VersionDoc['parents'][number],
): Promise<string> {
  const versionId = uri === null ? null : await findVersionHere(em.fork(), viewer.id, nodeOrigin, uri);
  return versionId === null ? name || (hash ?? '') : `/versions/${versionId}`;
}

/** With the day on which it was public there, so that a move does not make everything new. */
async function publish({ work }: Taking, versionId: number, { publishedAt }: VersionDoc): Promise<void> {
  const em = work.em.fork();
  const day = publishedAt === null ? null : new Date(publishedAt);
  if (day && day < work.now())
    await em.nativeUpdate(ModelVersion, { id: versionId, publishedAt: null }, { publishedAt: day });
  await publishVersion({ ...work, em }, versionId);
}
