import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { link, mkdir, opendir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import { failureWord, isMissing, missingBlob, storageError } from './failures.ts';
import type { BlobStat, ByteSpan, Files, PutResult, StoredBlob, StoredFile } from './files.ts';
import { blobKey, freeBytesAt, isSha256, isStoredFile } from './files.ts';
import { flush, hashFile, type Intake, READ_BYTES, sweepLeftovers, takeIn } from './intake.ts';

/** Longer than any pause between two writes of a put that is still alive. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;

/**
 * Blobs as plain files, `<root>/xx/<sha256>`. They are written to `<root>/tmp`, flushed, and only then linked to their
 * name, so that a name never stands for half a file: link(2) is atomic and, unlike rename(2), says who came first.
 */
export class DiskFiles implements Files {
  readonly #root: string;
  readonly #temporary: string;
  readonly #flushed = new Set<string>();

  private constructor(root: string) {
    this.#root = root;
    this.#temporary = join(root, 'tmp');
  }

  /** Makes the folders, and clears what a process that died left half done. */
  static async at(root: string): Promise<DiskFiles> {
    const files = new DiskFiles(root);
    await translated(async () => {
      await mkdir(files.#temporary, { recursive: true });
      await flush(root);
      await files.#restoreSetAside();
      await sweepLeftovers(files.#temporary, new Date(Date.now() - LEFTOVER_AGE_MS));
    });
    return files;
  }

  async put(source: Readable | Uint8Array | StoredFile): Promise<PutResult> {
    const intake = isStoredFile(source) ? await this.#takeFile(source) : await takeIn(source, this.#temporary);
    try {
      const isNew = await translated(() => this.#name(intake));
      if (isStoredFile(source) && source.move) await translated(() => rm(source.path, { force: true }));
      return { sha256: intake.sha256, totalBytes: intake.totalBytes, isNew };
    } finally {
      await rm(intake.path, { force: true });
    }
  }

  open(sha256: string, range: ByteSpan = {}): Readable {
    return fs.createReadStream(this.localPath(sha256), { ...range, highWaterMark: READ_BYTES, fs: translatedFs });
  }

  async stat(sha256: string): Promise<BlobStat | null> {
    const path = this.localPath(sha256);
    return translated(async () => {
      const found = await statOrNull(path);
      return found && { totalBytes: found.size, storedAt: found.mtime };
    });
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.stat(sha256)) !== null;
  }

  async remove(sha256: string, { unlessPutSince }: { unlessPutSince?: Date } = {}): Promise<boolean> {
    const path = this.localPath(sha256);
    return translated(async () => {
      if (!unlessPutSince) {
        await rm(path, { force: true });
        return true;
      }
      const found = await statOrNull(path);
      if (!found) return true;
      if (found.mtime >= unlessPutSince) return false;
      // A put may find the blob and touch it between this check and the removal. Set aside first, look again, and
      // either the touch is seen here, or the put sees that the name is gone and stores its own copy.
      const aside = join(this.#temporary, sha256);
      await unlessMissing(() => rename(path, aside));
      const again = await statOrNull(aside);
      const isStale = !again || again.mtime < unlessPutSince;
      if (!isStale) await unlessMissing(() => linkUnlessThere(aside, path));
      await rm(aside, { force: true });
      return isStale;
    });
  }

  localPath(sha256: string): string {
    return join(this.#root, blobKey(sha256));
  }

  async *list(): AsyncIterable<StoredBlob> {
    const folders = (await translated(() => readdir(this.#root))).filter((name) => BLOB_FOLDER.test(name)).sort();
    for (const name of folders) {
      for await (const entry of await translated(() => opendir(join(this.#root, name)))) {
        const found = isSha256(entry.name) ? await this.stat(entry.name) : null;
        if (found) yield { sha256: entry.name, ...found };
      }
    }
  }

  freeBytes(): Promise<number> {
    return freeBytesAt(this.#root);
  }

  /** A file that may be taken gets a second name here; all others are copied, since their owner may still write. */
  async #takeFile(file: StoredFile): Promise<Intake> {
    const path = join(this.#temporary, randomUUID());
    const isLinked = file.move === true && (await translated(() => linkIfPossible(file.path, path)));
    const intake = isLinked
      ? await this.#adopt(path, file)
      : await takeIn(fs.createReadStream(file.path, { highWaterMark: READ_BYTES, fs: translatedFs }), this.#temporary);
    if (file.sha256 === undefined || file.sha256 === intake.sha256) return intake;
    await rm(intake.path, { force: true });
    throw new AppError('invalid', 'The file is not what its SHA-256 says; it was damaged on the way.');
  }

  async #adopt(path: string, file: StoredFile): Promise<Intake> {
    try {
      return await translated(async () => {
        const sha256 = file.trustSha256 && file.sha256 ? file.sha256 : await hashFile(path);
        await touch(path);
        await flush(path);
        return { path, sha256, totalBytes: (await stat(path)).size };
      });
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Gives the finished file its name; false when the name was taken. */
  async #name(intake: Intake): Promise<boolean> {
    const path = this.localPath(intake.sha256);
    await this.#folder(dirname(path));
    const isNew = await nameOrTouch(intake, path);
    // Also when another put came first: it may not have come this far.
    await flush(dirname(path));
    return isNew;
  }

  /** Makes a folder of blobs the first time that one is named there; its own name is flushed before any in it. */
  async #folder(path: string): Promise<void> {
    if (this.#flushed.has(path)) return;
    await mkdir(path, { recursive: true });
    await flush(this.#root);
    this.#flushed.add(path);
  }

  /** A process that died between setting a blob aside and looking again may have set aside one that is in use. */
  async #restoreSetAside(): Promise<void> {
    for await (const entry of await opendir(this.#temporary)) {
      if (!isSha256(entry.name)) continue;
      const aside = join(this.#temporary, entry.name);
      await unlessMissing(() => linkUnlessThere(aside, this.localPath(entry.name)));
      await rm(aside, { force: true });
    }
  }
}

const BLOB_FOLDER = /^[0-9a-f]{2}$/;

async function nameOrTouch(intake: Intake, path: string): Promise<boolean> {
  for (;;) {
    if (await linkUnlessThere(intake.path, path)) return true;
    const found = await statOrNull(path);
    if (found && found.size !== intake.totalBytes) {
      await rename(intake.path, path); // a disk that lost bytes; the good ones are in hand
      return false;
    }
    // Touched, so that a sweep under way sees that somebody wants it again; if the sweep was faster, the name is free.
    if (found && (await touch(path))) return false;
  }
}

/** False when the name is taken. Where the file system has no hard links, a rename does, and two may both come first. */
async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    if (await linkIfPossible(from, to)) return true;
  } catch (error) {
    if (failureWord(error) === 'EEXIST') return false;
    throw error;
  }
  if (await statOrNull(to)) return false;
  await rename(from, to);
  return true;
}

/** False when these two places cannot share a file: another disk, or a file system without hard links. */
async function linkIfPossible(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(failureWord(error))) return false;
    throw error;
  }
}

async function statOrNull(path: string): Promise<fs.Stats | null> {
  return unlessMissing(() => stat(path));
}

async function touch(path: string): Promise<boolean> {
  const now = new Date();
  return (await unlessMissing(() => utimes(path, now, now).then(() => true))) ?? false;
}

async function unlessMissing<T>(act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function translated<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw storageError(cause);
  }
}

type Done = (error: NodeJS.ErrnoException | null, value: number, buffer?: Buffer) => void;

/** Lets a read stream fail in our words without a second stream behind it, which would copy every byte. */
const translatedFs = {
  open: (path: string, flags: string, mode: number, done: Done) =>
    fs.open(path, flags, mode, (error, fd) => done(error && readError(error), fd)),
  read: (fd: number, buffer: Buffer, offset: number, length: number, position: number | null, done: Done) =>
    fs.read(fd, buffer, offset, length, position, (error, count) => done(error && readError(error), count, buffer)),
  close: fs.close,
};

const readError = (cause: Error): AppError => (isMissing(cause) ? missingBlob(cause) : storageError(cause));
