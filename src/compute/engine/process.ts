import { type ChildExit, EngineChild, type EngineCommand } from './child.ts';
import type { EngineEvent, EngineHello, EngineRoots, GenerateParams } from './protocol.ts';
import type { TrainParams } from './protocol-train.ts';
import { type EngineListener, failed, type JobOutcome, RunningJobs } from './running-jobs.ts';
import { ENGINE_LIMITS, type EngineLimits, Watchdog } from './watchdog.ts';

export interface EngineOptions extends EngineCommand {
  readonly roots: EngineRoots;
  /** Everything that the engine says, in order. A rejected promise is logged and changes nothing. */
  readonly onEvent?: EngineListener;
  readonly onLog?: (line: string) => void;
  /** Lets the tiny family of the tests load. */
  readonly testFamilies?: boolean;
  /** 0 leaves the choice to torch. */
  readonly threads?: number;
  readonly limits?: Partial<EngineLimits>;
}

/** `broken`: it crashed too often and stays down until `start` is called again. */
export type EngineState = 'stopped' | 'starting' | 'ready' | 'waiting' | 'broken';

/** Keeps one engine running: starts it, feeds it, ends it when it hangs, and starts it again when it died. */
export class EngineProcess {
  readonly #options: EngineOptions;
  readonly #limits: EngineLimits;
  readonly #jobs = new RunningJobs();
  /** Jobs that wait for the engine to be ready. */
  readonly #waitingJobs = new Set<string>();
  readonly #replies = new Map<number, (event: EngineEvent | null) => void>();
  #crashTimes: number[] = [];
  #child: EngineChild | null = null;
  #watch: Watchdog | null = null;
  #watchTimer: NodeJS.Timeout | undefined;
  #respawnTimer: NodeJS.Timeout | undefined;
  #state: EngineState = 'stopped';
  #hello: EngineHello | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#limits = { ...ENGINE_LIMITS, ...options.limits };
  }

  get state(): EngineState {
    return this.#state;
  }

  /** What it said when it started, its caps as configured; null until it is ready for the first time. */
  get hello(): EngineHello | null {
    return this.#hello;
  }

  /** True once it is ready, false when it could not be started. Also closes an open circuit. */
  async start(): Promise<boolean> {
    if (this.#state === 'stopped' || this.#state === 'broken') {
      this.#crashTimes = [];
      this.#spawn();
    }
    return this.#whenReady();
  }

  /** Runs a job to its end, whatever that is. A job id is used once, unless the first run failed. */
  async generate(jobId: string, params: GenerateParams, listener?: EngineListener): Promise<JobOutcome> {
    this.#waitingJobs.add(jobId);
    const isReady = await this.#whenReady();
    if (!this.#waitingJobs.delete(jobId)) return { state: 'cancelled', partial: [] };
    if (!isReady || !this.#child) {
      return failed('engine_crashed', 'The engine is not running.', true);
    }
    const child = this.#child;
    const commandId = child.send('generate', { job: jobId, p: params });
    const ackTimer = setTimeout(() => child.end('no answer to generate'), this.#limits.ackMs);
    return this.#jobs.add(jobId, commandId, ackTimer, listener && ((event) => this.#tell(listener, event)));
  }

  /** Asks for the end of a job; its outcome says how it went. An engine that does not obey is killed. */
  cancel(jobId: string): void {
    this.#waitingJobs.delete(jobId);
    const child = this.#child;
    if (!child) return;
    const timer = setTimeout(() => child.end('did not cancel', 'now'), this.#limits.cancelMs);
    if (this.#jobs.cancel(jobId, timer)) child.send('cancel', { job: jobId });
    else clearTimeout(timer);
  }

  /** Milliseconds until it answered, or null when it did not. */
  async ping(): Promise<number | null> {
    const startedAt = performance.now();
    const reply = await this.#ask('ping', { nonce: startedAt }, this.#limits.ackMs);
    return reply?.t === 'pong' ? performance.now() - startedAt : null;
  }

  /** The report on a file of the root `models` or `loras`; an `error` event, or null when the engine is gone. */
  inspect(root: 'models' | 'loras', file: string): Promise<EngineEvent | null> {
    return this.#ask('inspect', { p: { root, file } }, this.#limits.loadMs);
  }

  load(model: { readonly file: string; readonly sha256?: string }): Promise<EngineEvent | null> {
    return this.#ask('load', { p: { model } }, this.#limits.loadMs);
  }

  /** An `estimate` event, also while a job runs; an `error` event for parameters that `train` would refuse. */
  estimateTrain(params: TrainParams): Promise<EngineEvent | null> {
    return this.#ask('estimate', { task: 'train', p: params }, this.#limits.ackMs);
  }

  unload(sha256: string | 'all'): Promise<EngineEvent | null> {
    return this.#ask('unload', { p: { model: sha256 } }, this.#limits.loadMs);
  }

  /** Ends it; jobs that are not done after `graceSeconds` are cancelled. */
  async shutdown(graceSeconds = 0): Promise<void> {
    clearTimeout(this.#respawnTimer);
    const child = this.#child;
    this.#setState('stopped');
    if (!child) return;
    child.send('shutdown', { grace_s: graceSeconds });
    const timer = setTimeout(() => child.end('shutdown'), graceSeconds * 1000 + this.#limits.cancelMs);
    await child.exited;
    clearTimeout(timer);
  }

  #setState(state: EngineState): void {
    this.#state = state;
    if (state === 'starting' || state === 'waiting') return;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async #whenReady(): Promise<boolean> {
    if (this.#state === 'starting' || this.#state === 'waiting') {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return this.#state === 'ready';
  }

  #spawn(): void {
    this.#setState('starting');
    const log = this.#options.onLog ?? (() => {});
    const child = new EngineChild(this.#options, this.#limits.killMs, (event) => this.#take(child, event), log);
    this.#child = child;
    const startTimer = setTimeout(() => child.end('did not start'), this.#limits.startMs);
    const everyMs = Math.min(1_000, this.#limits.heartbeatMs / 4, this.#limits.stepMs / 4);
    this.#watchTimer = setInterval(() => {
      const why = this.#watch?.overdue(performance.now());
      if (!why) return;
      clearInterval(this.#watchTimer);
      child.end(why);
    }, everyMs);
    void child.exited.then((exit) => {
      clearTimeout(startTimer);
      clearInterval(this.#watchTimer);
      this.#watch = null;
      this.#child = null;
      this.#onExit(exit);
    });
    this.#waiters.push(() => clearTimeout(startTimer)); // woken when it is ready or given up
  }

  #take(child: EngineChild, event: EngineEvent): void {
    this.#watch?.saw(event, performance.now());
    if (event.t === 'hello') {
      this.#hello = event;
      const { roots, testFamilies = false, threads = 0 } = this.#options;
      child.send('configure', { roots, test_families: testFamilies, threads });
    } else if (event.t === 'ready') {
      if (this.#hello && event.caps) this.#hello = { ...this.#hello, caps: event.caps };
      this.#watch = new Watchdog(this.#limits, performance.now());
      if (this.#state === 'starting') this.#setState('ready');
    } else if (event.t === 'error' && this.#state === 'starting') {
      child.end(`refused its configuration: ${event.message}`);
    }
    if (this.#options.onEvent) this.#tell(this.#options.onEvent, event);
    this.#answer(event);
    this.#jobs.take(event);
  }

  #answer(event: EngineEvent): void {
    if (!('id' in event) || event.id === undefined || event.t === 'ack') return;
    this.#replies.get(event.id)?.(event);
    this.#replies.delete(event.id);
  }

  #tell(listener: EngineListener, event: EngineEvent): void {
    (async () => listener(event))().catch((error: unknown) => this.#options.onLog?.(`a listener failed: ${error}`));
  }

  #ask(type: string, fields: object, limitMs: number): Promise<EngineEvent | null> {
    const child = this.#child;
    if (!child || this.#state !== 'ready') return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = child.send(type, fields);
      const timer = setTimeout(() => {
        this.#replies.delete(id);
        resolve(null);
      }, limitMs);
      this.#replies.set(id, (event) => {
        clearTimeout(timer);
        resolve(event);
      });
    });
  }

  #onExit(exit: ChildExit): void {
    for (const reply of this.#replies.values()) reply(null);
    this.#replies.clear();
    const wasStopped = this.#state === 'stopped';
    this.#jobs.endAll(wasStopped ? null : exit);
    if (wasStopped) return;

    const now = performance.now();
    this.#crashTimes = [...this.#crashTimes.filter((at) => now - at < this.#limits.crashWindowMs), now];
    this.#options.onLog?.(`engine ended: code ${exit.code}, signal ${exit.signal}, ${exit.ended ?? 'by itself'}`);
    if (this.#crashTimes.length >= this.#limits.maxCrashes) {
      this.#setState('broken');
      return;
    }
    this.#setState('waiting');
    const { backoffMs } = this.#limits;
    const waitMs = backoffMs[Math.min(this.#crashTimes.length, backoffMs.length) - 1] ?? 0;
    this.#respawnTimer = setTimeout(() => this.#spawn(), waitMs);
  }
}
