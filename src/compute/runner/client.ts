import type { Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { AppError, type ErrorKind } from '../../kit/errors.ts';
import type { Net, Reply } from '../../kit/net/net.ts';
import type { JobOutcome } from '../engine/running-jobs.ts';
import {
  ClaimAnswer,
  EventsAnswer,
  type Order,
  type PassedEvent,
  RUNNER_PATH,
  type RunnerHello,
} from '../runners/protocol.ts';

export interface ClientOptions {
  readonly net: Net;
  readonly node: URL;
  readonly token: string;
  /** Between tries when the node is away. */
  readonly backOff?: { readonly baseMs: number; readonly capMs: number };
}

const BACK_OFF = { baseMs: 1_000, capMs: 60_000 };
/** Longer than the node keeps a runner waiting for work. */
const CLAIM_MS = 45_000;
const CALL_MS = 60_000;
const LEAVE_MS = 3_000;
const FILE_MS = 6 * 3_600_000;

const Greeting = z.object({ name: z.string(), protocol: z.int() });
const Received = z.object({ offset: z.int().nonnegative(), isWhole: z.boolean() });

/** The node, as a runner talks to it. Each call throws `unavailable` when it is away, and what it answers otherwise. */
export class NodeClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async hello(hello: RunnerHello, signal: AbortSignal): Promise<z.output<typeof Greeting>> {
    return this.#call('POST', '/hello', Greeting, { json: hello, signal });
  }

  /** A node that is away finds out by itself. */
  async leave(): Promise<void> {
    const { signal } = new AbortController();
    await this.#call('POST', '/leave', z.object({}), { json: {}, signal, timeoutMs: LEAVE_MS }).catch(() => {});
  }

  async claim(device: string, signal: AbortSignal): Promise<ClaimAnswer> {
    return this.#call('POST', '/claim', ClaimAnswer, { json: { device }, signal, timeoutMs: CLAIM_MS });
  }

  async events(order: Order, from: number, events: readonly PassedEvent[], signal: AbortSignal): Promise<EventsAnswer> {
    return this.#call('POST', `/orders/${order.id}/events`, EventsAnswer, { json: { from, events }, signal });
  }

  async outcome(order: Order, outcome: JobOutcome, signal: AbortSignal): Promise<void> {
    await this.#call('PUT', `/orders/${order.id}/outcome`, z.object({}), { json: outcome, signal });
  }

  /** How much of a file that is to be returned is there already. */
  async offsetOf(order: Order, sha256: string, signal: AbortSignal): Promise<z.output<typeof Received>> {
    return this.#call('GET', `/orders/${order.id}/returns/${sha256}`, Received, { signal });
  }

  async putPart(
    order: Order,
    { sha256, offset, totalBytes, bytes }: { sha256: string; offset: number; totalBytes: number; bytes: Buffer },
    signal: AbortSignal,
  ): Promise<z.output<typeof Received>> {
    const range = `bytes ${offset}-${offset + bytes.length - 1}/${totalBytes}`;
    const headers = { 'content-range': range, 'content-type': 'application/octet-stream' };
    return this.#call('PUT', `/orders/${order.id}/returns/${sha256}`, Received, { bytes, headers, signal });
  }

  /** Writes what is left of a file from `offset` on into `open()`. */
  async download(
    order: Order,
    { sha256, offset, totalBytes }: { sha256: string; offset: number; totalBytes: number },
    open: () => Writable,
    signal: AbortSignal,
  ): Promise<void> {
    const reply = await this.#send('GET', `/orders/${order.id}/files/${sha256}`, {
      ...(offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {}),
      writeTo: ({ status }) => {
        if (status !== (offset > 0 ? 206 : 200))
          throw new AppError('unavailable', 'The node sent another part of the file.');
        return open();
      },
      maxBytes: totalBytes - offset,
      timeoutMs: FILE_MS,
      signal,
    });
    refuse(reply);
  }

  /** Tries again, later and later, while the node is away. Anything else that it says is thrown. */
  async insist<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    const { baseMs, capMs } = this.#options.backOff ?? BACK_OFF;
    for (let tries = 0; ; tries += 1) {
      try {
        return await act();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AppError) || !isPassing(error)) throw error;
        // in jitter, so that all runners of a node that restarts do not come at once
        const ms = Math.min(capMs, baseMs * 2 ** tries) * (0.5 + Math.random() / 2);
        await wait(Math.max(ms, (error.retryAfterSeconds ?? 0) * 1000), null, { signal });
      }
    }
  }

  async #call<Schema extends z.ZodType>(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    answer: Schema,
    { json, bytes, headers = {}, signal, timeoutMs = CALL_MS }: Asked,
  ): Promise<z.output<Schema>> {
    const body = json === undefined ? bytes : JSON.stringify(json);
    const reply = await this.#send(method, path, {
      headers: json === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
      maxBytes: 4_000_000,
      timeoutMs,
      signal,
    });
    refuse(reply);
    const parsed = answer.safeParse(jsonOf(reply));
    if (!parsed.success) throw new AppError('gone', TOO_OLD);
    return parsed.data;
  }

  async #send(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    options: Omit<Parameters<Net['operatorFetch']>[1], 'hosts' | 'method'>,
  ): Promise<Reply> {
    const { net, node, token } = this.#options;
    return net.operatorFetch(new URL(RUNNER_PATH + path, node), {
      ...options,
      method,
      hosts: [node.host],
      headers: {
        ...(options.headers as Record<string, string>),
        authorization: `Bearer ${token}`,
        accept: 'application/json',
      },
    });
  }
}

interface Asked {
  readonly json?: unknown;
  readonly bytes?: Buffer;
  readonly headers?: Record<string, string>;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

const TOO_OLD = 'This node does not know runners. It is too old, or the address is not that of a Tessera node.';

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: 'malformed',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'gone',
  413: 'too_large',
  422: 'invalid',
  429: 'rate_limited',
};

function refuse(reply: Reply): void {
  if (reply.status >= 200 && reply.status < 300) return;
  const said = z.object({ error: z.string().max(500) }).safeParse(jsonOf(reply)).data?.error;
  const isPage = said === undefined && reply.status === 404;
  const retryAfterSeconds = Number(reply.headers['retry-after'] ?? 0) || 0;
  throw new AppError(
    KINDS[reply.status] ?? 'unavailable',
    isPage ? TOO_OLD : (said ?? `The node answered ${reply.status}.`),
    {
      retryAfterSeconds,
    },
  );
}

function jsonOf({ body }: Reply): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

const isPassing = ({ kind }: AppError): boolean => kind === 'unavailable' || kind === 'rate_limited';

/** The order counts for nothing any more. */
export const isOver = (error: unknown): boolean =>
  error instanceof AppError && (error.kind === 'gone' || error.kind === 'not_found');
