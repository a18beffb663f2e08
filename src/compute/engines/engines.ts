import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { EntityManager } from '@mikro-orm/core';
import type { Places } from '../../kit/queue/define.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Files } from '../../kit/storage/files.ts';
import { INSTALL_COMMAND } from '../engine/check.ts';
import { failed } from '../engine/running-jobs.ts';
import { ENGINE_LIMITS } from '../engine/watchdog.ts';
import { Pool } from '../gpu/pool.ts';
import { ModelCache } from '../models/cache.ts';
import { registerModelsFolder } from '../models/folder.ts';
import { findRunnerHello } from '../runners/adopt.ts';
import { RunnerSeats } from '../runners/seats.ts';
import { driveJob, type EngineRun, type EngineWork, nothingRan } from './drive.ts';
import { EngineFinder, type FinderOptions } from './find.ts';
import { EngineReports, type EngineStatus } from './report.ts';
import { Rides } from './rides.ts';
import { WarmModel } from './warm.ts';

export interface EnginesOptions extends FinderOptions {
  readonly files: Files;
  readonly settings: Settings;
  readonly now: () => Date;
  readonly fork: () => EntityManager;
}

/** The check imports torch: later than the first pages, which it would slow down. */
const CHECK_AFTER_MS = 3_000;
const LOOK_EVERY_MS = 10_000;
const STALE_JOB_FILE_MS = 86_400_000;

