import type { Net } from '../../kit/net/net.ts';
import type { OperatorSocket } from '../../kit/net/socket.ts';
import { tinyWebp } from '../../kit/storage/images-fit.ts';
import type { ServerJob } from '../server/engine.ts';
import type { ServerHttp } from '../server/http.ts';
import { phaseOf } from './graph.ts';
import { HANDSHAKE, readPreview, readText, type SocketMessage } from './messages.ts';

/** A preview of a large picture is a JPEG of a few hundred KB. */
const MOST_MESSAGE_BYTES = 8_000_000;
const OPEN_MS = 5_000;
const PREVIEW_EVERY_MS = 1_000;
const PROGRESS_EVERY_MS = 250;
const PREVIEW_PX = 384;
/** The protocol's limit is 48 KiB. */
const PREVIEW_BYTES = 49_152;

/** Listens on the socket of a ComfyUI while a job runs. It may be lost and come back: nothing is decided by it. */
export class Follower {
  readonly #job: ServerJob;
  readonly #pictures: number;
  readonly #indexOf = new Map<string, number>();
  #socket: OperatorSocket | null = null;
  #isClosed = false;
  #running: string | null = null;
  #phase = '';
  #previewAtMs = 0;
  #progressAtMs = 0;
  #wake: () => void = () => {};
  /** When it last said something about a picture of this job. */
  movedAtMs = performance.now();

  constructor(job: ServerJob, pictures: number) {
    this.#job = job;
    this.#pictures = pictures;
  }

  /** Without a socket there is no live progress, and the job goes on. */
  async open(http: ServerHttp, net: Net, clientId: string): Promise<void> {
    if (this.#isClosed || this.#socket) return;
    const socket = await net
      .operatorSocket(http.url('ws', { clientId }), {
        ...{ hosts: http.hosts, headers: http.headers, maxBytes: MOST_MESSAGE_BYTES, timeoutMs: OPEN_MS },
        onText: (text) => this.#take(readText(text)),
        onBytes: (bytes) => void this.#show(bytes),
        onClose: () => {
          this.#socket = null;
        },
      })
      .catch(() => null);
    if (this.#isClosed) socket?.close();
    else this.#socket = socket;
    this.#socket?.send(HANDSHAKE);
  }

  /** Pictures are told of by the ids that they were submitted with. */
  expect(promptId: string, index: number): void {
    this.#indexOf.set(promptId, index);
  }

  /** Resolves when a picture may be ready, the job is cancelled, or the time is over. */
  async wait(ms: number): Promise<void> {
    const { signal } = this.#job;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener('abort', this.#wake, { once: true });
    });
    signal.removeEventListener('abort', this.#wake);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }

  #take(message: SocketMessage | null): void {
    const index = message ? this.#indexOf.get(message.promptId) : undefined;
    if (!message || index === undefined) return;
    const now = performance.now();
    this.movedAtMs = now;
    if (message.kind === 'ended') {
      this.#wake();
      return;
    }
    const { jobId: job, tell } = this.#job;
    if (this.#running !== message.promptId) {
      this.#running = message.promptId;
      this.#phase = '';
    }
    const phase = phaseOf(message.node);
    const isNew = phase !== this.#phase;
    const isLast = phase === 'denoise' && message.max > 0 && message.value >= message.max;
    if (!isNew && !isLast && now - this.#progressAtMs < PROGRESS_EVERY_MS) return;
    this.#phase = phase;
    this.#progressAtMs = now;
    // of loading and encoding a node says no steps worth showing; `encode` tells which picture it is
    const steps =
      phase === 'denoise'
        ? { step: Math.round(message.value), total: Math.max(1, Math.round(message.max)) }
        : { step: index, total: this.#pictures };
    if (phase === 'denoise' && isNew)
      tell({ t: 'progress', job, phase: 'encode', step: index, total: this.#pictures, batch: 1 });
    tell({ t: 'progress', job, phase, ...steps, batch: 1 });
  }

  async #show(bytes: Buffer): Promise<void> {
    const preview = readPreview(bytes);
    const promptId = preview?.promptId ?? this.#running;
    const index = this.#indexOf.get(promptId ?? '');
    const now = performance.now();
    if (!preview || index === undefined || now - this.#previewAtMs < PREVIEW_EVERY_MS) return;
    this.#previewAtMs = now;
    const webp = await tinyWebp(preview.image, PREVIEW_PX, PREVIEW_BYTES);
    if (!webp || this.#isClosed) return;
    this.#job.tell({ t: 'preview', job: this.#job.jobId, index, step: 0, webp: webp.toString('base64') });
  }
}
