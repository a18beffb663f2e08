import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isMissing, storageError } from './failures.ts';

/** Four times the default halve the cost of a stream; more gain little (1 GB over loopback) and cost memory per reader. */
export const READ_BYTES = 256 * 1024;

export interface Intake {
  readonly path: string;
  readonly sha256: string;
  readonly totalBytes: number;
}

/** Writes the source into a new file of `folder`, flushed to the disk. On any error the file is gone again. */
export async function takeIn(source: Readable | Uint8Array, folder: string): Promise<Intake> {
  const path = join(folder, randomUUID());
  const handle = await open(path, 'wx', 0o640).catch((cause: unknown) => {
    throw storageError(cause);
  });
  try {
    const { sha256, totalBytes } = await writeHashed(source, handle);
    await handle.sync().catch((cause: unknown) => {
      throw storageError(cause);
    });
    await handle.close();
    return { path, sha256, totalBytes };
  } catch (error) {
    await handle.close().catch(() => undefined); // closing twice fails, and the first error is the one to tell
    await rm(path, { force: true });
    throw error;
  }
}

/** Errors of the source pass as they are; those of the disk become `unavailable`. */
async function writeHashed(source: Readable | Uint8Array, handle: FileHandle) {
  const hash = createHash('sha256');
  let totalBytes = 0;
  for await (const chunk of source instanceof Uint8Array ? [source] : source) {
    const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const written = writeAll(handle, bytes);
    hash.update(bytes); // while the disk is writing
    await written;
    totalBytes += bytes.length;
  }
  return { sha256: hash.digest('hex'), totalBytes };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
    }
  } catch (cause) {
    throw storageError(cause);
  }
}

/** Reads the whole file once. Throws `unavailable` when it cannot be read. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk);
  } catch (cause) {
    throw storageError(cause);
  }
  return hash.digest('hex');
}

/** A rename or link is durable only when its folder is flushed (fsync(2), Notes). */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Removes what a killed process left in a folder of temporary files. Only files that nobody wrote to since `olderThan`:
 * another process of the same node may be in the middle of its own.
 */
export async function sweepLeftovers(folder: string, olderThan: Date): Promise<number> {
  let removed = 0;
  await mkdir(folder, { recursive: true });
  for await (const entry of await opendir(folder)) {
    if (!entry.isFile()) continue;
    const path = join(folder, entry.name);
    const found = await stat(path).catch((cause: unknown) => {
      if (isMissing(cause)) return null;
      throw cause;
    });
    if (!found || found.mtime >= olderThan) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
}