/** The engines of this process: looked at once, started with the first job, kept warm, and ended with the node. */
export class Engines {
  readonly #options: EnginesOptions;
  readonly #jobDir: string;
  readonly cache: ModelCache;
  /** Generations that are made together. */
  readonly rides = new Rides(this);
  readonly #finder: EngineFinder;
  readonly #reports: EngineReports;
  readonly #warm: WarmModel;
  #pool: Pool | null = null;
  #runners: RunnerSeats | null = null;
  #timer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #registering: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(options: EnginesOptions) {
    this.#options = options;
    this.#jobDir = join(options.dataDir, 'engine', 'jobs');
    this.cache = new ModelCache(join(options.dataDir, 'engine', 'models'), options.files);
    this.#reports = new EngineReports(options);
    this.#warm = new WarmModel(options, this.cache);
    const folders = { jobDir: this.#jobDir, modelsFolder: this.cache.folder };
    this.#finder = new EngineFinder(options, folders, (check) =>
      this.#reports.write(check.ok ? { hello: check.hello, missing: null } : { hello: null, ...check }),
    );
  }

  /** This process runs gpu jobs: it is the one that says what the engine can do. */
  async serve(): Promise<void> {
    await mkdir(this.#jobDir, { recursive: true });
    await this.cache.open();
    await removeStale(this.#jobDir);
    const { modelsDir, fork, log, now, files, limits } = this.#options;
    const pool = new Pool(
      await this.#finder.makeSeats({
        onChange: () => void this.#reports.report(),
        onHello: (hello) => void this.#reports.keepHello(hello).catch((error) => this.#say(error)),
      }),
    );
    this.#pool = pool;
    const { heartbeatMs: lostMs, cancelMs } = { ...ENGINE_LIMITS, ...limits };
    this.#runners = new RunnerSeats(pool, { fork, files, now, log, jobDir: this.#jobDir, lostMs, cancelMs });
    await this.#runners.open();
    if (this.#finder.isWanted) {
      this.#timer = setTimeout(() => void this.warmUp().catch((error) => this.#say(error)), CHECK_AFTER_MS);
      this.#timer.unref();
      this.#lookTimer = setInterval(() => void this.look().catch((error) => this.#say(error)), LOOK_EVERY_MS);
      this.#lookTimer.unref();
    }
    await this.#reports.begin(pool);
    if (modelsDir === null || !this.#finder.isWanted) return;
    const { signal } = this.#closing;
    this.#registering = registerModelsFolder(fork, modelsDir, { log, now, signal }).catch((error) => this.#say(error));
  }

  /** What is here, or exactly what is missing. Where nothing is known yet, a process that serves looks first. */
  async status(em: EntityManager): Promise<EngineStatus> {
    const own = await this.#ownStatus(em);
    if (own.state === 'ready') return own;
    const hello = await findRunnerHello(em, this.#options.now());
    return hello ? { state: 'ready', hello } : own;
  }

  async #ownStatus(em: EntityManager): Promise<EngineStatus> {
    if (!this.#finder.isWanted) return { state: 'off' };
    const known = await this.#reports.read(em);
    if (known.state === 'ready' || !this.#pool) return known;
    await this.#finder.look();
    return this.#reports.read(em);
  }

  /** What the operator put in place since the start. */
  look(): Promise<void> {
    return this.#finder.lookForCaptioner();
  }

  /** The folder of the operator was read. */
  async registered(): Promise<void> {
    await this.#registering;
  }

  /** For what is done beside the engine; null where there is none. */
  get pythonPath(): string | null {
    return this.#finder.isWanted ? this.#finder.pythonPath : null;
  }

  /** Absolute path of a finished file of a job. */
  jobFile(name: string): string {
    if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) throw new Error(`The engine named a file ${name}.`);
    return join(this.#jobDir, name);
  }

  /** For the queue: as many jobs at once as there are engines that work. */
  places(): Places {
    return {
      most: Math.max(1, this.#pool?.seats.length ?? 1),
      usable: () => (this.#pool?.usable() ?? 1) - this.rides.orphans,
      loaded: () => this.#pool?.loaded() ?? [],
    };
  }

  /** Whether it pays here to make several requests together, by our own engine on this machine. */
  isBatching(): boolean {
    const { batching, server } = this.#options;
    const pool = this.#pool;
    const areAllHere = pool !== null && !pool.hasRunners && pool.seats.every(({ runnerId }) => runnerId === null);
    if (batching === 'off' || server || !areAllHere) return false;
    const { kind } = pool.hello()?.device ?? { kind: 'cpu' };
    return batching === 'on' || kind !== 'cpu';
  }

  /** Lays a picture that a job begins from into its folder; `clean` takes it away with the rest. */
  async bringInput(name: string, sha256: string): Promise<void> {
    await pipeline(this.#options.files.open(sha256), createWriteStream(this.jobFile(name)));
  }

  /** Loads, makes, and tells `listener`; the models are brought to the engine first. */
  async run(jobId: string, work: EngineWork): Promise<EngineRun> {
    const pool = this.#pool;
    const check = this.#finder.isWanted ? await this.#finder.look() : null;
    // a runner may have come this moment
    if (!check?.ok && !pool?.hasRunners) await this.#runners?.look();
    if (!pool || (!check?.ok && !pool.hasRunners)) {
      const missing = !check || check.ok ? 'a process that serves it' : check.missing;
      const command = check && !check.ok ? check.command : INSTALL_COMMAND;
      return nothingRan(failed('engine_crashed', `The engine needs ${missing}. ${command}`.trim(), false));
    }
    return driveJob({ pool, cache: this.cache, reports: this.#reports, warm: this.#warm }, jobId, work);
  }

  /** The files of a job that ended, whole or not. */
  async clean(jobId: string): Promise<void> {
    const names = await readdir(this.#jobDir);
    const its = names.filter((name) => name.startsWith(jobId) || name.startsWith(`.${jobId}`));
    await Promise.all(its.map((name) => rm(join(this.#jobDir, name), { force: true })));
  }

  /** On a GPU the model that was used last is loaded before somebody asks for it. */
  async warmUp(): Promise<void> {
    const check = await this.#finder.look();
    const seat = this.#pool?.seats.find(({ runnerId }) => runnerId === null);
    if (!check.ok || check.hello.device.kind === 'cpu' || !seat) return;
    await this.#warm.load(seat, this.#closing.signal).finally(() => this.#reports.report());
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearInterval(this.#lookTimer);
    this.#closing.abort();
    await this.#registering;
    this.#reports.end();
    await this.#runners?.close();
    await this.#pool?.close();
    await this.#reports.settled();
    await this.#finder.end();
  }

  #say(error: unknown): void {
    this.#options.log.warn({ err: error }, 'engine');
  }
}

/** What a process that died left in the folder of the jobs. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > STALE_JOB_FILE_MS) await rm(path, { force: true });
  }
}
