import type { EntityManager } from '@mikro-orm/core';
import { whenBack } from '../database/away.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Work } from '../work.ts';
import type { Claim } from './claim.ts';
import type { BackOff, JobDefinition, JobHandle } from './define.ts';
import type { Driver } from './driver.ts';
import { checkLease, finish, handBack, renewLease, tryAgain } from './lease.ts';
import { Progress, writeProgress } from './progress.ts';

const BACK_OFF: BackOff = { baseMs: 5_000, capMs: 3_600_000 };

export interface RunParts {
  readonly fork: () => EntityManager;
  readonly openWork: () => Work;
  readonly driver: Driver;
  readonly log: Log;
  readonly now: () => Date;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly leaseMs: number;
  readonly renewEveryMs: number;
}

type Reason = 'cancelled' | 'lost' | 'stopping';

/** One run of one job, from its claim to its end. */
export class Run {
  readonly claim: Claim;
  readonly ended: Promise<void>;
  /** Resolves when it leaves its place in the lane to others before it ends. */
  readonly aside: Promise<void>;
  #stepAside: () => void = () => {};
  readonly #parts: RunParts;
  readonly #bringAlong: JobHandle['bringAlong'];
  readonly #abort = new AbortController();
  #reason: Reason | null = null;

  constructor(
    parts: RunParts,
    claim: Claim,
    definition: JobDefinition | undefined,
    bringAlong: JobHandle['bringAlong'],
  ) {
    this.#parts = parts;
    this.#bringAlong = bringAlong;
    this.claim = claim;
    this.aside = new Promise((resolve) => {
      this.#stepAside = resolve;
    });
    this.ended = this.#run(definition);
  }

  /** Asks the job to end; it is queued again as if it had not begun. */
  stop(): void {
    this.#end('stopping');
  }

  /** Looks whether somebody cancelled it. */
  async look(): Promise<void> {
    this.#heed(await checkLease(this.#parts.fork(), this.claim));
  }

  async #run(definition: JobDefinition | undefined): Promise<void> {
    const { claim } = this;
    const { driver, fork, log, renewEveryMs } = this.#parts;
    const startedAtMs = performance.now();
    const progress = new Progress(async (step) => {
      try {
        if (!(await writeProgress(fork(), claim, step))) this.#end('lost');
        driver.changed(claim.id);
      } catch (error) {
        log.warn({ err: error, job: claim.name, id: claim.id }, 'progress not written');
      }
    });
    let leaseUntilMs = this.#parts.now().getTime() + this.#parts.leaseMs;
    const renewal = setInterval(() => {
      this.#renew().then(
        (untilMs) => {
          leaseUntilMs = untilMs ?? leaseUntilMs;
        },
        (error) => {
          log.warn({ err: error, job: claim.name, id: claim.id }, 'lease not renewed');
          if (this.#parts.now().getTime() > leaseUntilMs) this.#end('lost');
        },
      );
    }, renewEveryMs);
    driver.changed(claim.id);
    // while the database is away it stays ours, until the lease ends
    const conclude = (outcome: { result: unknown } | { error: unknown }): Promise<string> =>
      whenBack(
        () => this.#conclude(outcome, definition),
        () => this.#reason !== 'stopping' && this.#parts.now().getTime() < leaseUntilMs,
      );
    let said: string;
    try {
      const result = await this.#perform(definition, progress);
      await progress.stop();
      said = await conclude({ result });
    } catch (error) {
      await progress.stop();
      said = await conclude({ error });
      if (said === 'failed' || said === 'again') log.warn({ err: error, job: claim.name, id: claim.id }, 'job error');
    } finally {
      clearInterval(renewal);
    }
    driver.changed(claim.id);
    log.info(
      { job: claim.name, id: claim.id, attempt: claim.attempt, said, ms: Math.round(performance.now() - startedAtMs) },
      'job',
    );
  }

  async #perform(definition: JobDefinition | undefined, progress: Progress): Promise<unknown> {
    const { claim } = this;
    if (!definition) throw new Error(`This program has no job ${claim.name}.`);
    const handle: JobHandle = {
      jobId: claim.id,
      fence: claim.fence,
      attempt: claim.attempt,
      signal: this.#abort.signal,
      stepAside: () => this.#stepAside(),
      bringAlong: this.#bringAlong,
      progress: (done, total, note, preview) => progress.step(done, total, note, preview),
    };
    return definition.run(this.#parts.openWork(), definition.payload.parse(claim.payload), handle);
  }

  /** Writes the outcome, unless another run has overtaken this one. Returns a word for the log. */
  async #conclude(outcome: { result: unknown } | { error: unknown }, definition: JobDefinition | undefined) {
    const { claim } = this;
    const { now, random } = this.#parts;
    const em = this.#parts.fork();
    const overtaken = (isMine: boolean, word: string) => (isMine ? word : 'overtaken');
    if (this.#reason === 'lost') return 'overtaken';
    const wasCancelled = this.#reason === 'cancelled' || (await checkLease(em, claim)) === 'cancelled';
    if (wasCancelled) {
      return overtaken(await finish(em, claim, { state: 'cancelled', error: null }, now()), 'cancelled');
    }
    if ('result' in outcome) {
      return overtaken(await finish(em, claim, { state: 'done', result: outcome.result }, now()), 'done');
    }
    if (this.#reason === 'stopping') {
      const isBack = await handBack(em, claim);
      if (isBack) this.#announce(now());
      return overtaken(isBack, 'handed back');
    }
    const error = textOf(outcome.error);
    if (claim.attempt >= claim.maxAttempts) {
      return overtaken(await finish(em, claim, { state: 'failed', error }, now()), 'failed');
    }
    const waitMs = waitBefore(claim.attempt + 1, outcome.error, definition?.backOff ?? BACK_OFF, random());
    const runAt = new Date(now().getTime() + waitMs);
    const isQueued = await tryAgain(em, claim, error, runAt);
    if (isQueued) this.#announce(runAt);
    return overtaken(isQueued, 'again');
  }

  #announce(runAt: Date): void {
    this.#parts.driver.announce([{ id: this.claim.id, lane: this.claim.lane, runAt, fence: this.claim.fence }]);
  }

  async #renew(): Promise<number | null> {
    const untilMs = this.#parts.now().getTime() + this.#parts.leaseMs;
    const renewal = await renewLease(this.#parts.fork(), this.claim, new Date(untilMs));
    this.#heed(renewal);
    return renewal === 'lost' ? null : untilMs;
  }

  #heed(renewal: 'held' | 'cancelled' | 'lost'): void {
    if (renewal !== 'held') this.#end(renewal);
  }

  #end(reason: Reason): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#abort.abort(new AppError('unavailable', `The job was ended: ${reason}.`));
  }
}

/** Full jitter (Brooker, "Exponential backoff and jitter", 2015), but never sooner than the error asks for. */
function waitBefore(attempt: number, error: unknown, { baseMs, capMs }: BackOff, chance: number): number {
  const ceilingMs = Math.min(capMs, baseMs * 2 ** (attempt - 2));
  const askedMs = error instanceof AppError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.max(askedMs, Math.round(ceilingMs * chance));
}

const textOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 4000);
