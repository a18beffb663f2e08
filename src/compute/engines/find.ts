import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../../kit/log.ts';
import { checkEngine, type EngineCheck } from '../engine/check.ts';
import type { Engine } from '../engine/engine.ts';
import { EngineProcess } from '../engine/process.ts';
import type { EngineEvent, EngineHello, EngineRoots } from '../engine/protocol.ts';
import type { EngineLimits } from '../engine/watchdog.ts';
import { type DeviceNumber, deviceEnv, listDevices } from '../gpu/devices.ts';
import { Seat } from '../gpu/pool.ts';
import { makeServerEngine, type ServerChoice } from '../server/choose.ts';
import { enclose, type SandboxChoice } from './enclose.ts';

export interface FinderOptions {
  readonly engine: 'auto' | 'diffusers' | 'comfyui' | 'sdapi' | 'none';
  /** The server that stands in the place of our own engine, or null. */
  readonly server: ServerChoice | null;
  /** Null takes .venv beside package.json, where it is. */
  readonly pythonPath: string | null;
  readonly testFamilies: boolean;
  readonly sandbox: SandboxChoice;
  readonly compiles: boolean;
  /** Requests of one group are made together: on a GPU, always, or never. */
  readonly batching: 'auto' | 'on' | 'off';
  /** Absolute; the engine's own files lie in `engine/` there. */
  readonly dataDir: string;
  readonly modelsDir: string | null;
  readonly log: Log;
  /** Tests make the waits short. */
  readonly limits?: Partial<EngineLimits>;
  /** As CUDA numbers them; null takes all that the driver names. */
  readonly devices: string | null;
}

/** What an engine says without being asked. */
interface Listeners {
  readonly onChange: () => void;
  /** Its lists of files change while it runs. */
  readonly onHello: (hello: EngineHello) => void;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/**
 * In the sources, which stand beside what was built: nothing is built of Python.
 * @public for the test of what was built
 */
export const ENGINE_DIR = join(ROOT, 'src/compute/engine');
const LOOK_AGAIN_MS = 10_000;

/** Finds out which engine this machine has, in which sandbox it runs, and on which devices. */
export class EngineFinder {
  readonly #options: FinderOptions;
  /** Python, where there is any. */
  readonly pythonPath: string | null;
  #roots: EngineRoots;
  readonly #onChecked: (check: EngineCheck) => Promise<void>;
  #seats: readonly Seat[] = [];
  #checking: Promise<EngineCheck> | null = null;
  #runBy: readonly string[] = [];

  constructor(
    options: FinderOptions,
    folders: { readonly jobDir: string; readonly modelsFolder: string },
    onChecked: (check: EngineCheck) => Promise<void>,
  ) {
    this.#options = options;
    this.pythonPath = options.pythonPath ?? pythonBeside();
    const { jobDir: job, modelsFolder: models } = folders;
    this.#roots = withCaptioner({ models, loras: models, job }, captionerBeside(options));
    this.#onChecked = onChecked;
  }

  get isWanted(): boolean {
    return this.#options.engine !== 'none';
  }

  /** One for each device; none when the operator wants no engine. */
  async makeSeats(listeners: Listeners): Promise<readonly Seat[]> {
    const { devices, server } = this.#options;
    const places = !this.isWanted ? [] : server ? [server.kind] : await listDevices(devices);
    this.#seats = places.map(
      (device) =>
        new Seat(`${hostname().slice(0, 60)}/${device ?? 'engine'}`, device ?? '', (onEvent) =>
          this.#makeEngine(device, onEvent, listeners),
        ),
    );
    return this.#seats;
  }

  /** What is here, or exactly what is missing; looked at once, and again after a while when something was missing. */
  look(): Promise<EngineCheck> {
    this.#checking ??= this.#check();
    return this.#checking;
  }

  /** A tagger was put in place or taken away since: engines that run know it from their next job on. */
  async lookForCaptioner(): Promise<void> {
    const captioner = captionerBeside(this.#options);
    if (this.#options.server || captioner === (this.#roots.captioner ?? null)) return;
    await this.#checking?.catch(() => {});
    this.#roots = withCaptioner(this.#roots, captioner);
    for (const seat of this.#seats) seat.isOutdated = true;
    this.#checking = this.#check();
    await this.#checking;
  }

  async end(): Promise<void> {
    await this.#checking?.catch(() => {});
  }

  async #check(): Promise<EngineCheck> {
    const { testFamilies, server, log } = this.#options;
    const { captioner = null } = this.#roots;
    const check = await (server
      ? this.#checkServer(server)
      : checkEngine(this.pythonPath, ENGINE_DIR, testFamilies, captioner).then((its) => this.#enclose(its)));
    for (const seat of this.#seats) seat.isAbsent = !server && !check.ok;
    await this.#onChecked(check);
    if (check.ok) return check;
    log.warn({ missing: check.missing, command: check.command }, 'engine');
    // it may have been installed since
    setTimeout(() => (this.#checking = null), LOOK_AGAIN_MS).unref();
    return check;
  }

  /** Finds the sandbox of engines that run here. */
  async #enclose(check: EngineCheck): Promise<EngineCheck> {
    const { dataDir } = this.#options;
    if (this.pythonPath === null) return check;
    const room = { pythonPath: this.pythonPath, engineDir: ENGINE_DIR, roots: this.#roots, dataDir };
    const enclosed = await enclose(check, room, this.#options);
    this.#runBy = enclosed.runBy;
    return enclosed.check;
  }

  async #checkServer({ address }: ServerChoice): Promise<EngineCheck> {
    const engine = this.#seats[0]?.engine;
    if (engine && (await engine.start()) && engine.hello) return { ok: true, hello: engine.hello };
    return { ok: false, missing: `an answer of ${address.host}`, command: '' };
  }

  #makeEngine(device: DeviceNumber, onEvent: (event: EngineEvent) => void, { onChange, onHello }: Listeners): Engine {
    const { testFamilies, compiles, log, limits, server } = this.#options;
    if (server) {
      return makeServerEngine(server, {
        ...{ jobDir: this.#roots.job, modelsFolder: this.#roots.models, onChange },
        onLog: (line) => log.info({ line, server: server.kind }, 'engine'),
        onEvent: (event) => {
          onEvent(event);
          if (event.t === 'hello') onHello(event);
        },
      });
    }
    const roots = () => this.#roots;
    return new EngineProcess({
      pythonPath: this.pythonPath ?? '',
      engineDir: ENGINE_DIR,
      env: deviceEnv(device),
      get roots() {
        return roots();
      },
      runBy: () => this.#runBy,
      ...{ testFamilies, compiles },
      onEvent,
      onLog: (line) => log.debug({ line, device }, 'engine'),
      onChange,
      ...(limits ? { limits } : {}),
    });
  }
}

/** The environment that `npm run engine:install` made, where there is one. */
export function pythonBeside(): string | null {
  const path = join(ROOT, '.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  return existsSync(path) ? path : null;
}

const withCaptioner = ({ models, loras, job }: EngineRoots, captioner: string | null): EngineRoots => ({
  ...{ models, loras, job },
  ...(captioner === null ? {} : { captioner }),
});

/** Where the operator put a tagger. */
function captionerBeside({ modelsDir, dataDir }: Pick<FinderOptions, 'modelsDir' | 'dataDir'>): string | null {
  const folders = [...(modelsDir === null ? [] : [join(modelsDir, 'captioner')]), join(dataDir, 'engine', 'captioner')];
  return folders.find((folder) => existsSync(join(folder, 'model.onnx'))) ?? null;
}
