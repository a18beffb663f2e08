import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, opendir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isMissing, storageError } from '../failures.ts';
import type { ByteSpan } from '../files.ts';
import { flush } from '../intake.ts';

/** Things that are no blobs, by names of our own, beside the blobs and out of every list of them. */
export interface Shelf {
  /** Whole or not at all; returns when it would survive a power cut. What was there under this name is replaced. */
  put(name: string, source: Readable): Promise<void>;
  /** Null for what is not there. */
  size(name: string): Promise<number | null>;
  /** Ask `size` before: what is not there is an error of the stream. */
  open(name: string, span?: ByteSpan): Readable;
  remove(name: string): Promise<void>;
  list(): AsyncIterable<string>;
}

const PART = '.part';

/** A folder that only the node reads. */
export class DiskShelf implements Shelf {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async at(folder: string): Promise<DiskShelf> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new DiskShelf(folder);
  }

  async put(name: string, source: Readable): Promise<void> {
    const part = join(this.#folder, `${randomUUID()}${PART}`);
    try {
      // an error of the source is passed on as it is
      await pipeline(source, createWriteStream(part, { flags: 'wx', mode: 0o600 }));
      await flush(part);
      await rename(part, join(this.#folder, name));
      await flush(this.#folder);
    } finally {
      await rm(part, { force: true });
    }
  }

  async size(name: string): Promise<number | null> {
    try {
      return (await stat(join(this.#folder, name))).size;
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageError(error);
    }
  }

  open(name: string, span: ByteSpan = {}): Readable {
    return createReadStream(join(this.#folder, name), span);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
  }

  async *list(): AsyncIterable<string> {
    for await (const entry of await opendir(this.#folder)) if (!entry.name.endsWith(PART)) yield entry.name;
  }
}
