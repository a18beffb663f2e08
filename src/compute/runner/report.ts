import { linkSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { EngineEvent } from '../engine/protocol.ts';
import type { JobOutcome } from '../engine/running-jobs.ts';
import { isPassedOn, MOST_EVENTS, type Order, type PassedEvent } from '../runners/protocol.ts';
import { isOver, type NodeClient } from './client.ts';
import type { RunnerFiles } from './files.ts';

export interface ReportParts {
  readonly client: NodeClient;
  readonly files: RunnerFiles;
  readonly jobDir: string;
  /** What is to be returned waits there, for the engine removes its own files. */
  readonly outbox: string;
  /** Tells the node that the work goes on, at least that often. */
  readonly beatMs: number;
}

/** A node that is away for long costs the previews first. */
const MOST_KEPT = 5_000;
const SOON_MS = 150;

/**
 * Tells the node what the engine says of an order, in its order, and hears from it what is wanted. A file goes before the
 * event that names it. `signal` is aborted when the order counts for nothing any more.
 */
export class Report {
  readonly #order: Order;
  readonly #parts: ReportParts;
  readonly #over = new AbortController();
  readonly #wake: (() => void)[] = [];
  #kept: PassedEvent[] = [];
  /** The number of the first of those. */
  #from = 0;
  #chain: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #isFinished = false;
  readonly #telling: Promise<void>;

  constructor(order: Order, parts: ReportParts, onWish: (wish: 'cancel' | 'pause' | 'release') => void) {
    this.#order = order;
    this.#parts = parts;
    mkdirSync(parts.outbox, { recursive: true });
    this.#telling = this.#tell(onWish);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Why the node refused it, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  take(event: EngineEvent): void {
    if (!isPassedOn(event) || this.#over.signal.aborted) return;
    if (event.t === 'preview' && this.#kept.length > MOST_EVENTS) return;
    const kept = event.t === 'checkpoint' || event.t === 'sample' ? this.#keep(event.file) : null;
    this.#then(async () => {
      if (kept && (event.t === 'checkpoint' || event.t === 'sample')) await this.#send(kept, event.sha256);
      if (this.#kept.length >= MOST_KEPT && event.t === 'progress') return;
      this.#kept.push(event);
      this.#rouse();
    });
  }

  /** Everything that was said is with the node, and how it ended too. */
  async finish(outcome: JobOutcome): Promise<void> {
    if (outcome.state === 'done') {
      for (const { file, sha256 } of outcome.images) {
        const kept = this.#keep(file);
        this.#then(() => this.#send(kept, sha256));
      }
    }
    await this.#chain;
    this.#isFinished = true;
    this.#rouse();
    await this.#telling;
    if (this.#over.signal.aborted) return;
    const { client } = this.#parts;
    const said = outcome.state === 'failed' ? { ...outcome, message: outcome.message.slice(0, 500) } : outcome;
    await client
      .insist(this.#over.signal, () => client.outcome(this.#order, said, this.#over.signal))
      .catch((error) => this.#end(error));
  }

  /** Says nothing more. */
  stop(): void {
    this.#over.abort();
    this.#rouse();
  }

  async #tell(onWish: (wish: 'cancel' | 'pause' | 'release') => void): Promise<void> {
    const { client, beatMs } = this.#parts;
    const { signal } = this.#over;
    try {
      while (!signal.aborted) {
        const events = this.#kept.slice(0, MOST_EVENTS);
        const { wish } = await client.insist(signal, () => client.events(this.#order, this.#from, events, signal));
        this.#kept = this.#kept.slice(events.length);
        this.#from += events.length;
        if (wish) onWish(wish);
        if (this.#isFinished && this.#kept.length === 0) return;
        await wait(SOON_MS, null, { signal }).catch(() => {});
        if (this.#kept.length === 0 && !this.#isFinished) await this.#roused(beatMs);
      }
    } catch (error) {
      this.#end(error);
    }
  }

  /** A link, so that the engine may remove its own name of the file. */
  #keep(file: string): string {
    const { jobDir, outbox } = this.#parts;
    const [from, to] = [join(jobDir, file), join(outbox, file)];
    try {
      linkSync(from, to);
      return to;
    } catch {
      return from; // a disk without links, or a name that was there before: the same bytes, if they are there
    }
  }

  async #send(path: string, sha256: string): Promise<void> {
    await this.#parts.files.send(this.#order, path, sha256, this.#over.signal);
    if (path.startsWith(this.#parts.outbox)) await rm(path, { force: true });
  }

  #then(act: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (this.#over.signal.aborted) return;
      try {
        await act();
      } catch (error) {
        this.#end(error);
      }
    });
  }

  #end(error: unknown): void {
    if (this.#over.signal.aborted) return;
    if (!isOver(error)) this.#failure = error;
    this.#over.abort();
    this.#rouse();
  }

  #rouse(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #roused(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
