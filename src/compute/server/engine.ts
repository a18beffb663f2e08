import type { Engine, EngineAsk, EngineCondition } from '../engine/engine.ts';
import type { EngineEvent, EngineHello, EngineImage, GenerateParams } from '../engine/protocol.ts';
import { failed, type JobOutcome } from '../engine/running-jobs.ts';
import { outcomeOf, ServerFailure } from './failure.ts';

/** One job as a program is asked to make it. */
export interface ServerJob {
  readonly jobId: string;
  readonly params: GenerateParams;
  readonly signal: AbortSignal;
  readonly tell: (event: EngineEvent) => void;
}

/** What differs between ComfyUI and what speaks /sdapi/v1. */
export interface Program {
  /** Asks it what it is and what it has. Throws ServerFailure. */
  look(): Promise<EngineHello>;
  /** Makes all pictures of a job. Ends what it began when the signal says so, and throws. */
  make(job: ServerJob, hello: EngineHello): Promise<EngineImage[]>;
}

export interface ServerTimes {
  /** Between two looks at it, while it is idle or away. */
  readonly lookEveryMs: number;
  /** Between two questions about a job that runs. */
  readonly pollMs: number;
  /** So long it may not answer while a job runs. */
  readonly awayMs: number;
  /** So long it may not get on with a job that runs, and so long a job may wait in its own queue. */
  readonly stepMs: number;
  readonly queueMs: number;
}

export const SERVER_TIMES: ServerTimes = {
  lookEveryMs: 15_000,
  pollMs: 1_000,
  awayMs: 30_000,
  stepMs: 300_000,
  queueMs: 1_800_000,
};

interface ServerOptions {
  readonly program: Program;
  readonly times: ServerTimes;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onLog: (line: string) => void;
  readonly onChange: () => void;
}

/**
 * A server of the operator's in the place of our own engine. It is not ours to start or to end: it is looked at now and
 * then, and counts as broken while it does not answer, so that jobs wait until it is back.
 */
export class ServerEngine implements Engine {
  readonly #options: ServerOptions;
  readonly #running = new Map<string, AbortController>();
  #state: EngineCondition = 'stopped';
  #hello: EngineHello | null = null;
  #failures = 0;
  #lastFailure: string | null = null;
  #looking: Promise<boolean> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  get state(): EngineCondition {
    return this.#state;
  }

  get hello(): EngineHello | null {
    return this.#hello;
  }

  get health(): { readonly crashes: number; readonly lastCrash: string | null } {
    return { crashes: this.#failures, lastCrash: this.#lastFailure };
  }

  start(): Promise<boolean> {
    return this.#state === 'ready' ? Promise.resolve(true) : this.#look();
  }

  reset(): Promise<boolean> {
    return this.#look();
  }

  async run(jobId: string, { type, params, listener }: EngineAsk): Promise<JobOutcome> {
    if (type !== 'generate') return failed('unsupported', 'This engine does not train.', false);
    const stop = new AbortController();
    this.#running.set(jobId, stop);
    try {
      const isReady = await this.start();
      if (stop.signal.aborted) return { state: 'cancelled', partial: [] };
      const hello = this.#hello;
      if (!isReady || !hello) return failed('engine_crashed', this.#lastFailure ?? 'The server does not answer.', true);
      const tell = (event: EngineEvent) => {
        (async () => listener?.(event))().catch((error: unknown) => this.#options.onLog(`a listener failed: ${error}`));
      };
      const images = await this.#options.program.make(
        { jobId, params: params as GenerateParams, signal: stop.signal, tell },
        hello,
      );
      return { state: 'done', images };
    } catch (error) {
      if (stop.signal.aborted) return { state: 'cancelled', partial: [] };
      if (error instanceof ServerFailure && error.isAway) this.#failed(error);
      return outcomeOf(error);
    } finally {
      this.#running.delete(jobId);
    }
  }

  cancel(jobId: string): void {
    this.#running.get(jobId)?.abort();
  }

  pause(): void {}

  load(): Promise<null> {
    return Promise.resolve(null);
  }

  async shutdown(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const stop of this.#running.values()) stop.abort();
    await this.#looking;
    this.#setState('stopped');
  }

  #setState(state: EngineCondition): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onChange();
  }

  #look(): Promise<boolean> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<boolean> {
    clearTimeout(this.#timer);
    try {
      const hello = await this.#options.program.look();
      const isNew = JSON.stringify(hello) !== JSON.stringify(this.#hello);
      this.#hello = hello;
      this.#failures = 0;
      if (isNew) this.#options.onEvent(hello);
      this.#setState('ready');
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      this.#lookLater();
    }
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    this.#lastFailure = error instanceof Error ? error.message : 'It failed.';
    this.#options.onLog(this.#lastFailure);
    this.#setState('broken');
    this.#lookLater();
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      // one that works answers by working
      if (this.#running.size > 0) this.#lookLater();
      else void this.#look();
    }, this.#options.times.lookEveryMs);
    this.#timer.unref();
  }
}
