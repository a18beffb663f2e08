import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EntityManager } from '@mikro-orm/core';
import { inspectFile } from '../../catalogue/files/inspect.ts';
import { AppError } from '../../kit/errors.ts';
import { assertFreeSpace, type Files } from '../../kit/storage/files.ts';
import { inspectImage } from '../../kit/storage/images.ts';
import { RunnerFile } from './model.ts';

/** The state of a training of SDXL with the largest rank has less. */
const MOST_BYTES = 4_000_000_000;
const MOST_FILES = 5_000;
const STALE_MS = 86_400_000;

export interface Part {
  readonly orderId: string;
  readonly sha256: string;
  /** Of its first byte. */
  readonly offset: number;
  readonly totalBytes: number;
}

export interface Received {
  readonly offset: number;
  readonly isWhole: boolean;
}

export interface ReceivingParts {
  readonly folder: string;
  readonly files: Files;
  readonly maxImageBytes: number;
  readonly minFreeBytes: number;
}

/**
 * What runners return. It comes in parts, and goes on after a break where it stopped; nothing of it is believed: a whole
 * file is hashed, and is a picture or a sound safetensors file, or it is thrown away.
 */
export class Returns {
  readonly #parts: ReceivingParts;

  constructor(parts: ReceivingParts) {
    this.#parts = parts;
  }

  /** How much of it is here. */
  async offsetOf(em: EntityManager, orderId: string, sha256: string): Promise<Received> {
    const whole = await em.findOne(RunnerFile, { orderId, sha256 });
    if (whole) return { offset: whole.totalBytes, isWhole: true };
    return { offset: await bytesAt(this.#pathOf(orderId, sha256)), isWhole: false };
  }

  /** Throws `conflict` for a part that does not follow what is here, and `invalid` for a file that is not what it should be. */
  async take(em: EntityManager, { orderId, sha256, offset, totalBytes }: Part, body: Readable): Promise<Received> {
    const known = await this.offsetOf(em, orderId, sha256);
    if (known.isWhole) return known;
    if (offset !== known.offset) throw new AppError('conflict', `This file goes on at byte ${known.offset}.`);
    const { folder, files, minFreeBytes } = this.#parts;
    if (totalBytes > MOST_BYTES) throw new AppError('too_large', 'This is more than a runner may return.');
    if ((await em.count(RunnerFile, { orderId })) >= MOST_FILES)
      throw new AppError('too_large', 'These are too many files.');
    await assertFreeSpace(files, totalBytes - offset, minFreeBytes);
    await mkdir(folder, { recursive: true });
    const path = this.#pathOf(orderId, sha256);
    await pipeline(
      body,
      capped(totalBytes - offset),
      createWriteStream(path, { flags: offset === 0 ? 'w' : 'r+', start: offset }),
    );
    const received = await bytesAt(path);
    if (received < totalBytes) return { offset: received, isWhole: false };
    try {
      await this.#keep(em, orderId, sha256, path);
    } finally {
      await rm(path, { force: true });
    }
    return { offset: totalBytes, isWhole: true };
  }

  async #keep(em: EntityManager, orderId: string, sha256: string, path: string): Promise<void> {
    const facts = await this.#judge(path);
    // hashed on the way into the store, which refuses what is not what it should be
    const { totalBytes } = await this.#parts.files.put({ path, sha256 });
    em.persist(em.create(RunnerFile, { orderId, sha256, totalBytes, ...facts }));
    await em.flush();
  }

  async #judge(path: string): Promise<Pick<RunnerFile, 'kind' | 'width' | 'height'>> {
    if (await isImage(path)) {
      if ((await stat(path)).size > this.#parts.maxImageBytes)
        throw new AppError('too_large', 'This picture is too large.');
      const { width, height } = await inspectImage(path);
      return { kind: 'image', width, height };
    }
    const { format, refusal } = await inspectFile(path, 'returned.safetensors');
    if (format !== 'SafeTensor' || refusal) {
      throw new AppError('invalid', refusal ?? 'A runner returns pictures and safetensors files only.');
    }
    return { kind: 'tensors', width: 0, height: 0 };
  }

  /** What a runner began to return and never will. */
  async sweep(nowMs: number): Promise<void> {
    const { folder } = this.#parts;
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const found = await stat(path).catch(() => null);
      if (found && nowMs - found.mtimeMs > STALE_MS) await rm(path, { force: true });
    }
  }

  /** Both were checked: a UUID and a SHA-256. */
  #pathOf(orderId: string, sha256: string): string {
    return join(this.#parts.folder, `${orderId}-${sha256}`);
  }
}

const bytesAt = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0;

/** By its first bytes: PNG, JPEG, or a RIFF such as WebP. */
async function isImage(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return ['89504e47', 'ffd8ffe0', 'ffd8ffe1', 'ffd8ffdb', '52494646'].includes(buffer.toString('hex'));
  } finally {
    await handle.close();
  }
}

function capped(mostBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > mostBytes) done(new AppError('malformed', 'These are more bytes than were announced.'));
      else done(null, chunk);
    },
  });
}
