import { AppError } from '../errors.ts';
import type { Ctx } from './state.ts';

export interface Limit {
  readonly name: string;
  /** Requests that one account or address prefix may make … */
  readonly max: number;
  /** … in this time. */
  readonly perMs: number;
}

/** What is left of a bucket after a request. */
export interface Left {
  readonly remaining: number;
  /** Until it is full again. */
  readonly resetSeconds: number;
}

const MAX_KEYS = 50_000;

/**
 * Counts requests by account, or by address prefix for visitors (an IPv6 subscriber holds a whole /64). Each process
 * counts for itself: with n web processes a stranger gets at most n times the limit.
 */
export class RateLimits {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Takes one from the bucket. Throws `rate_limited` with the time to wait. */
  take(ctx: Ctx, limit: Limit): Left {
    const who = ctx.state.work?.viewer ? `a${ctx.state.work.viewer.id}` : addressPrefix(ctx.ip);
    return this.takeFor(`${limit.name} ${who}`, limit);
  }

  /** The same for a key of the caller's making, such as a name that somebody tries to sign in with. */
  takeFor(key: string, limit: Limit): Left {
    const at = this.#now().getTime();
    const rate = limit.max / limit.perMs;
    const bucket = this.#buckets.get(key) ?? { tokens: limit.max, at };
    const tokens = Math.min(limit.max, bucket.tokens + (at - bucket.at) * rate);
    if (tokens < 1) {
      const retryAfterSeconds = Math.ceil((1 - tokens) / rate / 1_000);
      throw new AppError('rate_limited', `That was too often. Please try again in ${waitText(retryAfterSeconds)}.`, {
        retryAfterSeconds,
      });
    }
    // insertion order is age: a key that is used moves to the end, and the oldest goes when the map is full
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens - 1, at });
    if (this.#buckets.size > MAX_KEYS) {
      const oldest = this.#buckets.keys().next();
      if (!oldest.done) this.#buckets.delete(oldest.value);
    }
    return {
      remaining: Math.floor(tokens - 1),
      resetSeconds: Math.ceil((limit.max - tokens + 1) / rate / 1_000),
    };
  }
}

const waitText = (seconds: number): string =>
  seconds < 90
    ? `${seconds} seconds`
    : seconds < 5_400
      ? `${Math.ceil(seconds / 60)} minutes`
      : `${Math.ceil(seconds / 3_600)} hours`;

/** The /24 of an IPv4 address, the /64 of an IPv6 address. */
export function addressPrefix(address: string): string {
  const v4 = /(\d+\.\d+\.\d+)\.\d+$/.exec(address);
  if (v4?.[1]) return v4[1];
  return address.split(':').slice(0, 4).join(':');
}
