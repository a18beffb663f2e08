import { type FileHandle, open } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { AppError } from '../../kit/errors.ts';
import { type Digest, openBlake3, ShaDigest, type ShaResult } from './digests.ts';
import { SNIFF_BYTES } from './formats.ts';
import { type Inspection, inspectFile } from './inspect.ts';

/**
 * One of the two threads of `hash.ts`. It reads each of its files once, from the start to where the other side says
 * that bytes are, while the upload still runs. Several files take turns, chunk by chunk.
 */
export type ToWorker =
  | { readonly act: 'open'; readonly id: number; readonly path: string }
  | { readonly act: 'advance'; readonly id: number; readonly readyBytes: number }
  | { readonly act: 'finish'; readonly id: number; readonly totalBytes: number }
  | { readonly act: 'inspect'; readonly id: number; readonly path: string; readonly fileName: string }
  | { readonly act: 'abort'; readonly id: number };

export type FromWorker =
  | { readonly id: number; readonly doneBytes: number }
  | { readonly id: number; readonly result: ShaResult | string | Inspection }
  | { readonly id: number; readonly failure: string; readonly isRefusal: boolean };

export type Half = 'sha' | 'blake3';

const CHUNK_BYTES = 1024 * 1024;
const PROGRESS_STEP_BYTES = 32 * CHUNK_BYTES;

class Following {
  private readonly id: number;
  private readonly path: string;
  private readonly half: Half;
  private readyBytes = 0;
  private totalBytes: number | null = null;
  private isAborted = false;
  private wake: () => void = () => undefined;
  private toldBytes = 0;

  constructor(id: number, path: string, half: Half) {
    this.id = id;
    this.path = path;
    this.half = half;
  }

  advance(readyBytes: number): void {
    this.readyBytes = Math.max(this.readyBytes, readyBytes);
    this.wake();
  }

  finish(totalBytes: number): void {
    this.totalBytes = totalBytes;
    this.advance(totalBytes);
  }

  abort(): void {
    this.isAborted = true;
    this.wake();
  }

  /** Undefined when it was aborted. */
  async run(): Promise<ShaResult | string | undefined> {
    const digest: Digest<ShaResult | string> = this.half === 'sha' ? new ShaDigest() : await openBlake3();
    const handle = await open(this.path, 'r');
    try {
      for await (const bytes of this.chunks(handle)) digest.update(bytes);
      return this.isAborted ? undefined : digest.finish();
    } finally {
      await handle.close();
    }
  }

  /** Two buffers in turn: one is read by the thread pool while the caller hashes the other. */
  private async *chunks(handle: FileHandle): AsyncGenerator<Uint8Array> {
    let [current, next] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
    let atBytes = 0;
    let reading: Promise<{ bytesRead: number }> | null = null;
    try {
      for (;;) {
        if (!reading) {
          await this.untilReady(atBytes);
          if (this.isAborted || atBytes === this.totalBytes) return;
          reading = handle.read(current, 0, Math.min(CHUNK_BYTES, this.readyBytes - atBytes), atBytes);
        }
        const { bytesRead } = await reading;
        reading = null;
        if (this.isAborted) return;
        if (bytesRead === 0) throw new AppError('unavailable', 'The file became shorter while it was read.');
        atBytes += bytesRead;
        if (atBytes < this.readyBytes) {
          reading = handle.read(next, 0, Math.min(CHUNK_BYTES, this.readyBytes - atBytes), atBytes);
        }
        yield current.subarray(0, bytesRead);
        this.tellProgress(atBytes);
        [current, next] = [next, current];
      }
    } finally {
      await reading?.catch(() => undefined); // the handle must not close under a read
    }
  }

  /** The first bytes are waited for together, because the digests look at them to know what the file is. */
  private async untilReady(atBytes: number): Promise<void> {
    const needed = atBytes === 0 ? SNIFF_BYTES : atBytes + 1;
    while (!this.isAborted && this.totalBytes === null && this.readyBytes < needed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private tellProgress(doneBytes: number): void {
    if (doneBytes - this.toldBytes < PROGRESS_STEP_BYTES && doneBytes !== this.totalBytes) return;
    this.toldBytes = doneBytes;
    tell({ id: this.id, doneBytes });
  }
}

const tell = (message: FromWorker): void => parentPort?.postMessage(message);

async function answer(id: number, work: Promise<ShaResult | string | Inspection | undefined>): Promise<void> {
  try {
    const result = await work;
    if (result !== undefined) tell({ id, result });
  } catch (error) {
    const isRefusal = error instanceof AppError && error.kind === 'invalid';
    tell({ id, failure: error instanceof Error ? error.message : String(error), isRefusal });
  }
}

function serve(half: Half): void {
  const open = new Map<number, Following>();
  parentPort?.on('message', (message: ToWorker) => {
    if (message.act === 'open') {
      const following = new Following(message.id, message.path, half);
      open.set(message.id, following);
      void answer(message.id, following.run()).finally(() => open.delete(message.id));
    } else if (message.act === 'inspect') void answer(message.id, inspectFile(message.path, message.fileName));
    else if (message.act === 'advance') open.get(message.id)?.advance(message.readyBytes);
    else if (message.act === 'finish') open.get(message.id)?.finish(message.totalBytes);
    else open.get(message.id)?.abort();
  });
}

if (parentPort) serve(workerData === 'sha' ? 'sha' : 'blake3');
