import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { AppError } from '../../kit/errors.ts';
import { ModelCache } from '../models/cache.ts';
import type { Order, OrderFile } from '../runners/protocol.ts';
import type { NodeClient } from './client.ts';

const PART_BYTES = 8 * 1024 * 1024;

export interface FilesOptions {
  readonly client: NodeClient;
  /** Of the runner: the cache of models, and what is on its way. */
  readonly dataDir: string;
  readonly jobDir: string;
  readonly cacheBytes: number;
  /** Tests make it small. */
  readonly partBytes?: number;
}

/** Brings files from the node, and takes results to it. Both go on where they broke off. */
export class RunnerFiles {
  readonly #options: FilesOptions;
  readonly #incoming: string;
  readonly cache: ModelCache;
  /** Two devices that need the same model get it once. */
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#incoming = join(options.dataDir, 'incoming');
    const files = {
      localPath: (sha256: string) => this.#incomingPath(sha256),
      // on a disk without links what arrived is copied
      stat: async (sha256: string) => {
        const found = await stat(this.#incomingPath(sha256)).catch(() => null);
        return found && { totalBytes: found.size, storedAt: found.mtime };
      },
      open: (sha256: string) => createReadStream(this.#incomingPath(sha256)),
    };
    this.cache = new ModelCache(join(options.dataDir, 'models'), files, options.cacheBytes);
  }

  async open(): Promise<void> {
    await mkdir(this.#incoming, { recursive: true });
    await mkdir(this.#options.jobDir, { recursive: true });
    await this.cache.open();
  }

  /** Has everything that an order needs on this disk until the returned function is called. */
  async bring(order: Order, signal: AbortSignal): Promise<() => void> {
    const releases: (() => void)[] = [];
    const release = () => {
      for (const one of releases) one();
    };
    try {
      for (const file of order.files) {
        const held = this.#fetching.then(() => this.#bringOne(order, file, signal));
        this.#fetching = held.catch(() => {});
        releases.push(await held);
      }
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #bringOne(order: Order, file: OrderFile, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const { sha256, totalBytes, input } = file;
    if (input !== null) {
      if (!/^[\w.-]+$/.test(input) || !input.startsWith(`${order.jobId}-`))
        throw new AppError('invalid', 'The node named a file of another job.');
      await this.#obtain(order, file, signal);
      await copyFile(this.#incomingPath(sha256), join(this.#options.jobDir, input));
      await rm(this.#incomingPath(sha256), { force: true });
      return () => {};
    }
    if (!(await this.cache.has(sha256))) {
      await this.cache.makeRoom(totalBytes);
      await this.#obtain(order, file, signal);
    }
    const release = await this.cache.hold([{ sha256, path: null }], signal);
    await rm(this.#incomingPath(sha256), { force: true });
    return release;
  }

  /** Goes on from what is here of an earlier try. Throws `invalid` when the bytes are not what their hash says. */
  async #obtain(order: Order, { sha256, totalBytes }: OrderFile, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const part = `${this.#incomingPath(sha256)}.part`;
    if (await stat(this.#incomingPath(sha256)).catch(() => null)) return;
    await client.insist(signal, async () => {
      let offset = (await stat(part).catch(() => null))?.size ?? 0;
      if (offset > totalBytes) {
        await rm(part, { force: true });
        offset = 0;
      }
      const hash = createHash('sha256');
      if (offset > 0) await hashInto(hash, part, signal);
      if (offset < totalBytes || totalBytes === 0) {
        await client.download(order, { sha256, offset, totalBytes }, () => writing(part, offset, hash), signal);
      }
      if (hash.digest('hex') === sha256) return;
      await rm(part, { force: true });
      throw new AppError('invalid', 'The node sent a file that is not what its hash says.');
    });
    await rename(part, this.#incomingPath(sha256));
  }

  /** Returns a file in parts. What was there of it before is not sent again. */
  async send(order: Order, path: string, sha256: string, signal: AbortSignal): Promise<void> {
    const { client, partBytes = PART_BYTES } = this.#options;
    const totalBytes = (await stat(path)).size;
    await client.insist(signal, async () => {
      let { offset, isWhole } = await client.offsetOf(order, sha256, signal);
      const handle = await open(path);
      try {
        while (!isWhole) {
          const { buffer, bytesRead } = await handle.read(Buffer.alloc(partBytes), 0, partBytes, offset);
          if (bytesRead === 0) throw new AppError('invalid', 'The file is shorter than it was.');
          const bytes = buffer.subarray(0, bytesRead);
          const part = { sha256, offset, totalBytes, bytes };
          ({ offset, isWhole } = await client.putPart(order, part, signal).catch(asAway));
        }
      } finally {
        await handle.close();
      }
    });
  }

  #incomingPath(sha256: string): string {
    return join(this.#incoming, sha256);
  }
}

/** Somebody, an earlier try of ours perhaps, wrote meanwhile: the node is asked again how far it is. */
function asAway(error: unknown): never {
  if (error instanceof AppError && error.kind === 'conflict') throw new AppError('unavailable', error.message);
  throw error;
}

async function hashInto(hash: Hash, path: string, signal: AbortSignal): Promise<void> {
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Buffer);
}

/** Writes and hashes; what arrived before a break stays. */
function writing(path: string, offset: number, hash: Hash): Writable {
  const file = createWriteStream(path, { flags: offset === 0 ? 'w' : 'r+', start: offset });
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      file.write(chunk, done);
    },
    final: (done) => void file.end(done),
    destroy(error, done) {
      file.destroy();
      done(error);
    },
  });
}
