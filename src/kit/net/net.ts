import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { AppError } from '../errors.ts';
import { pipeBody, readBody, saveBody } from './body.ts';
import { DomainBudget, TimedSet } from './budget.ts';
import { sendRequest } from './request.ts';
import { askNameServers, askSystem, type Resolve } from './resolve.ts';
import { type OperatorSocket, type OperatorSocketOptions, openOperatorSocket } from './socket.ts';
import { hostnameOf, publicReach, type Reach, readTarget } from './target.ts';

export interface NetOptions {
  /** Sent as User-Agent: name, version and address of this node. */
  readonly userAgent: string;
  readonly reach?: Reach;
  readonly resolve?: Resolve;
  readonly failures?: TimedSet;
  readonly requestsPerDomain?: number;
  /** This node's own host: what came from outside never makes it ask itself. */
  readonly ownHost?: string;
  /** Extra certificate authority in PEM, for tests. */
  readonly ca?: string;
}

type Headers = Readonly<Record<string, string>>;

interface FetchOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** A function is asked again for each hop, so that a signature can be made for the URL that is really asked. */
  readonly headers?: Headers | ((url: URL) => Headers);
  readonly body?: Buffer | string;
  /** Of the decoded body; default 1 MB. */
  readonly maxBytes?: number;
  /** From the first lookup to the last byte; default 10 s. */
  readonly timeoutMs?: number;
  /** The body of a 2xx answer goes into this new file instead of memory. */
  readonly saveTo?: string;
  /** Takes the body of a 2xx answer as it comes, and may look at the head first: what it throws ends the request. */
  readonly writeTo?: (head: Pick<Reply, 'status' | 'headers'>) => Writable;
  readonly signal?: AbortSignal;
}

interface PeerFetchOptions extends FetchOptions {
  /** When set, what fails is not tried again for this long: the host when it did not answer, the URL on 4xx but 401. */
  readonly forgetFailureAfterMs?: number;
}

interface OperatorFetchOptions extends FetchOptions {
  /** `host` or `host:port` as in the setting; nothing else is reached, and redirects are not followed. */
  readonly hosts: readonly string[];
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** The URL that answered, after redirects. */
  readonly url: URL;
  /** Empty when the body went into a file. */
  readonly body: Buffer;
  readonly totalBytes: number;
}

export interface Net {
  /** For every URL that came from outside. Throws `invalid` (not a URL for peers), `unavailable` or `too_large`. */
  peerFetch(url: string | URL, options?: PeerFetchOptions): Promise<Reply>;
  /** For hosts that a setting names. */
  operatorFetch(url: string | URL, options: OperatorFetchOptions): Promise<Reply>;
  /** The same for a WebSocket. Throws `invalid` for another host, `unavailable` when it does not open. */
  operatorSocket(url: URL, options: OperatorSocketOptions): Promise<OperatorSocket>;
}

const DEFAULT_MAX_BYTES = 1_000_000;
const DEFAULT_TIMEOUT_MS = 10_000;
const MOST_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
// What was meant for one origin is not shown to the next. RFC 9110, 15.4
const PERSONAL_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'signature', 'signature-input']);

