import type { EntityManager } from '@mikro-orm/core';
import type { Jobs } from '../kit/queue/jobs.ts';
import type { ServerEvent } from '../kit/web/event-stream.ts';
import type { Viewer } from '../kit/work.ts';
import { CHANNEL } from './kinds.ts';
import { countUnread, type Line, listLines } from './list.ts';
import { TO_ALL, topicOf } from './tell.ts';

/** For what another process wrote without a word, as one does that shares no Redis. */
const LOOK_EVERY_MS = 20_000;
/** Then the browser comes again, and shows anew who it is. */
const LONGEST_MS = 10 * 60_000;

interface Watched {
  readonly fork: () => EntityManager;
  readonly jobs: Pick<Jobs, 'onSignal'>;
  readonly signal: AbortSignal;
}

/** A moment to look: now, and after each change, until the reader leaves or the node closes. */
async function* moments({ jobs, signal }: Watched, accountId: number): AsyncGenerator<void> {
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
    while (!signal.aborted && performance.now() < endsAt) {
      hasChanged = false;
      yield;
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

/** How much is unread: now, and after each change. */
export async function* watchUnread(watched: Watched, accountId: number): AsyncGenerator<ServerEvent> {
  let shown = -1;
  for await (const _ of moments(watched, accountId)) {
    const unread = await countUnread(watched.fork(), accountId);
    if (unread !== shown) yield { event: 'unread', data: { unread } };
    shown = unread;
  }
}

/**
 * Each line that comes or grows, the oldest first, its number as the event's id; and how much is unread, at the beginning
 * and when that changed. After `lastId` what was missed comes first, as far as a page of it goes; without one nothing old does.
 */
export async function* watchLines<Told>(
  watched: Watched,
  viewer: Viewer,
  lastId: number | null,
  told: (line: Line) => Told,
): AsyncGenerator<ServerEvent> {
  let after = lastId;
  let shown = -1;
  for await (const _ of moments(watched, viewer.id)) {
    const em = watched.fork();
    const { lines } = await listLines({ em, viewer }, { channel: CHANNEL.page, after: after ?? undefined });
    const news = after === null ? [] : lines.toReversed();
    for (const line of news) yield { id: String(line.id), event: 'notification', data: told(line) };
    after = Math.max(after ?? 0, lines[0]?.id ?? 0);
    const unread = await countUnread(em, viewer.id);
    if (unread !== shown) yield { id: String(after), event: 'unread', data: { unread } };
    shown = unread;
  }
}
