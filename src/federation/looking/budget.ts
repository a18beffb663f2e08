import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import type { Federation } from '../deps.ts';

/**
 * The same federation, whose requests together take no longer than `totalMs` and are no more than `most`: what one person
 * asks for may lead from host to host, and they wait for it. A failure is not remembered, because they want to know of each
 * try what came of it.
 */
export function withinBudget(
  federation: Federation,
  { totalMs, most }: { readonly totalMs: number; readonly most: number },
): Federation {
  const startedAt = performance.now();
  let left = most;
  const net: Net = {
    ...federation.net,
    async peerFetch(url, { forgetFailureAfterMs: _memory, timeoutMs = totalMs, ...options } = {}) {
      const leftMs = totalMs - (performance.now() - startedAt);
      left -= 1;
      if (leftMs <= 0 || left < 0) throw new AppError('unavailable', 'The peer took too long.');
      return federation.net.peerFetch(url, { ...options, timeoutMs: Math.min(timeoutMs, leftMs) });
    },
  };
  return { ...federation, net };
}
