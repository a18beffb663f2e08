import { AppError } from '../../kit/errors.ts';
import type { Federation } from '../deps.ts';

/** What a stranger sees there now: nothing any more, still something, no answer, or no address is known to look at. */
export type Seen = 'gone' | 'served' | 'silent' | 'unknown';

const GONE: ReadonlySet<number> = new Set([404, 410, 451]);
const MOST_BYTES = 500_000;

/** Asks each known address again, unsigned, as anybody would. One that still answers is enough. */
export async function probe({ net }: Pick<Federation, 'net'>, urls: readonly string[]): Promise<Seen> {
  if (urls.length === 0) return 'unknown';
  let isSilent = false;
  for (const url of urls) {
    try {
      const { status } = await net.peerFetch(url, { maxBytes: MOST_BYTES, timeoutMs: 10_000 });
      if (status >= 200 && status < 400) return 'served';
      if (!GONE.has(status)) isSilent = true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // something longer than a page of ours is there
      if (error.kind === 'too_large') return 'served';
      isSilent = true;
    }
  }
  return isSilent ? 'silent' : 'gone';
}
