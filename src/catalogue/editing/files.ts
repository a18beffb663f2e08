import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { isShut } from '../../safety/standing.ts';
import { renameFiles } from '../attach.ts';
import { fileStored } from '../events.ts';
import type { Detection } from '../files/detect.ts';
import { storedHashes } from '../files/hash.ts';
import { stripMetadata } from '../files/strip-metadata.ts';
import { ModelFile, ModelVersion } from '../model.ts';
import { loadOwnVersion } from '../own.ts';
import { loadRestrictions } from '../publish.ts';
import { FILE_KINDS } from '../types.ts';
import type { Uploads } from '../uploads/uploads.ts';

export const FileForm = z.object({ kind: z.enum(FILE_KINDS, 'Choose a kind.') });

async function loadOwnFile(work: Pick<Work, 'em' | 'viewer'>, fileId: number) {
  const file = await work.em.findOne(ModelFile, fileId);
  if (!file) throw new AppError('not_found', 'There is no such file.');
  return { file, version: await loadOwnVersion(work, file.version.id) };
}

/** Says what a file is for. Returns the id of its version. */
export async function editFile(
  work: Pick<Work, 'em' | 'viewer'>,
  fileId: number,
  { kind }: z.output<typeof FileForm>,
): Promise<number> {
  const { file, version } = await loadOwnFile(work, fileId);
  file.kind = kind;
  const files = await work.em.find(ModelFile, { version }, { orderBy: { id: 1 } });
  choosePrimary(files);
  renameFiles(version.model.$, version, files);
  await work.em.flush();
  return version.id;
}

/** Throws `conflict` for the last file of what is public. */
export async function removeFile(work: Pick<Work, 'em' | 'viewer'>, fileId: number): Promise<number> {
  const { file, version } = await loadOwnFile(work, fileId);
  const others = await work.em.find(ModelFile, { version, id: { $ne: fileId } }, { orderBy: { id: 1 } });
  if (others.length === 0 && version.state === 'published') {
    throw new AppError('conflict', 'A public version needs a file. Add the new one first, or unpublish it.');
  }
  work.em.remove(file);
  choosePrimary(others);
  renameFiles(version.model.$, version, others);
  await work.em.flush();
  return version.id;
}

/** The first file of weights is the one that a download without a wish gets. */
function choosePrimary(files: readonly ModelFile[]): void {
  const isMain = ({ kind, format }: ModelFile) => format !== 'Other' && (kind === 'Model' || kind === 'Pruned Model');
  const chosen = files.find((file) => file.isPrimary && isMain(file)) ?? files.find(isMain) ?? files[0];
  for (const file of files) file.isPrimary = file === chosen;
}

const PATIENCE_MS = 4_000;

/** Puts the stripping into the queue and waits a moment, because most files are small. */
export async function requestStrip(
  work: Pick<Work, 'em' | 'viewer' | 'jobs'>,
  uploads: Uploads,
  openWork: () => Work,
  fileId: number,
): Promise<number> {
  const { file, version } = await loadOwnFile(work, fileId);
  const { sha256 } = file;
  work.jobs.enqueue(work.em, uploads.stripJob, { fileId }, { dedupeKey: `strip ${fileId}` });
  await work.em.flush();
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const now = await openWork().em.findOne(ModelFile, fileId);
    if (!now || now.sha256 !== sha256) break;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  return version.id;
}

/**
 * Makes the file anew without what tells about the trainer's pictures and machine. SHA-256 changes, AutoV3 stays. The
 * row turns to the new blob in one step; the old one is collected.
 */
export async function stripFile(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  uploads: Pick<Uploads, 'receiving'>,
  fileId: number,
  signal: AbortSignal,
): Promise<void> {
  const file = await em.findOne(ModelFile, { id: fileId, format: 'SafeTensor', isStored: true });
  const keys = ((file?.facts ?? {}) as Partial<Detection>).privateKeys ?? [];
  if (!file || keys.length === 0) return;
  // asked again here: what a decision took since stays as it is, for whoever looks at it
  const version = await em.findOneOrFail(ModelVersion, file.version.id, { populate: ['model'] });
  const { owner, id: modelId } = version.model.$;
  if (isShut(await loadRestrictions(em, owner.id, modelId, version.id))) return;
  await remakeFile({ em, files, now }, uploads, file, stripMetadata(file.totalBytes), signal);
}

/** Has the file made anew by `rewriting`; a row that says `replaces` names the digest that it had before. */
export async function remakeFile(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  { receiving }: Pick<Uploads, 'receiving'>,
  file: ModelFile,
  rewriting: Transform,
  signal: AbortSignal,
  facts: Partial<Pick<ModelFile, 'replaces'>> = {},
): Promise<void> {
  const id = newId();
  const path = receiving.pathOf(id);
  try {
    await pipeline(files.open(file.sha256), rewriting, createWriteStream(path, { flags: 'wx' }), { signal });
    const { size } = await stat(path);
    const hashes = storedHashes(await receiving.fingerprint(id, size, signal));
    const { detection } = await receiving.inspect(id, file.originalName || file.name);
    await files.put({ path, sha256: hashes.sha256, trustSha256: true, move: true });
    const found = { totalBytes: size, facts: detection ? { ...detection } : null, scannedAt: now() };
    Object.assign(file, { ...hashes, ...found, ...facts });
    record(em, fileStored, { fileId: file.id, versionId: file.version.id });
    await em.flush();
  } finally {
    await rm(path, { force: true });
  }
}
