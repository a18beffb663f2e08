import { stat } from 'node:fs/promises';
import type { Worker } from 'node:worker_threads';
import { AppError } from '../../kit/errors.ts';
import { startThread } from '../../kit/thread.ts';
import type { ShaResult } from './digests.ts';
import type { Sniffed } from './formats.ts';
import type { FromWorker, Half, ToWorker } from './hash-worker.ts';
import type { Inspection } from './inspect.ts';

/** Hex in upper case, as spec/civitai-api.md has it in section 2.4; rows keep it in lower case (`storedHashes`). */
export interface Fingerprint {
  readonly totalBytes: number;
  readonly sniffed: Sniffed;
  readonly sha256: string;
  /** Null below 2 MiB. */
  readonly autoV1: string | null;
  readonly autoV2: string;
  /** Null without a safetensors header of at most 16 MiB. */
  readonly autoV3: string | null;
  /** All 64 digits of what AutoV3 shows 12 of. */
  readonly tensorSha256: string | null;
  readonly blake3: string;
  readonly crc32: string;
}

export interface HashOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number) => void;
}

/** One file that is being hashed, perhaps while it still grows. */
export interface HashSession {
  /** The first `readyBytes` bytes of the file are written and will not change. */
  advance(readyBytes: number): void;
  /** The file has all its bytes. Throws `unavailable` when they cannot be read or the session was aborted. */
  finish(totalBytes: number): Promise<Fingerprint>;
  abort(): void;
}

interface Waiting {
  resolve(result: ShaResult | string | Inspection): void;
  reject(error: unknown): void;
  onProgress(doneBytes: number): void;
}

/**
 * Hashes and inspects files in two threads that all files share. Nothing is kept on disk about a hash that is under
 * way: after a restart the file is opened again and read from its start, which costs seconds for the largest.
 */
export class Hashing {
  private readonly lanes = { sha: new Lane('sha'), blake3: new Lane('blake3') };

  /** `path` must exist, and may be empty so far. */
  open(path: string, { signal, onProgress = () => undefined }: HashOptions = {}): HashSession {
    const done = { sha: 0, blake3: 0 };
    const follow = (half: Half) =>
      this.lanes[half].start<ShaResult | string>(
        (id) => ({ act: 'open', id, path }),
        (doneBytes) => {
          done[half] = doneBytes;
          onProgress(Math.min(done.sha, done.blake3));
        },
      );
    const tasks = [follow('sha'), follow('blake3')] as const;
    const result = Promise.all(tasks.map((task) => task.result));
    result.catch(() => abort()); // when one half fails, the other stops too; `finish` tells the error
    const abort = () => {
      for (const task of tasks) task.cancel();
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    return {
      advance: (readyBytes) => {
        for (const task of tasks) task.send({ act: 'advance', id: task.id, readyBytes });
      },
      finish: async (totalBytes) => {
        for (const task of tasks) task.send({ act: 'finish', id: task.id, totalBytes });
        const [sha, blake3] = await result;
        signal?.removeEventListener('abort', abort);
        if (typeof sha !== 'object' || typeof blake3 !== 'string')
          throw new TypeError('The threads answered crosswise.');
        return {
          ...{ totalBytes, ...sha, blake3, autoV2: sha.sha256.slice(0, 10) },
          autoV3: sha.tensorSha256?.slice(0, 12) ?? null,
        };
      },
      abort,
    };
  }

  /** A finished file. Throws `unavailable` when it cannot be read or `signal` aborts. */
  async hash(path: string, options: HashOptions = {}): Promise<Fingerprint> {
    const { size } = await stat(path).catch((cause: unknown) => {
      throw new AppError('unavailable', 'The file cannot be read.', { cause });
    });
    return await this.open(path, options).finish(size);
  }

  /**
   * What the file is and says of itself. A file that is not sound is no error: `refusal` says why it is refused.
   * `fileName` is the one that its owner gave it.
   */
  async inspect(path: string, fileName: string): Promise<Inspection> {
    return await this.lanes.blake3.start<Inspection>((id) => ({ act: 'inspect', id, path, fileName })).result;
  }

  async close(): Promise<void> {
    await Promise.all([this.lanes.sha.close(), this.lanes.blake3.close()]);
  }
}

/** Where `blobKey` and the columns of `ModelFile` want the hashes: in lower case. */
export function storedHashes({ sha256, tensorSha256, blake3, autoV1, crc32 }: Fingerprint) {
  return {
    sha256: sha256.toLowerCase(),
    tensorSha256: tensorSha256?.toLowerCase() ?? null,
    blake3: blake3.toLowerCase(),
    autoV1: autoV1?.toLowerCase() ?? null,
    crc32: crc32.toLowerCase(),
  };
}

/** A thread, started when it is first needed and again after it died. It keeps the process alive only while it works. */
class Lane {
  private readonly half: Half;
  private readonly waiting = new Map<number, Waiting>();
  private worker: Worker | null = null;
  private lastId = 0;

  constructor(half: Half) {
    this.half = half;
  }

  start<Result extends ShaResult | string | Inspection>(
    first: (id: number) => ToWorker,
    onProgress: (doneBytes: number) => void = () => undefined,
  ) {
    this.lastId += 1;
    const id = this.lastId;
    const worker = this.running();
    const result = new Promise<Result>((resolve, reject) => {
      this.waiting.set(id, { resolve: (value) => resolve(value as Result), reject, onProgress });
    });
    worker.ref();
    worker.postMessage(first(id));
    return {
      id,
      result,
      send: (message: ToWorker) => worker.postMessage(message),
      cancel: () => {
        worker.postMessage({ act: 'abort', id } satisfies ToWorker);
        this.settle(id)?.reject(new AppError('unavailable', 'Reading the file was stopped.'));
      },
    };
  }

  async close(): Promise<void> {
    const worker = this.worker;
    if (!worker) return;
    this.lose(worker, undefined);
    worker.ref(); // else the process may end before it has
    await worker.terminate();
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = startThread(import.meta.url, './hash-worker', this.half);
    worker.on('message', (message: FromWorker) => this.receive(message));
    worker.on('error', (cause) => this.lose(worker, cause));
    worker.on('exit', () => this.lose(worker, undefined));
    this.worker = worker;
    return worker;
  }

  private receive(message: FromWorker): void {
    if ('doneBytes' in message) this.waiting.get(message.id)?.onProgress(message.doneBytes);
    else if ('result' in message) this.settle(message.id)?.resolve(message.result);
    else {
      const cause = new Error(message.failure);
      this.settle(message.id)?.reject(
        message.isRefusal
          ? new AppError('invalid', message.failure)
          : new AppError('unavailable', 'The file cannot be read.', { cause }),
      );
    }
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.worker?.unref();
    return waiting;
  }

  private lose(worker: Worker, cause: unknown): void {
    if (this.worker !== worker) return;
    this.worker = null;
    const error = new AppError('unavailable', 'Reading the file was stopped.', { cause });
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
  }
}
