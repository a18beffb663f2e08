import type { EngineEvent, EngineHello } from './protocol.ts';
import type { EngineListener, JobOutcome } from './running-jobs.ts';

/** `broken`: it crashed too often and stays down until `reset` or a probe that goes well. `probing`: tried without a job. */
export type EngineCondition = 'stopped' | 'starting' | 'ready' | 'waiting' | 'broken' | 'probing';

/** What a job may need of the supervisor. */
export interface EngineAsk {
  readonly type: 'generate' | 'train' | 'resume' | 'caption' | 'merge';
  readonly params: object;
  readonly listener?: EngineListener;
  /** Of the files that it may have to load. */
  readonly loadBytes?: number;
}

/** What the pool drives: our own Python child process, or a server of the operator's that makes pictures. */
export interface Engine {
  readonly state: EngineCondition;
  /** What it said when it started; null until it is ready for the first time. */
  readonly hello: EngineHello | null;
  /** For whoever looks after it: how often it failed lately, and of what. */
  readonly health: { readonly crashes: number; readonly lastCrash: string | null };
  /** True once it is ready, false when it could not be started or is broken. */
  start(): Promise<boolean>;
  /** Forgets what went wrong and starts it. */
  reset(): Promise<boolean>;
  /** Runs a job to its end, whatever that is. */
  run(jobId: string, ask: EngineAsk): Promise<JobOutcome>;
  /** Asks for the end of a job; its outcome says how it went. */
  cancel(jobId: string): void;
  /** Has a training write its state and end there. An engine that does not train does nothing. */
  pause(jobId: string, release: boolean): void;
  /** Loads a model before somebody asks for it; null from an engine that cannot. */
  load(model: { readonly file: string; readonly sha256?: string }, bytes?: number): Promise<EngineEvent | null>;
  shutdown(graceSeconds?: number): Promise<void>;
}
