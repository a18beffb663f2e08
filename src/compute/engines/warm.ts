import { z } from 'zod';
import { defineSettings } from '../../kit/settings.ts';
import type { Seat } from '../gpu/pool.ts';
import { ModelCache } from '../models/cache.ts';
import type { ReportParts } from './report.ts';

const warmSettings = defineSettings('compute.warm', z.object({ sha256: z.string().nullable().default(null) }));

/** Which model was used last, so that it is loaded before somebody asks for it. */
export class WarmModel {
  readonly #parts: Pick<ReportParts, 'settings' | 'fork' | 'now'>;
  readonly #cache: ModelCache;

  constructor(parts: Pick<ReportParts, 'settings' | 'fork' | 'now'>, cache: ModelCache) {
    this.#parts = parts;
    this.#cache = cache;
  }

  async keep(sha256: string): Promise<void> {
    const { settings, fork, now } = this.#parts;
    const em = fork();
    if ((await settings.read(em, warmSettings)).sha256 === sha256) return;
    await settings.write(em, warmSettings, { sha256 }, now());
    await em.flush();
  }

  /** Into an engine that is free, if the bytes are here. */
  async load(seat: Seat, signal: AbortSignal): Promise<void> {
    const { settings, fork } = this.#parts;
    const { sha256 } = await settings.read(fork(), warmSettings);
    if (sha256 === null || !seat.isFree || !(await this.#cache.has(sha256))) return;
    const sources = [{ sha256, path: null }];
    const release = await this.#cache.hold(sources, signal);
    try {
      if (!(await seat.start())) return;
      const bytes = await this.#cache.bytesOf(sources);
      const answer = await seat.engine.load({ file: ModelCache.fileOf(sha256), sha256 }, bytes);
      if (answer?.t === 'loaded') seat.model = sha256;
    } finally {
      release();
    }
  }
}
