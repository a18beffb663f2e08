import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../kit/errors.ts';
import type { Files } from '../../kit/storage/files.ts';

/** A model by its hash, and where it lies when it is no blob. */
export interface ModelSource {
  readonly sha256: string;
  /** Absolute path in the operator's folder; null takes the blob. */
  readonly path: string | null;
}

/** Copies may take this share of the disk that is free to them; hard links take nothing. */
const COPIES_SHARE = 0.5;

/**
 * The engine's `models` folder, `xx/<sha256>.safetensors` (DESIGN.md ruling 9): hard links to blobs on the same disk,
 * else copies that were hashed on the way. The longest unused copies go when a new one needs their room; what a job
 * holds stays.
 */
export class ModelCache {
  readonly folder: string;
  readonly #files: Pick<Files, 'localPath' | 'open' | 'stat'>;
  readonly #held = new Map<string, number>();
  readonly #mostBytes: number;

  /** `mostBytes` of copies, where the share of the disk is not less. */
  constructor(folder: string, files: Pick<Files, 'localPath' | 'open' | 'stat'>, mostBytes = Number.POSITIVE_INFINITY) {
    this.folder = folder;
    this.#files = files;
    this.#mostBytes = mostBytes;
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    for (const name of await readdir(this.folder)) if (name.endsWith('.part')) await rm(join(this.folder, name));
  }

  /** How the engine is told of it, relative to `folder`. */
  static fileOf(sha256: string): string {
    return `${sha256.slice(0, 2)}/${sha256}.safetensors`;
  }

  async has(sha256: string): Promise<boolean> {
    return (await stat(join(this.folder, ModelCache.fileOf(sha256))).catch(() => null)) !== null;
  }

  /** Takes them out of the folder at once: they may not be used any more. What holds one keeps what it has open. */
  async drop(sha256s: readonly string[]): Promise<void> {
    for (const sha256 of sha256s) await rm(join(this.folder, ModelCache.fileOf(sha256)), { force: true });
  }

  /** Of files that are held. */
  async bytesOf(sources: readonly ModelSource[]): Promise<number> {
    const paths = sources.map(({ sha256 }) => join(this.folder, ModelCache.fileOf(sha256)));
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.size ?? 0));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Has all of them in the folder until the returned function is called. Throws `not_found` for bytes that are gone. */
  async hold(sources: readonly ModelSource[], signal: AbortSignal): Promise<() => void> {
    for (const { sha256 } of sources) this.#held.set(sha256, (this.#held.get(sha256) ?? 0) + 1);
    const release = () => {
      for (const { sha256 } of sources) this.#held.set(sha256, (this.#held.get(sha256) ?? 1) - 1);
    };
    try {
      for (const source of sources) await this.#bring(source, signal);
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #bring({ sha256, path }: ModelSource, signal: AbortSignal): Promise<void> {
    const target = join(this.folder, ModelCache.fileOf(sha256));
    const now = new Date();
    if (await stat(target).catch(() => null)) {
      // the access time says which were not used for long; the time of change belongs to the blob it may be
      await utimes(target, now, (await stat(target)).mtime);
      return;
    }
    await mkdir(dirname(target), { recursive: true });
    const local = path ?? this.#files.localPath(sha256);
    // a file of the operator's folder may be written to, so it is copied and hashed; a blob never changes
    if (!path && local && (await linked(local, target))) return;
    const totalBytes = path ? (await stat(path).catch(() => null))?.size : (await this.#files.stat(sha256))?.totalBytes;
    if (totalBytes === undefined) throw new AppError('not_found', 'The bytes of this model are not here any more.');
    await this.makeRoom(totalBytes);
    await copyHashed(path ? createReadStream(path) : this.#files.open(sha256), target, sha256, signal);
  }

  /** Removes the longest unused copies until so much more fits. Throws `unavailable` when it never does. */
  async makeRoom(totalBytes: number): Promise<void> {
    const copies: { path: string; bytes: number; usedAt: number }[] = [];
    for (const folder of await readdir(this.folder)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await readdir(join(this.folder, folder))) {
        const path = join(this.folder, folder, name);
        const { size, nlink, atimeMs } = await stat(path);
        const isHeld = (this.#held.get(name.replace('.safetensors', '')) ?? 0) > 0;
        if (nlink === 1 && !isHeld) copies.push({ path, bytes: size, usedAt: atimeMs });
      }
    }
    copies.sort((a, b) => a.usedAt - b.usedAt);
    const { bavail, bsize } = await statfs(this.folder);
    const heldBytes = copies.reduce((sum, { bytes }) => sum + bytes, 0);
    const budgetBytes = Math.min(this.#mostBytes, (bavail * bsize + heldBytes) * COPIES_SHARE);
    let usedBytes = heldBytes;
    for (const { path, bytes } of copies) {
      if (usedBytes + totalBytes <= budgetBytes) return;
      await rm(path, { force: true });
      usedBytes -= bytes;
    }
    if (totalBytes > bavail * bsize + heldBytes - usedBytes) {
      throw new AppError('unavailable', 'There is too little disk space here to load this model.');
    }
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT') throw new AppError('not_found', 'The bytes of this model are not here any more.');
    return false; // another disk, or one without links
  }
}

async function copyHashed(source: Readable, target: string, sha256: string, signal: AbortSignal): Promise<void> {
  const part = join(dirname(dirname(target)), `${randomUUID()}.part`);
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(source, hashing, createWriteStream(part), { signal });
    if (hash.digest('hex') !== sha256) throw new AppError('invalid', 'The file of this model is damaged.');
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
}
