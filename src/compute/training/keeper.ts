import { AppError } from '../../kit/errors.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import type { EngineEvent } from '../engine/protocol.ts';
import { encodePhase } from '../phase.ts';
import type { TrainingRun } from './model.ts';
import { keepCheckpoint, keepProgress, keepSample } from './store.ts';

/** The curve and the step are written that often. */
const WRITE_EVERY_MS = 4_000;

export type KeeperWork = Pick<Work, 'em' | 'files' | 'now'> & { readonly gate: HashGate };

/** Writes down what the engine says of a segment, one thing after the other. What cannot be kept ends the segment. */
export class Keeper {
  readonly #work: KeeperWork;
  readonly #handle: JobHandle;
  readonly #run: TrainingRun;
  readonly #place: (name: string) => string;
  readonly #failing = new AbortController();
  #chain: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #losses: [number, number][] = [];
  #step: number;
  #totalSteps: number;
  #writtenAtMs = performance.now();

  constructor(work: KeeperWork, handle: JobHandle, run: TrainingRun, place: (name: string) => string) {
    this.#work = work;
    this.#handle = handle;
    this.#run = run;
    this.#place = place;
    this.#step = run.stateStep;
    this.#totalSteps = run.totalSteps;
  }

  /** Of the job, or of the first thing that could not be kept. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#handle.signal, this.#failing.signal]);
  }

  /** Steps of the run that are made, in this segment and before. */
  get step(): number {
    return this.#step;
  }

  take(event: EngineEvent): void {
    if (event.t === 'checkpoint') {
      this.#then(() => keepCheckpoint(this.#work, this.#handle, this.#run.id, event, this.#place));
    } else if (event.t === 'sample') {
      this.#then(() => keepSample(this.#work, this.#handle, this.#run, event, this.#place).catch(passOver));
    } else if (event.t === 'progress') {
      if (event.phase === 'train') {
        this.#step = event.step;
        this.#totalSteps = event.total; // the engine fills buckets, so that it may need more than was estimated
        if (event.loss_ema !== undefined && Number.isFinite(event.loss_ema))
          this.#losses.push([event.step, event.loss_ema]);
      }
      this.#handle.progress(this.#step, this.#totalSteps || event.total, encodePhase(event));
      if (performance.now() - this.#writtenAtMs > WRITE_EVERY_MS) this.#write();
    }
  }

  /** Everything that was said is on record. Throws what could not be kept. */
  async finish(): Promise<void> {
    this.#write();
    await this.#chain;
    if (this.#failure && !this.#handle.signal.aborted) throw this.#failure;
  }

  #write(): void {
    const reached = { step: this.#step, totalSteps: this.#totalSteps, losses: this.#losses };
    this.#losses = [];
    this.#writtenAtMs = performance.now();
    this.#then(() => keepProgress(this.#work, this.#handle, this.#run.id, reached));
  }

  #then(act: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (this.#failure) return;
      try {
        await act();
      } catch (error) {
        this.#failure = error;
        this.#failing.abort();
      }
    });
  }
}

/** A sample that cannot be read, or is blocked, is no reason to lose a run. */
function passOver(error: unknown): void {
  if (!(error instanceof AppError) || (error.kind !== 'invalid' && error.kind !== 'withheld')) throw error;
}
