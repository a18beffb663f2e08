import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { renameFiles } from '../attach.ts';
import { remakeFile } from '../editing/files.ts';
import { MAX_HEADER_BYTES } from '../files/safetensors.ts';
import { scrubMetadata } from '../files/strip-metadata.ts';
import { Lineage, Model, ModelFile, ModelVersion } from '../model.ts';
import { listModelTags, setModelTags } from '../tags.ts';
import type { Uploads } from '../uploads/uploads.ts';
import { type Scrubber, scrubDeep } from './scrub.ts';

/** The words of a model before a name was taken out of them. */
export interface WordsBefore {
  readonly model: Pick<Model, 'name' | 'description'>;
  readonly tags: readonly string[];
  readonly versions: readonly Pick<ModelVersion, 'id' | 'name' | 'changelog' | 'trainedWords' | 'trainingSettings'>[];
}

/**
 * Takes names out of every word of a model: title (and the slug that is made of it), description, tags, versions, trigger
 * words, names of files, and what others say that they were made from. In the caller's transaction, which flushes.
 */
export async function scrubWords(
  em: EntityManager,
  modelId: number,
  scrubber: Scrubber,
  now: Date,
): Promise<WordsBefore | null> {
  const model = await em.findOne(Model, modelId);
  if (!model) return null;
  const versions = await em.find(ModelVersion, { model }, { orderBy: { id: 1 } });
  const tags = await listModelTags(em, modelId);
  const before: WordsBefore = {
    model: { name: model.name, description: model.description },
    tags,
    versions: versions.map(({ id, name, changelog, trainedWords, trainingSettings }) => {
      return { id, name, changelog, trainedWords: [...trainedWords], trainingSettings: { ...trainingSettings } };
    }),
  };
  model.name = scrubber.scrub(model.name) || `Model ${modelId}`;
  model.description = scrubber.scrub(model.description);
  model.updatedAt = now;
  await setModelTags(
    em,
    model,
    tags.filter((tag) => !scrubber.has(tag)),
  );
  for (const version of versions) {
    version.name = scrubber.scrub(version.name) || `v${version.id}`;
    version.changelog = scrubber.scrub(version.changelog);
    version.trainedWords = version.trainedWords.map((word) => scrubber.scrub(word)).filter((word) => word !== '');
    version.trainingSettings = scrubDeep(version.trainingSettings, scrubber, '***');
    const files = await em.find(ModelFile, { version }, { orderBy: { id: 1 } });
    for (const file of files) {
      file.originalName = scrubFileName(file.originalName || file.name, scrubber);
      if (file.facts) file.facts = scrubDeep(file.facts, scrubber, '***');
    }
    renameFiles(model, version, files);
    for (const file of files) file.name = scrubFileName(file.name, scrubber);
  }
  const ids = versions.map(({ id }) => id);
  for (const edge of await em.find(Lineage, { $or: [{ parent: { $in: ids } }, { child: { $in: ids } }] })) {
    edge.parentName = scrubber.scrub(edge.parentName);
  }
  await em.flush();
  return before;
}

/** `jane-doe_v2.safetensors` → `v2.safetensors`; what is nothing else is called after its kind. */
export function scrubFileName(name: string, scrubber: Scrubber): string {
  if (!scrubber.has(name)) return name;
  const ending = /\.[A-Za-z0-9]{1,12}$/.exec(name)?.[0] ?? '';
  const stem = scrubber.scrub(name.slice(0, name.length - ending.length)).replace(/^[\s._-]+|[\s._-]+$/g, '');
  return `${stem || 'model'}${ending}`;
}

/** Puts words back as they were, apart from what its owner changed since. */
export async function restoreWords(em: EntityManager, modelId: number, before: WordsBefore): Promise<void> {
  const model = await em.findOne(Model, modelId);
  if (!model) return;
  Object.assign(model, before.model);
  await setModelTags(em, model, before.tags);
  for (const { id, ...words } of before.versions) await em.nativeUpdate(ModelVersion, { id, model }, words);
  await em.flush();
}

/**
 * Makes anew every file of these versions whose header bears one of the names. The tensors pass untouched; the row says
 * which digest it replaces. Returns the digests that are no more to be taken.
 */
export async function reissueFiles(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  uploads: Pick<Uploads, 'receiving'>,
  modelId: number,
  scrubber: Scrubber,
): Promise<string[]> {
  const found = await rows<{ id: number }>(
    em,
    `select f.id from model_file f join model_version v on v.id = f.version_id
     where v.model_id = ? and f.format = 'SafeTensor' and f.is_stored = ? order by f.id`,
    [modelId, true],
  );
  const replaced: string[] = [];
  for (const { id } of found) {
    const own = em.fork();
    const file = await own.findOne(ModelFile, id);
    if (!file || !(await hasName(files, file, scrubber))) continue;
    const { sha256 } = file;
    const work = { em: own, files, now };
    await remakeFile(work, uploads, file, scrubMetadata(file.totalBytes, scrubber), new AbortController().signal, {
      replaces: sha256,
    });
    replaced.push(sha256);
  }
  return replaced;
}

/** Reads the header alone. */
async function hasName(files: Work['files'], { sha256 }: ModelFile, scrubber: Scrubber): Promise<boolean> {
  const start = await bytesOf(files, sha256, 0, 7);
  const length = Math.min(Number(start.readBigUInt64LE(0)), MAX_HEADER_BYTES);
  const header = await bytesOf(files, sha256, 8, 7 + length);
  const { __metadata__: metadata = {} } = JSON.parse(header.toString('utf8')) as { __metadata__?: object };
  return scrubber.has(Object.entries(metadata).flat().join('\n'));
}

async function bytesOf(files: Work['files'], sha256: string, start: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of files.open(sha256, { start, end })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
