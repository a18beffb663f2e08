import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import type { Log } from '../kit/log.ts';
import type { Places } from '../kit/queue/define.ts';
import { defineSettings, type Settings } from '../kit/settings.ts';
import type { Files } from '../kit/storage/files.ts';
import { checkEngine, type EngineCheck, INSTALL_COMMAND } from './engine/check.ts';
import type { Engine } from './engine/engine.ts';
import { EngineProcess } from './engine/process.ts';
import { type EngineEvent, type EngineHello, type EngineRoots, Hello } from './engine/protocol.ts';
import { type EngineListener, failed, type JobOutcome } from './engine/running-jobs.ts';
import { findSandbox } from './engine/sandbox.ts';
import { ENGINE_LIMITS, type EngineLimits } from './engine/watchdog.ts';
import { type DeviceNumber, deviceEnv, listDevices } from './gpu/devices.ts';
import { Pool, Seat, type SeatEngine, type SeatWork } from './gpu/pool.ts';
import { report } from './gpu/registry.ts';
import { ModelCache, type ModelSource } from './models/cache.ts';
import { registerModelsFolder } from './models/folder.ts';
import { findRunnerHello } from './runners/adopt.ts';
import { RunnerSeats } from './runners/seats.ts';
import { makeServerEngine, type ServerChoice } from './server/choose.ts';

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
const warmSettings = defineSettings('compute.warm', z.object({ sha256: z.string().nullable().default(null) }));

export interface EnginesOptions {
  readonly engine: 'auto' | 'diffusers' | 'comfyui' | 'sdapi' | 'none';
  /** The server that stands in the place of our own engine, or null. */
  readonly server: ServerChoice | null;
  /** Null takes .venv beside package.json, where it is. */
  readonly pythonPath: string | null;
  readonly testFamilies: boolean;
  /** `required` runs no engine where there is no sandbox. */
  readonly sandbox: 'auto' | 'required' | 'off';
  /** Absolute; the engine's own files lie in `engine/` there. */
  readonly dataDir: string;
  readonly modelsDir: string | null;
  readonly files: Files;
  readonly settings: Settings;
  readonly log: Log;
  readonly now: () => Date;
  readonly fork: () => EntityManager;
  /** Tests make the waits short. */
  readonly limits?: Partial<EngineLimits>;
  /** As CUDA numbers them; null takes all that the driver names. */
  readonly devices: string | null;
}

/** What a job of the engine is, besides its id. */
export interface EngineWork {
  readonly type: 'generate' | 'train' | 'resume' | 'caption';
  readonly params: object;
  /** The model that it needs first; an engine that has it is chosen, if one is free. Null: none of the cache. */
  readonly model: string | null;
  /** Of the model; null runs on any engine. */
  readonly family: string | null;
  readonly sources: readonly ModelSource[];
  /** Of the job's run. */
  readonly fence: number;
  readonly signal: AbortSignal;
  readonly listener: EngineListener;
  /** Called once it runs with what pauses it, and the memory of its device in MiB, 0 without a GPU. */
  readonly onPausable?: (pause: (release: boolean) => void, vramMb: number) => void;
}

/** How it ended, and what it took of which engine. */
export interface EngineRun {
  readonly outcome: JobOutcome;
  /** '' when no engine was to be had. */
  readonly engineId: string;
  readonly device: EngineHello['device'] | null;
  readonly seconds: number;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/**
 * In the sources, which stand beside what was built: nothing is built of Python.
 * @public for the test of what was built
 */
export const ENGINE_DIR = join(ROOT, 'src/compute/engine');
const SANDBOX_COMMAND = 'apt install bubblewrap';
/** The check imports torch: later than the first pages, which it would slow down. */
const CHECK_AFTER_MS = 3_000;
const REPORT_EVERY_MS = 3_000;
const STALE_JOB_FILE_MS = 86_400_000;

/** The engines of this process: looked at once, started with the first job, kept warm, and ended with the node. */
export class Engines {
  readonly #options: EnginesOptions;
  readonly #pythonPath: string | null;
  readonly #jobDir: string;
  readonly #captionerDir: string | null;
  readonly cache: ModelCache;
  #pool: Pool | null = null;
  #runners: RunnerSeats | null = null;
  #reporting: NodeJS.Timeout | undefined;
  #reported: Promise<void> = Promise.resolve();
  #written: Promise<void> = Promise.resolve();
  #checking: Promise<EngineCheck> | null = null;
  #runBy: readonly string[] | null = null;
  #isServing = false;
  #timer: NodeJS.Timeout | undefined;
  #registering: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(options: EnginesOptions) {
    this.#options = options;
    this.#pythonPath = options.pythonPath ?? pythonBeside();
    this.#jobDir = join(options.dataDir, 'engine', 'jobs');
    this.#captionerDir = captionerBeside(options);
    this.cache = new ModelCache(join(options.dataDir, 'engine', 'models'), options.files);
  }

