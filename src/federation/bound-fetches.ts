import { AppError } from '../kit/errors.ts';
import type { Federation } from './deps.ts';

/**
 * A federation that asks peers at most so often: for one activity, one backfill, one thread. What comes after fails as
 * something that cannot be had, which is the end of it and not a reason to try again.
 */
export function boundFetches(federation: Federation, most: number): Federation {
  let left = most;
  const { net } = federation;
  return {
    ...federation,
    net: {
      ...net,
      peerFetch: async (url, options) => {
        if (left <= 0) throw new AppError('not_found', 'This would take too many requests.');
        left -= 1;
        return net.peerFetch(url, options);
      },
    },
  };
}