export function makeNet(options: NetOptions): Net {
  const { userAgent, ca, reach = publicReach, failures = new TimedSet() } = options;
  const budget = new DomainBudget(options.requestsPerDomain ?? 6);
  const readPeer = (address: string | URL): URL => {
    const url = readTarget(address, reach);
    if (url.host === options.ownHost) throw new AppError('invalid', 'This address is of this node itself.');
    return url;
  };
  const peer = { resolve: options.resolve ?? (reach.localNames ? askSystem : askNameServers), reach };

  /** Follows redirects of GET and HEAD; each hop is judged like the first. */
  const follow = async (first: URL, request: FetchOptions, signal: AbortSignal): Promise<Reply> => {
    let url = first;
    for (let hops = 0; ; hops += 1) {
      const response = await send(url, first, request, { ...peer, ca, allowAddress: reach.allowAddress }, signal);
      const next = redirectOf(response, url, request);
      if (next === null) return await collect(response, url, request, signal);
      response.destroy();
      if (hops === MOST_REDIRECTS) throw new AppError('unavailable', 'The peer redirects too often.');
      const target = readPeer(next);
      if (url.protocol === 'https:' && target.protocol !== 'https:') {
        throw new AppError('unavailable', 'The peer redirects from https to http.');
      }
      url = target;
    }
  };

  const send = (
    url: URL,
    first: URL,
    { method = 'GET', headers = {}, body }: FetchOptions,
    connection: Parameters<typeof sendRequest>[2],
    signal: AbortSignal,
  ) => {
    const given = Object.entries(typeof headers === 'function' ? headers(url) : headers);
    const kept = url.origin === first.origin || typeof headers === 'function' ? given : given.filter(isImpersonal);
    const all = { 'user-agent': userAgent, 'accept-encoding': 'gzip, br', ...Object.fromEntries(kept) };
    const bytes = body === undefined ? undefined : Buffer.from(body as string);
    return sendRequest(url, { method, headers: all, body: bytes }, connection, signal);
  };

  return {
    async peerFetch(address, request = {}) {
      const url = readPeer(address);
      const { forgetFailureAfterMs } = request;
      if (forgetFailureAfterMs !== undefined && (failures.has(url.origin) || failures.has(url.href))) {
        throw new AppError('unavailable', 'This peer did not answer a moment ago.');
      }
      return await withinDeadline(request, async (signal) => {
        const leave = await budget.enter(hostnameOf(url), signal);
        try {
          const reply = await follow(url, request, signal);
          // 401 is about how this request was signed: the next one may be signed otherwise
          if (forgetFailureAfterMs !== undefined && reply.status >= 400 && reply.status !== 401) {
            failures.remember(url.href, forgetFailureAfterMs);
          }
          return reply;
        } catch (cause) {
          if (forgetFailureAfterMs !== undefined && !request.signal?.aborted) {
            failures.remember(isOwnRefusal(cause) ? url.href : url.origin, forgetFailureAfterMs);
          }
          throw cause;
        } finally {
          leave();
        }
      });
    },

    async operatorFetch(address, request) {
      const url = URL.canParse(String(address)) ? new URL(address) : null;
      if (!url || !/^https?:$/.test(url.protocol) || !request.hosts.includes(url.host)) {
        throw new AppError('invalid', 'This host is not among those that the settings name.');
      }
      const connection = { resolve: options.resolve ?? askSystem, allowAddress: () => true, ca };
      return await withinDeadline(request, async (signal) =>
        collect(await send(url, url, request, connection, signal), url, request, signal),
      );
    },

    operatorSocket: (url, request) => openOperatorSocket(url, request, { resolve: options.resolve, ca }),
  };
}

async function withinDeadline(
  { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: FetchOptions,
  run: (signal: AbortSignal) => Promise<Reply>,
): Promise<Reply> {
  // Not AbortSignal.any and .timeout: Node 20 may collect the former early, and the latter holds no process awake.
  const deadline = new AbortController();
  let late = false;
  const abort = () => deadline.abort(signal?.reason);
  const timer = setTimeout(() => {
    late = true;
    deadline.abort(new Error('deadline'));
  }, timeoutMs);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await run(deadline.signal);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('unavailable', late ? 'The peer took too long.' : 'The peer did not answer.', { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function redirectOf(response: IncomingMessage, url: URL, { method = 'GET' }: FetchOptions): URL | null {
  const { location } = response.headers;
  if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined) return null;
  if (method !== 'GET' && method !== 'HEAD') return null;
  if (!URL.canParse(location, url.href)) throw new AppError('unavailable', 'The peer redirects to nowhere.');
  return new URL(location, url);
}

async function collect(
  response: IncomingMessage,
  url: URL,
  { maxBytes = DEFAULT_MAX_BYTES, saveTo, writeTo, method }: FetchOptions,
  signal: AbortSignal,
): Promise<Reply> {
  const status = response.statusCode ?? 0;
  const reply = { status, headers: joined(response), url, body: Buffer.alloc(0), totalBytes: 0 };
  if (method === 'HEAD') {
    response.resume();
    return reply;
  }
  if (saveTo !== undefined && status >= 200 && status < 300) {
    return { ...reply, totalBytes: await saveBody(response, saveTo, maxBytes, signal) };
  }
  if (writeTo !== undefined && status >= 200 && status < 300) {
    return { ...reply, totalBytes: await pipeBody(response, () => writeTo(reply), maxBytes, signal) };
  }
  const body = await readBody(response, maxBytes, signal);
  return { ...reply, body, totalBytes: body.length };
}

function joined(response: IncomingMessage): Headers {
  const entries = Object.entries(response.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return Object.fromEntries(entries);
}

/** Ours about this one document; a socket error is about the host. */
function isOwnRefusal(cause: unknown): boolean {
  return cause instanceof AppError && cause.kind !== 'unavailable';
}

function isImpersonal([name]: [string, string]): boolean {
  return !PERSONAL_HEADERS.has(name.toLowerCase());
}
