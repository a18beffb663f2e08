import type { ChildExit } from './child.ts';
import type { EngineErrorCode, EngineEvent, EngineImage } from './protocol.ts';

/** How a job ended. It is not an error of ours when an engine fails: the caller decides whether to try again. */
export type JobOutcome =
  | { readonly state: 'done'; readonly images: readonly EngineImage[] }
  /** It gave the GPU to others, and goes on from the newest state that it told of. */
  | { readonly state: 'paused'; readonly step: number }
  | { readonly state: 'cancelled'; readonly partial: readonly string[] }
  | {
      readonly state: 'failed';
      readonly code: EngineErrorCode;
      readonly message: string;
      readonly path: string | null;
      readonly retryable: boolean;
      /** The engine died of it, as against saying what is wrong. */
      readonly isCrash: boolean;
    };

export type EngineListener = (event: EngineEvent) => void | Promise<void>;

interface RunningJob {
  readonly listener: ((event: EngineEvent) => void) | undefined;
  readonly settle: (outcome: JobOutcome) => void;
  /** Of its `generate`, by which an error names it before it was taken. */
  readonly commandId: number;
  readonly ackTimer: NodeJS.Timeout;
  cancelTimer: NodeJS.Timeout | null;
  pauseTimer: NodeJS.Timeout | null;
}

export const failed = (
  code: EngineErrorCode,
  message: string,
  retryable: boolean,
  path: string | null = null,
): JobOutcome => ({ state: 'failed', code, message, path, retryable, isCrash: false });

/** The jobs that the engine was given and has not ended. */
export class RunningJobs {
  readonly #jobs = new Map<string, RunningJob>();
  /** How often each job was running when the engine died. */
  readonly #crashes = new Map<string, number>();

  /** `ackTimer` is cleared when the engine first speaks of the job. */
  add(
    jobId: string,
    commandId: number,
    ackTimer: NodeJS.Timeout,
    listener: ((event: EngineEvent) => void) | undefined,
  ): Promise<JobOutcome> {
    return new Promise((settle) => {
      this.#jobs.set(jobId, { listener, settle, commandId, ackTimer, cancelTimer: null, pauseTimer: null });
    });
  }

  /** False when there is no such job, or it is being cancelled already. */
  cancel(jobId: string, cancelTimer: NodeJS.Timeout): boolean {
    const job = this.#jobs.get(jobId);
    if (!job || job.cancelTimer) return false;
    job.cancelTimer = cancelTimer;
    return true;
  }

  /** False when there is no such job, or it is being cancelled or paused already. */
  pause(jobId: string, pauseTimer: NodeJS.Timeout): boolean {
    const job = this.#jobs.get(jobId);
    if (!job || job.cancelTimer || job.pauseTimer) return false;
    job.pauseTimer = pauseTimer;
    return true;
  }

  take(event: EngineEvent): void {
    for (const [jobId, job] of this.#jobs) {
      const isNamed = 'job' in event && event.job === jobId;
      const isByCommand = 'id' in event && event.id === job.commandId;
      if (!isNamed && !isByCommand) continue;
      clearTimeout(job.ackTimer);
      job.listener?.(event);
      if (event.t === 'result') this.#end(jobId, job, { state: 'done', images: event.images });
      if (event.t === 'cancelled') this.#end(jobId, job, { state: 'cancelled', partial: event.partial });
      if (event.t === 'paused') {
        this.#end(jobId, job, { state: 'paused', step: event.step });
      }
      // An error with the id of another command, such as a cancel that came too late, is not the end of the job.
      if (event.t === 'error' && (isByCommand || event.id === undefined)) {
        this.#end(jobId, job, failed(event.code, event.message, event.retryable, event.path ?? null));
      }
    }
  }

  /** The engine is gone; null when we shut it down. */
  endAll(exit: ChildExit | null): void {
    for (const [jobId, job] of this.#jobs) {
      const isCancelled = job.cancelTimer !== null || exit === null;
      this.#end(jobId, job, isCancelled ? { state: 'cancelled', partial: [] } : this.#outcomeOfCrash(jobId, exit));
    }
  }

  #end(jobId: string, job: RunningJob, outcome: JobOutcome): void {
    clearTimeout(job.ackTimer);
    if (job.cancelTimer) clearTimeout(job.cancelTimer);
    if (job.pauseTimer) clearTimeout(job.pauseTimer);
    this.#jobs.delete(jobId);
    if (outcome.state !== 'failed') this.#crashes.delete(jobId);
    job.settle(outcome);
  }

  #outcomeOfCrash(jobId: string, exit: ChildExit): JobOutcome {
    const crashes = (this.#crashes.get(jobId) ?? 0) + 1;
    this.#crashes.set(jobId, crashes);
    // A job that killed the engine twice would do it a third time.
    const [code, message] = reasonOf(exit);
    return { state: 'failed', code, message, path: null, retryable: crashes < 2, isCrash: true };
  }
}

/** What an exit means, as an error code and in words. */
export function reasonOf(exit: ChildExit): [EngineErrorCode, string] {
  if (exit.ended) return ['timeout', `The engine was ended: ${exit.ended}.`];
  if (exit.code === 70) return ['gpu_lost', 'The GPU stopped answering.'];
  if (exit.code === 137 || exit.signal === 'SIGKILL') {
    return ['oom_ram', 'The system ended the engine, most likely for want of memory.'];
  }
  const how = exit.signal ? `signal ${exit.signal}` : `exit status ${exit.code}`;
  return ['engine_crashed', `The engine ended unexpectedly (${how}).`];
}
