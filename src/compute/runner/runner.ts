import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../kit/errors.ts';
import type { Log } from '../../kit/log.ts';
import { checkEngine } from '../engine/check.ts';
import { EngineProcess } from '../engine/process.ts';
import type { JobOutcome } from '../engine/running-jobs.ts';
import { failed } from '../engine/running-jobs.ts';
import type { EngineLimits } from '../engine/watchdog.ts';
import { enclose, type SandboxChoice } from '../engines/enclose.ts';
import { ENGINE_DIR } from '../engines/find.ts';
import { deviceEnv, listDevices } from '../gpu/devices.ts';
import { givenBack } from '../runners/orders.ts';
import { type Order, RUNNER_PROTOCOL, type RunnerDevice } from '../runners/protocol.ts';
import type { NodeClient } from './client.ts';
import { RunnerFiles } from './files.ts';
import { Report } from './report.ts';

export interface RunnerOptions {
  readonly client: NodeClient;
  readonly pythonPath: string | null;
  /** As CUDA numbers them; null takes all that the driver names. */
  readonly devices: string | null;
  /** Absolute. */
  readonly dataDir: string;
  readonly cacheBytes: number;
  /** Name and version of the program. */
  readonly program: string;
  readonly testFamilies: boolean;
  readonly sandbox: SandboxChoice;
  readonly compiles?: boolean;
  readonly log: Log;
  readonly limits?: Partial<EngineLimits>;
  readonly beatMs?: number;
  /** What a generation gets to end by itself when the runner stops, and a training to write its state. */
  readonly graceMs?: number;
  readonly partBytes?: number;
}

const BEAT_MS = 1_000;
const GRACE_MS = 60_000;
const MOST_WORDS_MS = 10_000;
/** An engine that is broken is tried again after a while, by its supervisor. */
const BROKEN_MS = 5_000;

interface Place {
  /** '' is the only one. */
  readonly device: string;
  readonly engine: EngineProcess;
}