  /** This process runs gpu jobs: it is the one that says what the engine can do. */
  async serve(): Promise<void> {
    this.#isServing = true;
    await mkdir(this.#jobDir, { recursive: true });
    await this.cache.open();
    await removeStale(this.#jobDir);
    const { modelsDir, fork, log, now, devices, files, limits, server } = this.#options;
    const places = !this.#isWanted() ? [] : server ? [server.kind] : await listDevices(devices);
    const pool = new Pool(places.map((device) => this.#makeSeat(device)));
    this.#pool = pool;
    const { heartbeatMs: lostMs, cancelMs } = { ...ENGINE_LIMITS, ...limits };
    this.#runners = new RunnerSeats(pool, { fork, files, now, log, jobDir: this.#jobDir, lostMs, cancelMs });
    await this.#runners.open();
    if (this.#isWanted()) {
      this.#timer = setTimeout(() => void this.warmUp().catch((error) => this.#say(error)), CHECK_AFTER_MS);
      this.#timer.unref();
    }
    await this.#report();
    this.#reporting = setInterval(() => void this.#report(), REPORT_EVERY_MS);
    this.#reporting.unref();
    if (modelsDir === null || !this.#isWanted()) return;
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
    if (!this.#isWanted()) return { state: 'off' };
    const { settings } = this.#options;
    let spoken = await settings.read(em, engineSettings);
    if (!spoken.hello && this.#isServing) {
      await this.#look();
      spoken = await settings.read(em, engineSettings);
    }
    const { hello, missing, command } = spoken;
    if (hello) return { state: 'ready', hello };
    return missing === null ? { state: 'unknown' } : { state: 'missing', missing, command };
  }

  /** The folder of the operator was read. */
  async registered(): Promise<void> {
    await this.#registering;
  }

  /** For what is done beside the engine; null where there is none. */
  get pythonPath(): string | null {
    return this.#isWanted() ? this.#pythonPath : null;
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
      usable: () => this.#pool?.usable() ?? 1,
      loaded: () => this.#pool?.loaded() ?? [],
    };
  }

  /** Lays a picture that a job begins from into its folder; `clean` takes it away with the rest. */
  async bringInput(name: string, sha256: string): Promise<void> {
    await pipeline(this.#options.files.open(sha256), createWriteStream(this.jobFile(name)));
  }

  /** Loads, makes, and tells `listener`; the models are brought to the engine first. */
  async run(jobId: string, work: EngineWork): Promise<EngineRun> {
    const none = (outcome: JobOutcome): EngineRun => ({ outcome, engineId: '', device: null, seconds: 0 });
    const pool = this.#pool;
    const check = this.#isWanted() ? await this.#look() : null;
    // a runner may have come this moment
    if (!check?.ok && !pool?.hasRunners) await this.#runners?.look();
    if (!pool || (!check?.ok && !pool.hasRunners)) {
      const missing = !check || check.ok ? 'a process that serves it' : check.missing;
      const command = check && !check.ok ? check.command : INSTALL_COMMAND;
      return none(failed('engine_crashed', `The engine needs ${missing}. ${command}`.trim(), false));
    }
    const { type, signal, sources, model, family } = work;
    // the tagger lies on this machine
    const seat = await pool.take(jobId, { model, family, isLocal: type === 'caption' }, signal);
    // a runner brings the models to itself
    const isHere = seat?.runnerId === null;
    let release = () => {};
    try {
      if (seat && isHere) release = await this.#hold(seat, sources, signal);
      if (signal.aborted) return none({ state: 'cancelled', partial: [] });
      if (!seat || !(await seat.engine.start())) {
        return none(failed('engine_crashed', 'The engine does not start.', true));
      }
      const { hello } = seat.engine;
      if (isHere) await this.#keepHello(hello);
      const loadBytes = seat.model === model || !isHere ? 0 : await this.cache.bytesOf(sources);
      if (model !== null) seat.model = model;
      void this.#report();
      const startedAtMs = performance.now();
      const outcome = await this.#drive(seat.engine, jobId, work, loadBytes);
      const seconds = (performance.now() - startedAtMs) / 1000;
      if (outcome.state === 'done' && isHere && model !== null) await this.#keepWarm(model);
      return { outcome, engineId: seat.id, device: hello?.device ?? null, seconds };
    } finally {
      if (seat) seat.jobId = null;
      release();
      void this.#report();
    }
  }

  /** A server that has files of its own loads those; all others find what a job needs in the folder of this node. */
  #hold(seat: Seat, sources: readonly ModelSource[], signal: AbortSignal): Promise<() => void> {
    const hasItsOwn = seat.engine.hello?.caps.files != null;
    return hasItsOwn ? Promise.resolve(() => {}) : this.cache.hold(sources, signal);
  }

  async #drive(engine: SeatEngine, jobId: string, work: EngineWork, loadBytes: number): Promise<JobOutcome> {
    const { type, params, signal, listener, onPausable, fence, sources } = work;
    if (signal.aborted) return { state: 'cancelled', partial: [] };
    const cancel = () => engine.cancel(jobId);
    signal.addEventListener('abort', cancel, { once: true });
    onPausable?.((isReleasing) => engine.pause(jobId, isReleasing), engine.hello?.device.vram_total ?? 0);
    const asked: SeatWork = { type, params, listener, loadBytes, fence, sources };
    try {
      return await engine.run(jobId, asked);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** The files of a job that ended, whole or not. */
  async clean(jobId: string): Promise<void> {
    const names = await readdir(this.#jobDir);
    const its = names.filter((name) => name.startsWith(jobId) || name.startsWith(`.${jobId}`));
    await Promise.all(its.map((name) => rm(join(this.#jobDir, name), { force: true })));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    await this.#registering;
    clearInterval(this.#reporting);
    await this.#runners?.close();
    await this.#pool?.close();
    await this.#reported;
    await this.#written;
    await this.#checking?.catch(() => {});
  }

  #isWanted(): boolean {
    return this.#options.engine !== 'none';
  }

  #look(): Promise<EngineCheck> {
    this.#checking ??= this.#check();
    return this.#checking;
  }

  async #check(): Promise<EngineCheck> {
    const { testFamilies, server } = this.#options;
    const check = await (server
      ? this.#checkServer(server)
      : checkEngine(this.#pythonPath, ENGINE_DIR, testFamilies, this.#captionerDir).then((its) => this.#enclose(its)));
    for (const seat of this.#pool?.seats ?? []) if (seat.runnerId === null) seat.isAbsent = !server && !check.ok;
    await this.#write(check.ok ? { hello: check.hello, missing: null } : { hello: null, ...check });
    if (!check.ok) this.#options.log.warn({ missing: check.missing, command: check.command }, 'engine');
    // looked at again when somebody asks after a while: it may have been installed since
    if (!check.ok) setTimeout(() => (this.#checking = null), 10_000).unref();
    return check;
  }

  /** Finds the sandbox of engines that run here. */
  async #enclose(check: EngineCheck): Promise<EngineCheck> {
    const { sandbox, dataDir, log } = this.#options;
    if (!check.ok || sandbox === 'off' || this.#pythonPath === null) return check;
    const room = { pythonPath: this.#pythonPath, engineDir: ENGINE_DIR, roots: this.#roots(), dataDir };
    await mkdir(this.#jobDir, { recursive: true });
    await mkdir(this.cache.folder, { recursive: true });
    this.#runBy = await findSandbox(room);
    if (this.#runBy !== null) return check;
    if (sandbox === 'required')
      return { ok: false, missing: 'bubblewrap (bwrap) that works', command: SANDBOX_COMMAND };
    log.warn(
      'the engine runs without a sandbox of its own: bubblewrap (bwrap) is not here, or may not make namespaces',
    );
    return check;
  }

  #roots(): EngineRoots {
    const folders = { models: this.cache.folder, loras: this.cache.folder, job: this.#jobDir };
    return this.#captionerDir === null ? folders : { ...folders, captioner: this.#captionerDir };
  }

  #makeSeat(device: DeviceNumber): Seat {
    return new Seat(`${hostname().slice(0, 60)}/${device ?? 'engine'}`, device ?? '', (onEvent) =>
      this.#makeEngine(device, onEvent),
    );
  }

  async #checkServer({ address }: ServerChoice): Promise<EngineCheck> {
    const engine = this.#pool?.seats[0]?.engine;
    if (engine && (await engine.start()) && engine.hello) return { ok: true, hello: engine.hello };
    return { ok: false, missing: `an answer of ${address.host}`, command: '' };
  }

  #makeEngine(device: DeviceNumber, onEvent: (event: EngineEvent) => void): Engine {
    const { testFamilies, log, limits, server } = this.#options;
    const onChange = () => void this.#report();
    if (server) {
      return makeServerEngine(server, {
        ...{ jobDir: this.#jobDir, modelsFolder: this.cache.folder, onChange },
        onLog: (line) => log.info({ line, server: server.kind }, 'engine'),
        onEvent: (event) => {
          onEvent(event);
          // its lists of files change while it runs
          if (event.t === 'hello') void this.#keepHello(event).catch((error) => this.#say(error));
        },
      });
    }
    return new EngineProcess({
      pythonPath: this.#pythonPath ?? '',
      engineDir: ENGINE_DIR,
      env: deviceEnv(device),
      roots: this.#roots(),
      ...(this.#runBy ? { runBy: this.#runBy } : {}),
      testFamilies,
      onEvent,
      onLog: (line) => log.debug({ line, device }, 'engine'),
      onChange,
      ...(limits ? { limits } : {}),
    });
  }

  /** One after the other; a state that passes while one is written is in the next. */
  #report(): Promise<void> {
    const pool = this.#pool;
    if (!pool || this.#closing.signal.aborted) return this.#reported;
    const { fork, now } = this.#options;
    this.#reported = this.#reported.then(() => report(fork(), pool, now())).catch((error) => this.#say(error));
    return this.#reported;
  }

  /** On a GPU the model that was used last is loaded before somebody asks for it. */
  async warmUp(): Promise<void> {
    const check = await this.#look();
    const seat = this.#pool?.seats.find(({ runnerId }) => runnerId === null);
    if (!check.ok || check.hello.device.kind === 'cpu' || !seat) return;
    const { settings, fork } = this.#options;
    const { sha256 } = await settings.read(fork(), warmSettings);
    if (sha256 === null || !seat.isFree || !(await this.cache.has(sha256))) return;
    const sources = [{ sha256, path: null }];
    const release = await this.cache.hold(sources, this.#closing.signal);
    try {
      if (!(await seat.engine.start())) return;
      const bytes = await this.cache.bytesOf(sources);
      const answer = await seat.engine.load({ file: ModelCache.fileOf(sha256), sha256 }, bytes);
      if (answer?.t === 'loaded') seat.model = sha256;
    } finally {
      release();
      await this.#report();
    }
  }

  async #keepWarm(sha256: string): Promise<void> {
    const { settings, fork, now } = this.#options;
    const em = fork();
    if ((await settings.read(em, warmSettings)).sha256 === sha256) return;
    await settings.write(em, warmSettings, { sha256 }, now());
    await em.flush();
  }

  /** A GPU that was free at the check may not be when the engine starts: what it says then counts. */
  async #keepHello(hello: EngineHello | null): Promise<void> {
    const known = await this.#options.settings.read(this.#options.fork(), engineSettings);
    if (hello && JSON.stringify(known.hello) !== JSON.stringify(hello)) await this.#write({ hello, missing: null });
  }

  /** One after the other: a server says what it has while it is looked at. */
  #write(spoken: Written): Promise<void> {
    const written = this.#written.then(() => this.#writeNow(spoken));
    this.#written = written.catch(() => {});
    return written;
  }

  async #writeNow({ hello, missing, command = INSTALL_COMMAND }: Written): Promise<void> {
    const em = this.#options.fork();
    const value = { hello, missing, command };
    await this.#options.settings.write(em, engineSettings, value, this.#options.now());
    await em.flush();
  }

  #say(error: unknown): void {
    this.#options.log.warn({ err: error }, 'engine');
  }
}

/** The environment that `npm run engine:install` made, where there is one. */
export function pythonBeside(): string | null {
  const path = join(ROOT, '.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  return existsSync(path) ? path : null;
}

/** Where the operator put a tagger; looked at when the process starts. */
function captionerBeside({ modelsDir, dataDir }: Pick<EnginesOptions, 'modelsDir' | 'dataDir'>): string | null {
  const folders = [...(modelsDir === null ? [] : [join(modelsDir, 'captioner')]), join(dataDir, 'engine', 'captioner')];
  return folders.find((folder) => existsSync(join(folder, 'model.onnx'))) ?? null;
}

/** What a process that died left in the folder of the jobs. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > STALE_JOB_FILE_MS) await rm(path, { force: true });
  }
}
