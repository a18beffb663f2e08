import { AppError } from '../errors.ts';
import { registrableDomain } from './domain.ts';

/** At most `perDomain` requests at once to one registrable domain; the rest wait in order, up to a bound. */
export class DomainBudget {
  readonly #perDomain: number;
  readonly #longestQueue: number;
  readonly #domains = new Map<string, { active: number; waiting: (() => void)[] }>();

  constructor(perDomain: number, longestQueue = perDomain * 50) {
    this.#perDomain = perDomain;
    this.#longestQueue = longestQueue;
  }

  /** Resolves when there is room, with the function that gives the place back. */
  async enter(hostname: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const domain = registrableDomain(hostname);
    const state = this.#domains.get(domain) ?? { active: 0, waiting: [] };
    this.#domains.set(domain, state);
    if (state.active >= this.#perDomain) {
      if (state.waiting.length >= this.#longestQueue) {
        throw new AppError('unavailable', 'Too many requests to this peer are under way.', { retryAfterSeconds: 30 });
      }
      await waitInLine(state.waiting, signal);
    } else {
      state.active += 1;
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = state.waiting.shift();
      if (next) return next(); // the place passes on, so `active` stays
      state.active -= 1;
      if (state.active === 0) this.#domains.delete(domain);
    };
  }
}

function waitInLine(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const proceed = () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    const giveUp = () => {
      const place = waiting.indexOf(proceed);
      if (place !== -1) waiting.splice(place, 1);
      reject(signal.reason);
    };
    waiting.push(proceed);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

/** Remembers each thing for a while, such as what did not answer: a dead or hostile host costs one attempt, not thousands. */
export class TimedSet {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;
  readonly #most: number;

  constructor(now: () => number = Date.now, most = 10_000) {
    this.#now = now;
    this.#most = most;
  }

  has(key: string): boolean {
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > this.#now()) return true;
    this.#until.delete(key);
    return false;
  }

  remember(key: string, forMs: number): void {
    this.#until.delete(key);
    this.#until.set(key, this.#now() + forMs);
    if (this.#until.size <= this.#most) return;
    const oldest = this.#until.keys().next();
    if (!oldest.done) this.#until.delete(oldest.value);
  }
}
