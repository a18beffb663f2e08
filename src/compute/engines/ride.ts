import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { imagesOf, mergeRequests } from '../engine/group.ts';
import type { EngineEvent, GenerateParams } from '../engine/protocol.ts';
import type { EngineListener, JobOutcome } from '../engine/running-jobs.ts';
import { type EngineRun, type EngineWork, nothingRan } from './drive.ts';

/** Which of the pictures of a run are a job's own: `count` of `total`, from `offset` on. */
export interface Place {
  readonly offset: number;
  readonly count: number;
  readonly total: number;
}

/** A job that is ready to be made, alone or together with others. */
export interface Rider {
  readonly params: GenerateParams;
  readonly signal: AbortSignal;
  readonly listenAt: (place: Place) => EngineListener;
}

/** The run of the engine, once it is known for whom it is. */
export type Drive = (
  work: Required<Pick<EngineWork, 'params' | 'signal' | 'listener' | 'runId' | 'onSeat'>>,
) => Promise<EngineRun>;

interface Seated extends Rider {
  readonly settle: (run: EngineRun) => void;
  readonly fail: (error: unknown) => void;
}

/** They do what the one who brought them did just now; whoever takes longer comes by itself. */
const PATIENCE_MS = 10_000;

/**
 * One run of the engine for several jobs. Each has its own pictures of it, and its part of the seconds by their number.
 * Who is cancelled leaves at once and pays for what it took until then; the engine is stopped when all have left.
 */
export class Ride {
  /** By which its files are named: they are not the files of one job. */
  readonly runId = newId();
  readonly #coming = new Set<string>();
  readonly #seated: Seated[] = [];
  readonly #all: Promise<void>;
  #allAreHere: () => void = () => {};
  readonly #abandoned = new AbortController();
  #hasLeft = false;
  #engineId = '';
  #startedAtMs = 0;

  constructor() {
    this.#all = new Promise((resolve) => {
      this.#allAreHere = resolve;
    });
  }

  expect(jobId: string): void {
    this.#coming.add(jobId);
  }

  /** It does not come, or is there. */
  cross(jobId: string): void {
    if (this.#coming.delete(jobId) && this.#coming.size === 0) this.#allAreHere();
  }

  join(jobId: string, rider: Rider): Promise<EngineRun> {
    if (this.#hasLeft) throw new AppError('unavailable', 'The others did not wait for it.');
    return new Promise((settle, fail) => {
      this.#seated.push({ ...rider, settle, fail });
      this.cross(jobId);
    });
  }

  /** Waits for those who are expected, and runs. Never fails: whoever rides along is told. */
  async depart(drive: Drive): Promise<void> {
    const patience = new AbortController();
    const late = wait(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {});
    if (this.#coming.size > 0) await Promise.race([this.#all, late]);
    patience.abort();
    this.#hasLeft = true;
    const riders = this.#seated.filter(({ signal }) => !signal.aborted);
    for (const { signal, settle } of this.#seated) {
      if (signal.aborted) settle(nothingRan({ state: 'cancelled', partial: [] }));
    }
    if (riders.length === 0) return;
    try {
      const { params, counts } = mergeRequests(riders.map((rider) => rider.params));
      const places = placesOf(counts);
      const listeners = riders.map((rider, n) => rider.listenAt(places[n] as Place));
      const left = riders.map((rider, n) => this.#letLeave(rider, places[n] as Place));
      void Promise.all(left).then(() => this.#abandoned.abort());
      const run = await drive({
        ...{ params, signal: this.#abandoned.signal, runId: this.runId },
        listener: (event: EngineEvent) => {
          for (const [n, rider] of riders.entries()) if (!rider.signal.aborted) void listeners[n]?.(event);
        },
        onSeat: (engineId) => {
          this.#engineId = engineId;
          this.#startedAtMs = performance.now();
        },
      });
      for (const [n, rider] of riders.entries()) rider.settle(partOf(run, places[n] as Place));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const { fail } of riders) fail(new AppError('unavailable', `What was made together failed: ${reason}`));
    }
  }

  /** Resolves when it has left. */
  #letLeave({ signal, settle }: Seated, { count, total }: Place): Promise<void> {
    return new Promise((resolve) => {
      const leave = () => {
        const seconds = this.#engineId === '' ? 0 : (performance.now() - this.#startedAtMs) / 1000;
        const outcome: JobOutcome = { state: 'cancelled', partial: [] };
        settle({ outcome, engineId: this.#engineId, device: null, seconds: (seconds * count) / total });
        resolve();
      };
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }
}

function placesOf(counts: readonly number[]): Place[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count, n) => ({ count, total, offset: counts.slice(0, n).reduce((sum, one) => sum + one, 0) }));
}

/** The pace is not learnt from it: a picture that has company takes less than one that is alone. */
function partOf(run: EngineRun, { offset, count, total }: Place): EngineRun {
  if (count === total) return run;
  const { outcome, seconds } = run;
  const own = (index: number) => index >= offset && index < offset + count;
  return {
    ...{ ...run, device: null, isShared: true, seconds: (seconds * count) / total },
    outcome:
      outcome.state === 'done'
        ? {
            ...outcome,
            images: outcome.images
              .filter(({ index }) => own(index))
              .map((image) => ({ ...image, index: image.index - offset })),
          }
        : outcome,
  };
}

export const alone = ({ params }: Pick<Rider, 'params'>): Place => {
  const count = imagesOf(params);
  return { offset: 0, count, total: count };
};
