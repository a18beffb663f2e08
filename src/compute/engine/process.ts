import { type ChildExit, EngineChild, type EngineCommand } from './child.ts';
import { Circuit } from './circuit.ts';
import type { Engine, EngineAsk, EngineCondition } from './engine.ts';
import type { EngineEvent, EngineHello, EngineRoots, GenerateParams } from './protocol.ts';
import type { TrainParams } from './protocol-train.ts';
import { Replies } from './replies.ts';
import { type EngineListener, failed, type JobOutcome, RunningJobs, reasonOf } from './running-jobs.ts';
import { ENGINE_LIMITS, type EngineLimits, loadLimitMs, Watchdog } from './watchdog.ts';

export interface EngineOptions extends EngineCommand {
  readonly roots: EngineRoots;
  /** Everything that the engine says, in order. A rejected promise is logged and changes nothing. */
  readonly onEvent?: EngineListener;
  readonly onLog?: (line: string) => void;
  /** Lets the tiny family of the tests load. */
  readonly testFamilies?: boolean;
  /** Models are compiled when they are loaded. */
  readonly compiles?: boolean;
  /** 0 leaves the choice to torch. */
  readonly threads?: number;
  readonly limits?: Partial<EngineLimits>;
  /** Its state is another one now. */
  readonly onChange?: () => void;
}

/** Keeps one engine running: starts it, feeds it, ends it when it hangs, and starts it again when it died. */
export class EngineProcess implements Engine {
  readonly #options: EngineOptions;
  readonly #limits: EngineLimits;
  readonly #circuit: Circuit;
  readonly #jobs = new RunningJobs();
  /** Jobs that wait for the engine to be ready. */
  readonly #waitingJobs = new Set<string>();
  readonly #replies = new Replies();
  #child: EngineChild | null = null;
  #watch: Watchdog | null = null;
  #watchTimer: NodeJS.Timeout | undefined;
  #respawnTimer: NodeJS.Timeout | undefined;
  #state: EngineCondition = 'stopped';
  #lastCrash: string | null = null;
  #hello: EngineHello | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#limits = { ...ENGINE_LIMITS, ...options.limits };
    this.#circuit = new Circuit(this.#limits);
  }

  get state(): EngineCondition {
    return this.#state;
  }

  /** What it said when it started, its caps as configured; null until it is ready for the first time. */
  get hello(): EngineHello | null {
    return this.#hello;
  }

  /** For whoever looks after it: how often it died lately, and of what. */
  get health(): { readonly crashes: number; readonly lastCrash: string | null } {
    return { crashes: this.#circuit.crashesWithin(performance.now()), lastCrash: this.#lastCrash };
  }

  /** True once it is ready, false when it could not be started or is broken. */
  async start(): Promise<boolean> {
    if (this.#state === 'stopped') this.#spawn('starting');
    return this.#whenReady();
  }

  /** Forgets the crashes and starts it, whatever it did before. */
  async reset(): Promise<boolean> {
    this.#circuit.close();
    if (this.#state === 'broken') {
      clearTimeout(this.#respawnTimer);
      this.#setState('stopped');
    }
    return this.start();
  }

  /** Makes pictures. A job id is used once, unless the first run failed. */
  generate(jobId: string, params: GenerateParams, listener?: EngineListener): Promise<JobOutcome> {
    return this.run(jobId, { type: 'generate', params, ...(listener ? { listener } : {}) });
  }

  /** Runs a job to its end, whatever that is. */
  async run(jobId: string, { type, params, listener, loadBytes = 0 }: EngineAsk): Promise<JobOutcome> {
    this.#waitingJobs.add(jobId);
    const isReady = await this.#whenReady();
    if (!this.#waitingJobs.delete(jobId)) return { state: 'cancelled', partial: [] };
    if (!isReady || !this.#child) {
      return failed('engine_crashed', 'The engine is not running.', true);
    }
    const child = this.#child;
    this.#watch?.expectLoad(loadBytes);
    const commandId = child.send(type, { job: jobId, p: params });
    const ackTimer = setTimeout(() => child.end(`no answer to ${type}`), this.#limits.ackMs);
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

  /** Has a training write its state and end there; with `release` it gives its memory back, too. */
  pause(jobId: string, release: boolean): void {
    const child = this.#child;
    if (!child) return;
    const timer = setTimeout(() => child.end('did not pause'), this.#limits.pauseMs);
    if (this.#jobs.pause(jobId, timer)) child.send('pause', { job: jobId, release });
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

  load(model: { readonly file: string; readonly sha256?: string }, bytes = 0): Promise<EngineEvent | null> {
    this.#watch?.expectLoad(bytes);
    return this.#ask('load', { p: { model } }, loadLimitMs(this.#limits, bytes));
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

  #setState(state: EngineCondition): void {
    this.#state = state;
    this.#options.onChange?.();
    if (state === 'starting' || state === 'waiting') return;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async #whenReady(): Promise<boolean> {
    if (this.#state === 'starting' || this.#state === 'waiting') {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return this.#state === 'ready';
  }

  #spawn(state: 'starting' | 'probing'): void {
    this.#setState(state);
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
      const { roots, testFamilies = false, compiles = false, threads = 0 } = this.#options;
      child.send('configure', { roots, test_families: testFamilies, compile: compiles ? 'on' : 'off', threads });
    } else if (event.t === 'ready') {
      if (this.#hello && event.caps) this.#hello = { ...this.#hello, caps: event.caps };
      this.#watch = new Watchdog(this.#limits, performance.now());
      if (this.#state === 'probing') this.#circuit.halfClose(performance.now());
      if (this.#state === 'starting' || this.#state === 'probing') this.#setState('ready');
    } else if (event.t === 'error' && (this.#state === 'starting' || this.#state === 'probing')) {
      child.end(`refused its configuration: ${event.message}`);
    }
    if (this.#options.onEvent) this.#tell(this.#options.onEvent, event);
    this.#replies.take(event);
    this.#jobs.take(event);
  }

  #tell(listener: EngineListener, event: EngineEvent): void {
    (async () => listener(event))().catch((error: unknown) => this.#options.onLog?.(`a listener failed: ${error}`));
  }

  #ask(type: string, fields: object, limitMs: number): Promise<EngineEvent | null> {
    const child = this.#child;
    if (!child || this.#state !== 'ready') return Promise.resolve(null);
    return this.#replies.wait(child.send(type, fields), limitMs);
  }

  #onExit(exit: ChildExit): void {
    this.#replies.endAll();
    const wasStopped = this.#state === 'stopped';
    this.#jobs.endAll(wasStopped ? null : exit);
    if (wasStopped) return;

    const after = this.#circuit.crashed(performance.now());
    this.#lastCrash = reasonOf(exit)[1];
    this.#options.onLog?.(`engine ended: code ${exit.code}, signal ${exit.signal}, ${exit.ended ?? 'by itself'}`);
    if (after.act === 'open') {
      this.#setState('broken');
      this.#respawnTimer = setTimeout(() => this.#spawn('probing'), after.probeMs);
      this.#respawnTimer.unref();
      return;
    }
    this.#setState('waiting');
    this.#respawnTimer = setTimeout(() => this.#spawn('starting'), after.waitMs);
  }
}
