import type { Ctx } from './state.ts';

export interface ServerEvent {
  readonly id?: string;
  readonly event: string;
  /** Sent as JSON. */
  readonly data: unknown;
}

/**
 * Answers with server-sent events until `events` ends or the reader leaves, which aborts `signal`. A comment every 15 s
 * keeps proxies from closing the line.
 */
export async function sendEvents(
  ctx: Ctx,
  events: (signal: AbortSignal, lastEventId: string | null) => AsyncIterable<ServerEvent>,
): Promise<void> {
  const left = new AbortController();
  ctx.respond = false;
  const { res } = ctx;
  res.on('close', () => left.abort());
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  const beat = setInterval(() => res.write(': still here\n\n'), 15_000);
  try {
    for await (const { id, event, data } of events(left.signal, ctx.get('last-event-id') || null)) {
      if (left.signal.aborted) break;
      const ready = res.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!ready) await new Promise<void>((resolve) => res.once('drain', resolve).once('close', resolve));
    }
  } finally {
    clearInterval(beat);
    res.end();
  }
}
