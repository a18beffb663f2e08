import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/core';
import { fromJson, rows, toBoolean } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Files } from '../../kit/storage/files.ts';
import type { EngineCondition } from '../engine/engine.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { failed, type JobOutcome } from '../engine/running-jobs.ts';
import type { SeatEngine, SeatWork } from '../gpu/pool.ts';
import type { ModelSource } from '../models/cache.ts';
import { isFileOf } from './accept.ts';
import type { RunnerOrder } from './model.ts';
import { givenBack, offerOrder, removeOrder } from './orders.ts';
import type { OrderFile, PassedEvent, RunnerDevice } from './protocol.ts';

export interface RemoteEngineOptions {
  readonly runnerId: string;
  readonly device: RunnerDevice;
  readonly fork: () => EntityManager;
  readonly files: Files;
  readonly now: () => Date;
  /** Where the files of jobs lie here. */
  readonly jobDir: string;
  /** A runner that says nothing of its work for that long has lost it. */
  readonly lostMs: number;
  readonly cancelMs: number;
}

const LOOK_EVERY_MS = 100;
const MOST_READ = 200;

/**
 * An engine on a runner, as its process on this machine would be. It writes an order and reads what comes back from the
 * database, since the runner may talk to another process of the node.
 */
export class RemoteEngine implements SeatEngine {
  readonly #options: RemoteEngineOptions;
  #device: RunnerDevice;
  /** The order of the job that runs, or null. */
  #orderId: string | null = null;
  #cancelledAtMs: number | null = null;
  #isStopped = false;
  /** It gave work back: it gets no more until somebody looked whether it is still there. */
  #isAway = false;

  constructor(options: RemoteEngineOptions) {
    this.#options = options;
    this.#device = options.device;
  }

