import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../../kit/log.ts';
import { checkEngine, type EngineCheck } from '../engine/check.ts';
import type { Engine } from '../engine/engine.ts';
import { EngineProcess } from '../engine/process.ts';
import type { EngineEvent, EngineHello, EngineRoots } from '../engine/protocol.ts';
import { findSandbox } from '../engine/sandbox.ts';
import type { EngineLimits } from '../engine/watchdog.ts';
import { type DeviceNumber, deviceEnv, listDevices } from '../gpu/devices.ts';
import { Seat } from '../gpu/pool.ts';
import { makeServerEngine, type ServerChoice } from '../server/choose.ts';

export interface FinderOptions {
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
const SANDBOX_COMMAND = 'apt install bubblewrap';
const LOOK_AGAIN_MS = 10_000;

/** Finds out which engine this machine has, in which sandbox it runs, and on which devices. */
export class EngineFinder {
  readonly #options: FinderOptions;
  /** Python, where there is any. */
  readonly pythonPath: string | null;
  readonly #roots: EngineRoots;
  readonly #onChecked: (check: EngineCheck) => Promise<void>;
  #seats: readonly Seat[] = [];
  #checking: Promise<EngineCheck> | null = null;
  #runBy: readonly string[] | null = null;

  constructor(
    options: FinderOptions,
    folders: { readonly jobDir: string; readonly modelsFolder: string },
    onChecked: (check: EngineCheck) => Promise<void>,
  ) {
    this.#options = options;
    this.pythonPath = options.pythonPath ?? pythonBeside();
    const captioner = captionerBeside(options);
    const { jobDir: job, modelsFolder: models } = folders;
    this.#roots = { models, loras: models, job, ...(captioner === null ? {} : { captioner }) };
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
    const { sandbox, dataDir, log } = this.#options;
    if (!check.ok || sandbox === 'off' || this.pythonPath === null) return check;
    await mkdir(this.#roots.job, { recursive: true });
    await mkdir(this.#roots.models, { recursive: true });
    const room = { pythonPath: this.pythonPath, engineDir: ENGINE_DIR, roots: this.#roots, dataDir };
    const runBy = await findSandbox(room);
    this.#runBy = runBy !== null && (await this.#hasDevice(check.hello, runBy)) ? runBy : null;
    if (this.#runBy !== null) return check;
    if (sandbox === 'required')
      return { ok: false, missing: 'bubblewrap (bwrap) that works', command: SANDBOX_COMMAND };
    log.warn(
      runBy === null
        ? 'the engine runs without a sandbox of its own: bubblewrap (bwrap) is not here, or may not make namespaces'
        : 'the engine runs without a sandbox of its own: it does not find the GPU from inside',
    );
    return check;
  }

  /** A driver may need what the sandbox hides, and the engine would work on the processor without a word. */
  async #hasDevice({ device }: EngineHello, runBy: readonly string[]): Promise<boolean> {
    if (device.kind === 'cpu') return true;
    const { captioner = null } = this.#roots;
    const inside = await checkEngine(this.pythonPath, ENGINE_DIR, this.#options.testFamilies, captioner, runBy);
    return inside.ok && inside.hello.device.kind === device.kind;
  }

  async #checkServer({ address }: ServerChoice): Promise<EngineCheck> {
    const engine = this.#seats[0]?.engine;
    if (engine && (await engine.start()) && engine.hello) return { ok: true, hello: engine.hello };
    return { ok: false, missing: `an answer of ${address.host}`, command: '' };
  }

  #makeEngine(device: DeviceNumber, onEvent: (event: EngineEvent) => void, { onChange, onHello }: Listeners): Engine {
    const { testFamilies, log, limits, server } = this.#options;
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
    return new EngineProcess({
      pythonPath: this.pythonPath ?? '',
      engineDir: ENGINE_DIR,
      env: deviceEnv(device),
      roots: this.#roots,
      runBy: () => this.#runBy ?? [],
      testFamilies,
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

/** Where the operator put a tagger; looked at when the process starts. */
function captionerBeside({ modelsDir, dataDir }: Pick<FinderOptions, 'modelsDir' | 'dataDir'>): string | null {
  const folders = [...(modelsDir === null ? [] : [join(modelsDir, 'captioner')]), join(dataDir, 'engine', 'captioner')];
  return folders.find((folder) => existsSync(join(folder, 'model.onnx'))) ?? null;
}