/** Lends the engines of this machine to a node, until it is told to stop or the node wants it no more. */
export class RunnerProcess {
  readonly #options: RunnerOptions;
  readonly #jobDir: string;
  readonly #files: RunnerFiles;
  readonly #stopping = new AbortController();
  #places: readonly Place[] = [];
  #said = '';
  #name = '';

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { client, dataDir, cacheBytes, partBytes } = options;
    this.#jobDir = join(dataDir, 'jobs');
    this.#files = new RunnerFiles({
      ...{ client, dataDir, cacheBytes, jobDir: this.#jobDir },
      ...(partBytes === undefined ? {} : { partBytes }),
    });
  }

  /** Ends when `stop` was called. Throws `unavailable` without an engine, and what the node refuses it with. */
  async run(): Promise<void> {
    const { log } = this.#options;
    await this.#files.open();
    await this.#clean('');
    this.#places = await this.#open();
    try {
      await this.#hello(this.#stopping.signal);
      log.info({ name: this.#name, devices: this.#places.length }, 'at work');
      await Promise.all(this.#places.map((place) => this.#serve(place)));
    } catch (error) {
      this.stop();
      if (!isStop(error)) throw error;
    } finally {
      await this.#options.client.leave();
      await Promise.all(this.#places.map(({ engine }) => engine.shutdown()));
    }
  }

  /** Takes nothing more, ends what it does or gives it back, and lets `run` return. */
  stop(): void {
    this.#stopping.abort();
  }

  async #open(): Promise<Place[]> {
    const { pythonPath, testFamilies, compiles = false, devices, dataDir, limits, log } = this.#options;
    const roots = { models: this.#files.cache.folder, loras: this.#files.cache.folder, job: this.#jobDir };
    const room = { pythonPath: pythonPath ?? '', engineDir: ENGINE_DIR, roots, dataDir };
    const { check, runBy } = await enclose(
      await checkEngine(pythonPath, ENGINE_DIR, testFamilies),
      room,
      this.#options,
    );
    if (!check.ok)
      throw new AppError('unavailable', `There is no engine here: it needs ${check.missing}. ${check.command}`);
    const places = (await listDevices(devices)).map((device) => ({
      device: device ?? '',
      engine: new EngineProcess({
        ...{ pythonPath: pythonPath ?? '', engineDir: ENGINE_DIR, env: deviceEnv(device), roots },
        ...{ testFamilies, compiles },
        runBy: () => runBy,
        onLog: (line) => log.debug({ line, device }, 'engine'),
        ...(limits ? { limits } : {}),
      }),
    }));
    const started = await Promise.all(places.map(({ engine }) => engine.start()));
    const good = places.filter((_, n) => started[n]);
    if (good.length === 0) throw new AppError('unavailable', 'The engine does not start. Try npm run engine:doctor.');
    return good;
  }

  /** Says what is here, also when it changed. */
  async #hello(signal: AbortSignal): Promise<void> {
    const { client, program } = this.#options;
    const devices = this.#places.flatMap(deviceOf);
    const { name } = await client.insist(signal, () =>
      client.hello({ protocol: RUNNER_PROTOCOL, program, devices }, signal),
    );
    this.#name = name;
    this.#said = JSON.stringify(devices);
  }

  async #serve(place: Place): Promise<void> {
    const { client, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (JSON.stringify(this.#places.flatMap(deviceOf)) !== this.#said) await this.#hello(signal);
      if (place.engine.state === 'broken' || place.engine.state === 'probing') {
        await wait(BROKEN_MS, null, { signal });
        continue;
      }
      const { order } = await client.insist(signal, async () => {
        try {
          return await client.claim(place.device, signal);
        } catch (error) {
          // a node that was away, or another one by now, is told anew what is here
          this.#said = '';
          throw error;
        }
      });
      if (!order) continue;
      log.info({ job: order.jobId, type: order.type }, 'taken');
      const said = await this.#work(place, order);
      log.info({ job: order.jobId, said }, 'ended');
    }
  }

  /** One order from its files to its outcome. Returns a word for the log. */
  async #work({ engine }: Place, order: Order): Promise<string> {
    const { client, beatMs = BEAT_MS, dataDir, graceMs = GRACE_MS } = this.#options;
    const outbox = join(dataDir, 'outbox');
    let isCancelled = false;
    const report = new Report(order, { client, files: this.#files, jobDir: this.#jobDir, outbox, beatMs }, (wish) => {
      if (wish === 'cancel') cancel();
      else engine.pause(order.jobId, wish === 'release');
    });
    const cancel = () => {
      isCancelled = true;
      bringing.abort();
      engine.cancel(order.jobId);
    };
    const bringing = new AbortController();
    report.signal.addEventListener('abort', cancel, { once: true });
    let late: NodeJS.Timeout | undefined;
    let isGivenBack = false;
    const giveBack = () => {
      if (order.type !== 'generate') engine.pause(order.jobId, true);
      late = setTimeout(() => {
        isGivenBack = true;
        cancel();
        // a node that is away learns it from the end of the lease
        late = setTimeout(() => report.stop(), Math.min(graceMs, MOST_WORDS_MS));
      }, graceMs);
    };
    this.#stopping.signal.addEventListener('abort', giveBack, { once: true });
    let release = () => {};
    try {
      let outcome: JobOutcome;
      try {
        release = await this.#files.bring(order, bringing.signal);
        outcome = isCancelled
          ? { state: 'cancelled', partial: [] }
          : await engine.run(order.jobId, {
              ...{ type: order.type, params: order.params, listener: (event) => report.take(event) },
              loadBytes: order.files.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
            });
      } catch (error) {
        outcome = isCancelled ? { state: 'cancelled', partial: [] } : notBrought(error);
      }
      await report.finish(isGivenBack ? givenBack('The runner was stopped.') : outcome);
      if (report.failure) throw report.failure;
      return report.signal.aborted ? 'overtaken' : outcome.state;
    } catch (error) {
      // what the node refused is over; a token that is worth nothing ends the runner
      if (error instanceof AppError && error.kind === 'unauthenticated') throw error;
      return `refused: ${error instanceof Error ? error.message : error}`;
    } finally {
      report.stop();
      clearTimeout(late);
      this.#stopping.signal.removeEventListener('abort', giveBack);
      release();
      await this.#clean(order.jobId);
    }
  }

  /** The files of a job that ended, whole or not; '' is all of them, for nothing is gone on with after a restart. */
  async #clean(jobId: string): Promise<void> {
    for (const folder of [this.#jobDir, join(this.#options.dataDir, 'outbox')]) {
      for (const name of await readdir(folder).catch(() => [])) {
        if (name.startsWith(jobId) || name.startsWith(`.${jobId}`)) await rm(join(folder, name), { force: true });
      }
    }
  }
}

function deviceOf({ device, engine }: Place): RunnerDevice[] {
  const { hello, health, state } = engine;
  const lastCrash = health.lastCrash?.slice(0, 300) ?? null;
  return hello ? [{ device, state, crashes: health.crashes, lastCrash, hello }] : [];
}

/** The files of a job could not be had: another machine may have more luck. */
const notBrought = (error: unknown): JobOutcome =>
  failed('internal', error instanceof Error ? error.message.slice(0, 500) : 'The files could not be brought.', true);

const isStop = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
