import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import type { Log } from '../kit/log.ts';
import { defineSettings, type Settings } from '../kit/settings.ts';
import type { Files } from '../kit/storage/files.ts';
import { checkEngine, type EngineCheck, INSTALL_COMMAND } from './engine/check.ts';
import { EngineProcess } from './engine/process.ts';
import { type EngineHello, type GenerateParams, Hello } from './engine/protocol.ts';
import { type EngineListener, failed, type JobOutcome } from './engine/running-jobs.ts';
import type { EngineLimits } from './engine/watchdog.ts';
import { ModelCache, type ModelSource } from './models/cache.ts';
import { registerModelsFolder } from './models/folder.ts';

/** What the pages know of the engine: its process may be another one, so it stands in the database. */
export type EngineStatus =
  | { readonly state: 'ready'; readonly hello: EngineHello }
  /** `missing` completes "The engine needs …"; `command` installs it. */
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
const engineSettings = defineSettings('compute.engine', Spoken);

export interface EnginesOptions {
  readonly engine: 'auto' | 'diffusers' | 'comfyui' | 'none';
  /** Null takes .venv beside package.json, where it is. */
  readonly pythonPath: string | null;
  readonly testFamilies: boolean;
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
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENGINE_DIR = fileURLToPath(new URL('./engine', import.meta.url));
/** The check imports torch: later than the first pages, which it would slow down. */
const CHECK_AFTER_MS = 3_000;
const STALE_JOB_FILE_MS = 86_400_000;

/** The engine of this process: looked at once, started with the first job, kept warm, and ended with the node. */
export class Engines {
  readonly #options: EnginesOptions;
  readonly #pythonPath: string | null;
  readonly #jobDir: string;
  readonly cache: ModelCache;
  #process: EngineProcess | null = null;
  #checking: Promise<EngineCheck> | null = null;
  #isServing = false;
  #timer: NodeJS.Timeout | undefined;
  #registering: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(options: EnginesOptions) {
    this.#options = options;
    this.#pythonPath = options.pythonPath ?? pythonBeside();
    this.#jobDir = join(options.dataDir, 'engine', 'jobs');
    this.cache = new ModelCache(join(options.dataDir, 'engine', 'models'), options.files);
  }

  /** This process runs gpu jobs: it is the one that says what the engine can do. */
  async serve(): Promise<void> {
    this.#isServing = true;
    await mkdir(this.#jobDir, { recursive: true });
    await this.cache.open();
    await removeStale(this.#jobDir);
    if (!this.#isWanted()) return;
    this.#timer = setTimeout(() => void this.#look().catch((error) => this.#say(error)), CHECK_AFTER_MS);
    this.#timer.unref();
    const { modelsDir, fork, log, now } = this.#options;
    if (modelsDir === null) return;
    const { signal } = this.#closing;
    this.#registering = registerModelsFolder(fork, modelsDir, { log, now, signal }).catch((error) => this.#say(error));
  }

  /** What is here, or exactly what is missing. Where nothing is known yet, a process that serves looks first. */
  async status(em: EntityManager): Promise<EngineStatus> {
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

  /** Absolute path of a finished file of a job. */
  jobFile(name: string): string {
    if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) throw new Error(`The engine named a file ${name}.`);
    return join(this.#jobDir, name);
  }

  /** Lays a picture that a job begins from into its folder; `clean` takes it away with the rest. */
  async bringInput(name: string, sha256: string): Promise<void> {
    await pipeline(this.#options.files.open(sha256), createWriteStream(this.jobFile(name)));
  }

  /** Loads, makes, and tells `listener`; the models are brought to the engine first. */
  async generate(
    jobId: string,
    params: GenerateParams,
    sources: readonly ModelSource[],
    { signal, listener }: { readonly signal: AbortSignal; readonly listener: EngineListener },
  ): Promise<JobOutcome> {
    const check = await this.#look();
    if (!check.ok) return failed('engine_crashed', `The engine needs ${check.missing}. ${check.command}`, false);
    const release = await this.cache.hold(sources, signal);
    try {
      const engine = this.#engine();
      if (!(await engine.start())) return failed('engine_crashed', 'The engine does not start.', true);
      await this.#keepHello(engine.hello);
      if (signal.aborted) return { state: 'cancelled', partial: [] };
      const cancel = () => engine.cancel(jobId);
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return await engine.generate(jobId, params, listener);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    } finally {
      release();
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
    await this.#process?.shutdown();
    await this.#checking?.catch(() => {});
  }

  #isWanted(): boolean {
    return this.#options.engine === 'auto' || this.#options.engine === 'diffusers';
  }

  #look(): Promise<EngineCheck> {
    this.#checking ??= this.#check();
    return this.#checking;
  }

  async #check(): Promise<EngineCheck> {
    const { testFamilies } = this.#options;
    const check = await checkEngine(this.#pythonPath, ENGINE_DIR, testFamilies);
    await this.#write(check.ok ? { hello: check.hello, missing: null } : { hello: null, missing: check.missing });
    if (!check.ok) this.#options.log.warn({ missing: check.missing, command: check.command }, 'engine');
    // looked at again when somebody asks after a while: it may have been installed since
    if (!check.ok) setTimeout(() => (this.#checking = null), 10_000).unref();
    return check;
  }

  #engine(): EngineProcess {
    const { testFamilies, log, limits } = this.#options;
    this.#process ??= new EngineProcess({
      pythonPath: this.#pythonPath ?? '',
      engineDir: ENGINE_DIR,
      roots: { models: this.cache.folder, loras: this.cache.folder, job: this.#jobDir },
      testFamilies,
      onLog: (line) => log.debug({ line }, 'engine'),
      ...(limits ? { limits } : {}),
    });
    return this.#process;
  }

  /** A GPU that was free at the check may not be when the engine starts: what it says then counts. */
  async #keepHello(hello: EngineHello | null): Promise<void> {
    const known = await this.#options.settings.read(this.#options.fork(), engineSettings);
    if (hello && JSON.stringify(known.hello) !== JSON.stringify(hello)) await this.#write({ hello, missing: null });
  }

  async #write(spoken: { hello: EngineHello | null; missing: string | null }): Promise<void> {
    const em = this.#options.fork();
    const value = { ...spoken, command: INSTALL_COMMAND };
    await this.#options.settings.write(em, engineSettings, value, this.#options.now());
    await em.flush();
  }

  #say(error: unknown): void {
    this.#options.log.warn({ err: error }, 'engine');
  }
}

function pythonBeside(): string | null {
  const path = join(ROOT, '.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  return existsSync(path) ? path : null;
}

/** What a process that died left in the folder of the jobs. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > STALE_JOB_FILE_MS) await rm(path, { force: true });
  }
}
