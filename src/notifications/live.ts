import type { EntityManager } from '@mikro-orm/core';
import type { Jobs } from '../kit/queue/jobs.ts';
import type { ServerEvent } from '../kit/web/event-stream.ts';
import { countUnread } from './list.ts';
import { TO_ALL, topicOf } from './tell.ts';

/** For what another process wrote without a word, as one does that shares no Redis. */
const LOOK_EVERY_MS = 20_000;
/** Then the browser comes again, and shows anew who it is. */
const LONGEST_MS = 10 * 60_000;

/** How much is unread: now, and after each change, until the reader leaves or the node closes. */
export async function* watchUnread(
  fork: () => EntityManager,
  jobs: Pick<Jobs, 'onSignal'>,
  accountId: number,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  let wake: () => void = () => {};
  let hasChanged = false;
  const nudge = () => {
    hasChanged = true;
    wake();
  };
  const own = topicOf(accountId);
  const stop = jobs.onSignal((topic) => {
    if (topic === own || topic === TO_ALL) nudge();
  });
  signal.addEventListener('abort', nudge);
  const endsAt = performance.now() + LONGEST_MS;
  try {
    for (let shown = -1; !signal.aborted && performance.now() < endsAt; ) {
      hasChanged = false;
      const unread = await countUnread(fork(), accountId);
      if (unread !== shown) yield { event: 'unread', data: { unread } };
      shown = unread;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, hasChanged || signal.aborted ? 0 : LOOK_EVERY_MS);
        timer.unref();
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    stop();
    signal.removeEventListener('abort', nudge);
  }
}