  get state(): EngineCondition {
    if (this.#isAway) return 'probing';
    // an engine that is not started yet starts with its first job
    return this.#device.state === 'stopped' || this.#device.state === 'starting' ? 'ready' : this.#device.state;
  }

  get hello(): EngineHello | null {
    return this.#device.hello;
  }

  get health(): { readonly crashes: number; readonly lastCrash: string | null } {
    const { crashes, lastCrash } = this.#device;
    return { crashes, lastCrash };
  }

  /** What the runner said of it last. */
  heard(device: RunnerDevice): void {
    this.#device = device;
    this.#isAway = false;
  }

  async start(): Promise<boolean> {
    return !this.#isStopped;
  }

  /** The runner looks after its engines itself. */
  async reset(): Promise<boolean> {
    return true;
  }

  async load(): Promise<null> {
    return null;
  }

  cancel(): void {
    this.#cancelledAtMs ??= performance.now();
    void this.#wish('cancel');
  }

  pause(_jobId: string, release: boolean): void {
    void this.#wish(release ? 'release' : 'pause');
  }

  async shutdown(): Promise<void> {
    this.#isStopped = true;
  }

  async run(jobId: string, { type, params, fence, sources, listener }: SeatWork): Promise<JobOutcome> {
    const { fork, now, runnerId } = this.#options;
    this.#cancelledAtMs = null;
    if (type === 'caption' || type === 'merge') return failed('unsupported', `A runner does not ${type}.`, false);
    const files = [...(await this.#modelsOf(sources)), ...(await this.#inputsOf(jobId))];
    const id = await offerOrder(
      fork(),
      { runnerId, device: this.#device.device, jobId, fence, type, params, files },
      now(),
    );
    this.#orderId = id;
    if (this.#isCancelled()) await this.#wish('cancel');
    try {
      const outcome = await this.#follow(id, jobId, listener);
      this.#isAway = outcome.state === 'failed' && outcome.code === 'gpu_lost';
      return outcome;
    } finally {
      this.#orderId = null;
      await removeOrder(fork(), id);
    }
  }

  readonly #isCancelled = (): boolean => this.#cancelledAtMs !== null;

  async #modelsOf(sources: readonly ModelSource[]): Promise<OrderFile[]> {
    const { files } = this.#options;
    return Promise.all(
      sources.map(async ({ sha256, path }) => {
        const found = path ? await stat(path).catch(() => null) : null;
        const totalBytes = found?.size ?? (await files.stat(sha256))?.totalBytes;
        if (totalBytes === undefined) throw new AppError('not_found', 'The bytes of this model are not here any more.');
        return { sha256, totalBytes, input: null };
      }),
    );
  }

  /** Pictures and states that lie here for the job: they become blobs, which every process of the node can hand out. */
  async #inputsOf(jobId: string): Promise<OrderFile[]> {
    const { jobDir, files } = this.#options;
    const inputs: OrderFile[] = [];
    for (const name of await readdir(jobDir)) {
      if (!isFileOf(jobId, name)) continue;
      const { sha256, totalBytes } = await files.put(createReadStream(`${jobDir}/${name}`));
      inputs.push({ sha256, totalBytes, input: name });
    }
    return inputs;
  }

  /** Reads what comes until it has ended, or the runner has lost it. */
  async #follow(id: string, jobId: string, listener: SeatWork['listener']): Promise<JobOutcome> {
    const { fork, lostMs, cancelMs } = this.#options;
    let position = -1;
    let heardAtMs = performance.now();
    let seen = '';
    for (;;) {
      const [row] = await rows<{ state: RunnerOrder['state']; outcome: unknown; seen_at: unknown; has_left: unknown }>(
        fork(),
        `select o.state, cast(o.outcome as text) as outcome, o.seen_at, (r.seen_at is null) as has_left
         from runner_order o join runner r on r.id = o.runner_id where o.id = ?`,
        [id],
      );
      if (!row) return givenBack('The work of the runner was taken from it.');
      // the outcome was written after all that was said, so what is read now is everything
      position = await this.#readEvents(id, jobId, position, listener);
      if (row.state === 'ended') return await this.#ended(id, jobId, fromJson<JobOutcome>(row.outcome));
      if (row.state === 'offered' && toBoolean(row.has_left)) return givenBack('The runner left.');
      const nowMs = performance.now();
      // its own clock and its own times: those of the machines may differ
      if (String(row.seen_at) !== seen) heardAtMs = nowMs;
      seen = String(row.seen_at);
      if (nowMs - heardAtMs > lostMs) {
        await rows(fork(), 'update runner set seen_at = null where id = ? returning id', [this.#options.runnerId]);
        return givenBack('The runner is gone.');
      }
      if (this.#cancelledAtMs !== null && (row.state === 'offered' || nowMs - this.#cancelledAtMs > cancelMs)) {
        return { state: 'cancelled', partial: [] };
      }
      await wait(LOOK_EVERY_MS);
    }
  }

  async #readEvents(id: string, jobId: string, after: number, listener: SeatWork['listener']): Promise<number> {
    const { fork } = this.#options;
    let position = after;
    for (;;) {
      const found = await rows<{ position: number; event: string }>(
        fork(),
        `select position, cast(event as text) as event from runner_event where order_id = ? and position > ?
         order by position limit ${MOST_READ}`,
        [id, position],
      );
      for (const row of found) {
        const event = JSON.parse(row.event) as PassedEvent;
        if (event.t === 'checkpoint' || event.t === 'sample') await this.#bring(jobId, event);
        await listener(event);
        position = row.position;
      }
      if (found.length > 0) {
        await rows(fork(), 'delete from runner_event where order_id = ? and position <= ? returning position', [
          id,
          position,
        ]);
      }
      if (found.length < MOST_READ) return position;
    }
  }

  async #ended(id: string, jobId: string, outcome: JobOutcome | null): Promise<JobOutcome> {
    if (!outcome) return givenBack(`The runner did not say how ${id} ended.`);
    if (outcome.state === 'done') for (const image of outcome.images) await this.#bring(jobId, image);
    return outcome;
  }

  /** A file that was returned, where a local engine would have left it. What is in it was checked when it came. */
  async #bring(jobId: string, { file, sha256 }: { readonly file: string; readonly sha256: string }): Promise<void> {
    if (!isFileOf(jobId, file)) throw new AppError('invalid', 'The runner named a file of another job.');
    const { files, jobDir } = this.#options;
    const hash = createHash('sha256');
    await pipeline(
      files.open(sha256),
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(`${jobDir}/${file}`),
    );
    if (hash.digest('hex') !== sha256) throw new AppError('unavailable', 'A file of the runner is damaged.');
  }

  async #wish(wish: NonNullable<RunnerOrder['wish']>): Promise<void> {
    if (this.#orderId === null) return;
    // a cancel outdoes a pause, and nothing outdoes a cancel
    const which = wish === 'cancel' ? '' : 'and wish is null';
    await rows(this.#options.fork(), `update runner_order set wish = ? where id = ? ${which} returning id`, [
      wish,
      this.#orderId,
    ]).catch(() => []); // asked again by what asked, or the order is lost with the database
  }
}
