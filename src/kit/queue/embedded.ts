import { EventEmitter } from 'node:events';
import type { Lane } from './define.ts';
import type { Announced, Driver, Turns } from './driver.ts';

/** Delays up to here are kept by a timer; longer ones are found by the worker, which looks every second. */
const LONGEST_TIMER_MS = 60_000;

/** Signals within the process. Other processes on the same database find the rows by looking. */
export class EmbeddedDriver implements Driver {
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #now: () => Date;
  #turns: Turns | null = null;

  constructor(now: () => Date) {
    this.#now = now;
  }

  announce(jobs: readonly Announced[]): void {
    for (const lane of new Set(jobs.filter((job) => this.#delayOf(job) <= 0).map((job) => job.lane))) this.#wake(lane);
    for (const job of jobs) {
      const delayMs = this.#delayOf(job);
      if (delayMs <= 0 || delayMs > LONGEST_TIMER_MS || !this.#turns) continue;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.announce([job]); // a timer may fire a millisecond before the clock says so, and the row is not due then
      }, delayMs);
      timer.unref();
      this.#timers.add(timer);
    }
  }

  async serve(_lanes: ReadonlyMap<Lane, number>, turns: Turns): Promise<void> {
    this.#turns = turns;
  }

  async pause(): Promise<void> {
    this.#turns = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  changed(jobId: string): void {
    this.#changes.emit('change', jobId);
  }

  onChange(listener: (jobId: string) => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  async close(): Promise<void> {
    await this.pause();
    this.#changes.removeAllListeners();
  }

  #wake(lane: Lane): void {
    this.#turns?.pump(lane);
  }

  #delayOf(job: Announced): number {
    return job.runAt.getTime() - this.#now().getTime();
  }
}
