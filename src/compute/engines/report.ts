import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import type { Log } from '../../kit/log.ts';
import { defineSettings, type Settings } from '../../kit/settings.ts';
import { INSTALL_COMMAND } from '../engine/check.ts';
import { type EngineHello, Hello } from '../engine/protocol.ts';
import type { Pool } from '../gpu/pool.ts';
import { report } from '../gpu/registry.ts';

/** What the pages know of the engine: its process may be another one, so it stands in the database. */
export type EngineStatus =
  | { readonly state: 'ready'; readonly hello: EngineHello }
  /** `missing` completes "The engine needs …"; `command` installs it, and is '' for a server of the operator's. */
  | { readonly state: 'missing'; readonly missing: string; readonly command: string }
  /** The operator chose to have none. */
  | { readonly state: 'off' }
  /** No process with a GPU lane has spoken yet. */
  | { readonly state: 'unknown' };

const Spoken = z.object({
  hello: Hello.nullable().default(null),
  missing: z.string().nullable().default(null),
  command: z.string().default(INSTALL_COMMAND),
});
interface Written {
  readonly hello: EngineHello | null;
  readonly missing: string | null;
  readonly command?: string;
}
const engineSettings = defineSettings('compute.engine', Spoken);
const REPORT_EVERY_MS = 3_000;
/** A job that begins or ends does not wait for the report of it. */
const SOON_MS = 100;

export interface ReportParts {
  readonly settings: Settings;
  readonly log: Log;
  readonly now: () => Date;
  readonly fork: () => EntityManager;
}

/** Writes down what the engines of this process say of themselves, for the pages and the other processes. */
export class EngineReports {
  readonly #parts: ReportParts;
  #pool: Pool | null = null;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #reported: Promise<void> = Promise.resolve();
  /** Waits for the one that is being written. */
  #next: Promise<void> | null = null;
  #written: Promise<void> = Promise.resolve();

  constructor({ settings, log, now, fork }: ReportParts) {
    this.#parts = { settings, log, now, fork };
  }

  /** Now, and every few seconds. */
  async begin(pool: Pool): Promise<void> {
    this.#pool = pool;
    await this.report();
    this.#timer = setInterval(() => void this.report(), REPORT_EVERY_MS);
    this.#timer.unref();
  }

  /** What was said last. */
  async read(em: EntityManager): Promise<EngineStatus> {
    const { hello, missing, command } = await this.#parts.settings.read(em, engineSettings);
    if (hello) return { state: 'ready', hello };
    return missing === null ? { state: 'unknown' } : { state: 'missing', missing, command };
  }

  /** How the engines are. One after the other; all that changes while one is written is in the next. */
  report(): Promise<void> {
    const pool = this.#pool;
    if (!pool) return this.#reported;
    const { fork, now, log } = this.#parts;
    this.#next ??= this.#reported
      .then(() => {
        this.#next = null;
        return report(fork(), pool, now());
      })
      .catch((error) => log.warn({ err: error }, 'engine'));
    this.#reported = this.#next;
    return this.#reported;
  }

  /** The same in a moment, once for all that changes until then. */
  reportSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      void this.report();
    }, SOON_MS).unref();
  }

  /** A GPU that was free at the check may not be when the engine starts: what it says then counts. */
  async keepHello(hello: EngineHello | null): Promise<void> {
    const known = await this.#parts.settings.read(this.#parts.fork(), engineSettings);
    if (hello && JSON.stringify(known.hello) !== JSON.stringify(hello)) await this.write({ hello, missing: null });
  }

  /** One after the other: a server says what it has while it is looked at. */
  write(spoken: Written): Promise<void> {
    const written = this.#written.then(() => this.#writeNow(spoken));
    this.#written = written.catch(() => {});
    return written;
  }

  /** Nothing more is reported; `settled` waits for what was. */
  end(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#pool = null;
  }

  async settled(): Promise<void> {
    await this.#reported;
    await this.#written;
  }

  async #writeNow({ hello, missing, command = INSTALL_COMMAND }: Written): Promise<void> {
    const { fork, settings, now } = this.#parts;
    const em = fork();
    await settings.write(em, engineSettings, { hello, missing, command }, now());
    await em.flush();
  }
}
