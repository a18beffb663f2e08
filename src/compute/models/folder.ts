import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { EntityManager } from '@mikro-orm/core';
import { inspectFile } from '../../catalogue/files/inspect.ts';
import type { Log } from '../../kit/log.ts';
import { FolderModel } from '../model.ts';

/**
 * Registers the checkpoints of the operator's folder by the hash of their bytes, so that pictures made with them link
 * themselves when the same model is published. A file is read whole once; then its time and length tell that it is the
 * same. Files that are gone, or are no checkpoints, are not offered.
 */
export async function registerModelsFolder(
  fork: () => EntityManager,
  folder: string,
  { log, now, signal }: { readonly log: Log; readonly now: () => Date; readonly signal: AbortSignal },
): Promise<void> {
  const paths = await listFiles(folder);
  const em = fork();
  const known = new Map((await em.find(FolderModel, {})).map((row) => [row.path, row]));
  for (const path of paths) {
    if (signal.aborted) return;
    const { size, mtime } = await stat(join(folder, path));
    const before = known.get(path);
    known.delete(path);
    if (before && before.totalBytes === size && before.modifiedAt.getTime() === Math.floor(mtime.getTime())) continue;
    const { detection, refusal } = await inspectFile(join(folder, path), path);
    const baseModel = detection?.baseModel?.value ?? 'Other';
    if (refusal || detection?.type?.value !== 'Checkpoint') {
      log.info({ path, why: refusal ?? `a ${detection?.type?.value ?? 'file of an unknown kind'}` }, 'not offered');
      if (before) await em.remove(before).flush();
      continue;
    }
    const sha256 = await hashOf(join(folder, path), signal);
    if (before) await em.remove(before).flush();
    const modifiedAt = new Date(Math.floor(mtime.getTime()));
    await em.upsert(FolderModel, { sha256, path, baseModel, totalBytes: size, modifiedAt, seenAt: now() });
    log.info({ path, sha256, baseModel }, 'checkpoint offered');
  }
  for (const gone of known.values()) em.remove(gone);
  await em.flush();
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.safetensors$/i.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => path.length <= 500)
    .sort();
}

async function hashOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  return hash.digest('hex');
}
