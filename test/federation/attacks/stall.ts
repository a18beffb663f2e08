import { readFileSync } from 'node:fs';

/**
 * The longest time that the main thread computed without coming back to its event loop. Processor time of that thread,
 * not the clock: on a busy machine a thread that waits for its turn is no stall of ours.
 */
export class StallProbe {
  #worstMs = 0;
  #timer: NodeJS.Timeout | null = null;

  get worstMs(): number {
    return this.#worstMs;
  }

  start(): void {
    this.#worstMs = 0;
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

function threadMs(): number {
  try {
    // the first figure is nanoseconds on the processor; the file speaks of the thread that reads it
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
  } catch {
    const { user, system } = process.cpuUsage(); // all threads: an upper bound where there is no /proc
    return (user + system) / 1000;
  }
}
