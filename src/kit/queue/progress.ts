import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../database/sql.ts';
import type { Claim } from './claim.ts';
import { MAX_PREVIEW_BYTES } from './job.ts';

const WRITE_EVERY_MS = 1000;

interface Step {
  readonly done: number;
  readonly total: number;
  readonly note: string | null;
  readonly preview: Uint8Array | null;
}

/** Writes the newest progress at most once a second; steps in between are skipped. */
export class Progress {
  readonly #write: (step: Step) => Promise<void>;
  #newest: Step | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (step: Step) => Promise<void>) {
    this.#write = write;
  }

  step(done: number, total: number, note?: string, preview?: Uint8Array): void {
    // a preview that is too large is left out: the picture itself follows
    const fits = preview !== undefined && preview.byteLength <= MAX_PREVIEW_BYTES;
    this.#newest = {
      done,
      total,
      note: note?.slice(0, 200) ?? this.#newest?.note ?? null,
      preview: fits ? preview : (this.#newest?.preview ?? null),
    };
    if (this.#timer) return;
    const waitMs = Math.max(0, this.#lastAtMs + WRITE_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => this.#flush(), waitMs);
  }

  /** Nothing is written after this returned. */
  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#writing;
  }

  #flush(): void {
    this.#timer = null;
    this.#lastAtMs = performance.now();
    const step = this.#newest;
    this.#newest = null;
    if (step) this.#writing = this.#write(step);
  }
}

/** False when this run was overtaken. */
export async function writeProgress(em: EntityManager, claim: Claim, step: Step): Promise<boolean> {
  const written = await rows(
    em,
    `update job set progress_done = ?, progress_total = ?, progress_note = coalesce(?, progress_note),
      preview = coalesce(?, preview), revision = revision + 1
      where id = ? and fence = ? and state = 'running' returning id`,
    [step.done, step.total, step.note, step.preview, claim.id, claim.fence],
  );
  return written.length > 0;
}
