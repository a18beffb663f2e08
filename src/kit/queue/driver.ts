import type { Lane } from './define.ts';

/** A committed row that a driver should know of. */
export interface Announced {
  readonly id: string;
  readonly lane: Lane;
  readonly runAt: Date;
  /** Of the last run; a row that is queued again is another message. */
  readonly fence: number;
}

/** What a driver asks of the worker of its process. */
export interface Turns {
  /** Begins as many due jobs of the lane as this process may run, and returns at once. */
  pump(lane: Lane): void;
  /** Begins one due job of the lane, when there is room for it, and returns when it ended; or when none was due. */
  runOne(lane: Lane): Promise<void>;
}

/**
 * Wakes workers and spreads their work; it holds nothing that is not in the rows. What it loses, the relay of the
 * worker announces again.
 */
export interface Driver {
  /** Never fails: a row that could not be announced is found by the relay. */
  announce(jobs: readonly Announced[]): void;
  /** Begins to give turns to this process; the number is how many jobs of a lane it runs at once. */
  serve(lanes: ReadonlyMap<Lane, number>, turns: Turns): Promise<void>;
  /** No more turns; those that run go on. */
  pause(): Promise<void>;
  /** Tells every process that a job changed. */
  changed(jobId: string): void;
  /** Calls back when a job changed, here or elsewhere; returns what ends it. */
  onChange(listener: (jobId: string) => void): () => void;
  close(): Promise<void>;
}
