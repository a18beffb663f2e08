import { type Loaded, ref } from '@mikro-orm/core';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import { offeredNames } from './downloads/file-names.ts';
import { fileStored } from './events.ts';
import type { Detection } from './files/detect.ts';
import type { Inspection } from './files/inspect.ts';
import { matchLicense } from './licences.ts';
import { Lineage, type Model, ModelFile, type ModelVersion } from './model.ts';
import type { ScanResult } from './uploads/judge.ts';
import type { StoredHashes } from './uploads/model.ts';

export type VersionWithModel = Loaded<ModelVersion, 'model'>;

/** Bytes that the store holds, and all that is known of them. */
export interface KnownFile {
  readonly fileName: string;
  readonly kind: ModelFile['kind'];
  readonly totalBytes: number;
  readonly hashes: StoredHashes;
  readonly inspection: Inspection;
  readonly virusScanResult: ScanResult;
  readonly virusScanMessage: string | null;
}

/**
 * Gives a version a file, and fills in what its owner has not said. The caller flushes, in the same transaction in which
 * the blob loses its other reason to be kept. `version.model` must be loaded.
 */
export async function addFile(
  { em, now }: Pick<Work, 'em' | 'now'>,
  version: VersionWithModel,
  known: KnownFile,
): Promise<ModelFile> {
  const { detection, format, pickle } = known.inspection;
  const model = version.model.$;
  const files = await em.find(ModelFile, { version }, { orderBy: { id: 1 } });
  const isWeights = format !== 'Other';
  const file = em.create(
    ModelFile,
    {
      version,
      name: known.fileName,
      originalName: known.fileName,
      kind: isWeights ? known.kind : companionKind(known.fileName, known.kind),
      format,
      precision: (detection?.precision?.value ?? '').slice(0, 12),
      isPrimary: isWeights && !files.some(({ isPrimary }) => isPrimary),
      totalBytes: known.totalBytes,
      ...known.hashes,
      ...pickleVerdict(format, pickle),
      virusScanResult: known.virusScanResult,
      virusScanMessage: known.virusScanMessage,
      scannedAt: now(),
      facts: detection ? { ...detection } : null,
      createdAt: now(),
    },
    { persist: true },
  );
  if (detection && file.isPrimary) await prefill(em, version, detection, known.fileName);
  else if (model.name === '') model.name = nameOf(known.fileName);
  renameFiles(model, version, [...files, file]);
  await em.flush();
  record(em, fileStored, { fileId: file.id, versionId: version.id });
  return file;
}

export function renameFiles(model: Model, version: ModelVersion, files: readonly ModelFile[]): void {
  const names = offeredNames(model, version, files);
  files.forEach((file, n) => {
    file.name = names[n] ?? file.name;
  });
}

/** `Success` for what our own parser went through to its end (DESIGN.md ruling 13). */
function pickleVerdict(format: Inspection['format'], pickle: Inspection['pickle']) {
  if (format === 'SafeTensor' || format === 'GGUF') {
    return { pickleScanResult: 'Success' as const, pickleScanMessage: null };
  }
  return { pickleScanResult: pickle?.result ?? ('Pending' as const), pickleScanMessage: pickle?.message ?? null };
}

function companionKind(fileName: string, wanted: ModelFile['kind']): ModelFile['kind'] {
  if (wanted !== 'Model') return wanted;
  return /\.zip$/i.test(fileName) ? 'Archive' : /\.(?:ya?ml|json|toml)$/i.test(fileName) ? 'Config' : 'Other';
}

/** Only what is still empty: the person's word stands (spec/model-files.md, detection order). */
async function prefill(
  em: Work['em'],
  version: VersionWithModel,
  { type, baseModel, triggerWords, settings, lineage, title, description, license }: Detection,
  fileName: string,
): Promise<void> {
  const model = version.model.$;
  if (model.name === '') model.name = (title?.value ?? nameOf(fileName)).slice(0, 120);
  if (model.type === 'Other' && model.state === 'draft' && type) model.type = type.value;
  if (model.description === '' && description) model.description = description.value;
  if (model.licenseId === '' && license) model.licenseId = matchLicense(license.value) ?? '';
  if (version.baseModel === '' && baseModel) version.baseModel = baseModel.value;
  if (model.baseModel === '') model.baseModel = version.baseModel;
  if (version.trainedWords.length === 0 && triggerWords) version.trainedWords = [...triggerWords.value];
  if (Object.keys(version.trainingSettings).length === 0) version.trainingSettings = { ...settings };
  const known = version.createdAt && (await em.count(Lineage, { child: version }));
  if (known) return;
  for (const { value } of lineage) {
    const parent = value.hash ? await findByHash(em, value.hash, model.owner.id) : null;
    em.create(
      Lineage,
      {
        id: newId(),
        child: ref(version),
        parent,
        parentName: value.name.slice(0, 200),
        parentHash: value.hash,
        kind: value.kind,
        basis: 'file',
        weight: value.weight,
      },
      { persist: true },
    );
  }
}

/** The version that has this file, by any of its whole hashes or the short form of one: an open one, or this person's. */
export async function findByHash(em: Work['em'], hash: string, personId: number): Promise<ModelVersion | null> {
  const isShort = hash.length < 64;
  const matches = (column: string) => ({ [column]: isShort ? { $like: `${hash}%` } : hash });
  const file = await em.findOne(
    ModelFile,
    {
      $or: [matches('sha256'), matches('tensorSha256')],
      version: { state: 'published', model: { $or: [{ visibility: { $ne: 'followers' } }, { owner: personId }] } },
    },
    { orderBy: { id: 1 }, populate: ['version'] },
  );
  return file?.version.$ ?? null;
}

/** `ink_wash-v2.safetensors` → `ink wash v2`. */
const nameOf = (fileName: string): string =>
  fileName
    .replace(/\.[A-Za-z0-9]{1,12}$/, '')
    .replace(/[_]+/g, ' ')
    .trim()
    .slice(0, 120);
