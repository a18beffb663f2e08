import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../kit/errors.ts';
import type { Ctx } from '../../kit/web/state.ts';

/** As long as a row stays with who opened it. */
const LIVES_MS = 5 * 60_000;

/**
 * Addresses of bytes that only reviewers see: good for a few minutes and for the one session that was shown them
 * (spec/takedowns.md 2.3, invariant f). Whoever else has one, by history, log or shoulder, has nothing.
 */
export class SignedPaths {
  readonly #key: Buffer;

  constructor(secretKey: string) {
    this.#key = Buffer.from(hkdfSync('sha256', secretKey, '', 'reviewed-bytes', 32));
  }

  sign(ctx: Ctx, path: string): string {
    const until = ctx.state.work.now().getTime() + LIVES_MS;
    return `${path}?until=${until}&key=${this.#keyOf(ctx, path, until)}`;
  }

  /** Throws `not_found`, as for what does not exist. Says to everybody on the way to keep nothing. */
  assert(ctx: Ctx): void {
    ctx.set({ 'Cache-Control': 'private, no-store', 'Referrer-Policy': 'no-referrer' });
    const { until, key } = ctx.query;
    const isWell = typeof until === 'string' && /^\d{1,15}$/.test(until) && typeof key === 'string';
    const isAlive = isWell && Number(until) > ctx.state.work.now().getTime();
    if (!isAlive || ctx.state.sessionId === null || !isSame(key, this.#keyOf(ctx, ctx.path, Number(until)))) {
      throw new AppError('not_found', 'There is no such picture.');
    }
  }

  #keyOf(ctx: Ctx, path: string, until: number): string {
    return createHmac('sha256', this.#key).update(`${ctx.state.sessionId}\n${path}\n${until}`).digest('base64url');
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
