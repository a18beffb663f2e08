import { readFileSync } from 'node:fs';

/**
 * The longest time that the main thread computed without coming back to its event loop. Processor time of that thread,
 * not the clock: on a busy machine a thread that waits for its turn is no stall of ours.
 */
class StallProbe {
  #worstMs = 0;
  #timer: NodeJS.Timeout | null = null;

  get worstMs(): number {
    return this.#worstMs;
  }

  start(): void {
    this.#worstMs = 0;
    this.#watch();
  }

  /** Runs what is the suite's own work. */
  async pausedFor<T>(run: () => Promise<T>): Promise<T> {
    const wasOn = this.#timer !== null;
    this.stop();
    try {
      return await run();
    } finally {
      if (wasOn) this.#watch();
    }
  }

  #watch(): void {
    let before = threadMs();
    this.#timer = setInterval(() => {
      const now = threadMs();
      this.#worstMs = Math.max(this.#worstMs, now - before);
      before = now;
    }, 10);
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** One for the process: it has one main thread. */
export const probe = new StallProbe();

function threadMs(): number {
  try {
    // the first figure is nanoseconds on the processor; the file speaks of the thread that reads it
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
  } catch {
    const { user, system } = process.cpuUsage(); // all threads: an upper bound where there is no /proc
    return (user + system) / 1000;
  }
}
