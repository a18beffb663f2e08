import type { Worker } from 'node:worker_threads';
import type { ImageInput } from '../../kit/storage/images.ts';
import { readRgb } from '../../kit/storage/images-luma.ts';
import { startThread } from '../../kit/thread.ts';
import type { Pdq } from './pdq.ts';
import type { FromPdqWorker, ToPdqWorker } from './pdq-worker.ts';

/** The reference makes larger pictures this small first, since its filter costs time by the pixel. */
const MOST_SIDE = 512;
/** Of an animation so many frames are looked at. */
const MOST_FRAMES = 10;

interface Waiting {
  resolve(result: Extract<FromPdqWorker, { result: unknown }>['result']): void;
  reject(error: unknown): void;
}

/** Hashes pictures in a thread of its own, started with the first one; it keeps the process alive only while it works. */
export class PdqThread {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #lastId = 0;

  /** For each frame the hashes that it asks with; none where there is too little to see. Throws what `readRgb` throws. */
  async queries(input: ImageInput): Promise<readonly (readonly string[])[]> {
    return (await this.#ask(input, 'queries')) as readonly (readonly string[])[];
  }

  /** For each frame the 61 hashes that a bank keeps. */
  async variants(input: ImageInput): Promise<readonly (readonly Pdq[])[]> {
    return (await this.#ask(input, 'variants')) as readonly (readonly Pdq[])[];
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    this.#lose(worker, new Error('closed'));
    worker.ref(); // else the process may end before it has
    await worker.terminate();
  }

  async #ask(input: ImageInput, wanted: ToPdqWorker['wanted']): Promise<unknown> {
    const frames = await readRgb(input, MOST_SIDE, MOST_FRAMES);
    this.#lastId += 1;
    const id = this.#lastId;
    const worker = this.#running();
    const result = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    worker.ref();
    worker.postMessage({ id, wanted, frames } satisfies ToPdqWorker);
    return result;
  }

  #running(): Worker {
    if (this.#worker) return this.#worker;
    const worker = startThread(import.meta.url, 'pdq-worker');
    worker.on('message', (message: FromPdqWorker) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (this.#waiting.size === 0) worker.unref();
      if ('result' in message) waiting?.resolve(message.result);
      else waiting?.reject(new Error(message.failure));
    });
    worker.on('error', (cause) => this.#lose(worker, cause));
    worker.on('exit', () => this.#lose(worker, new Error('The thread of picture hashes ended.')));
    this.#worker = worker;
    return worker;
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const waiting of this.#waiting.values()) waiting.reject(cause);
    this.#waiting.clear();
  }
}
