import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** `error` means that nobody knows: the file was not scanned to its end. */
export type VirusScan =
  | { readonly result: 'clean' }
  | { readonly result: 'infected'; readonly name: string }
  | { readonly result: 'error'; readonly message: string };

export interface ClamdOptions {
  readonly signal?: AbortSignal;
  /** Without a byte taken or an answer for so long, the scan is given up. */
  readonly idleTimeoutMs?: number;
}

const DEFAULT_IDLE_TIMEOUT_MS = 120_000;
const MAX_REPLY_BYTES = 4_096;

/**
 * Sends the bytes to clamd by INSTREAM (clamd(8), COMMANDS): pieces, each after its length in network byte order, and a
 * length of zero at the end. `address` is the owner's setting: the path of a socket, or `host:port`. Files above clamd's
 * `StreamMaxLength` end as `error`. Never throws; `source` is destroyed when it was not read to its end.
 */
export async function scanWithClamd(address: string, source: Readable, options: ClamdOptions = {}): Promise<VirusScan> {
  const socket = openSocket(address);
  const stop = () => socket.destroy(new Error('The scan was stopped.'));
  options.signal?.addEventListener('abort', stop, { once: true });
  if (options.signal?.aborted) stop();
  socket.setTimeout(options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS, () =>
    socket.destroy(new Error('It took too long.')),
  );
  const reply = readReply(socket);
  // Both at once: clamd answers in the middle of a stream that it thinks too long
  const sending = send(socket, source).catch((error: unknown) => socket.destroy(asError(error)));
  try {
    return readVerdict(await reply);
  } catch (error) {
    return { result: 'error', message: `clamd did not answer: ${asError(error).message}` };
  } finally {
    options.signal?.removeEventListener('abort', stop);
    socket.destroy();
    source.destroy();
    await sending;
  }
}

function openSocket(address: string): Socket {
  const [, host, port] = /^(?:tcp:\/\/)?([^/]+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined) return connect({ path: address.replace(/^unix:(?:\/\/)?/, '') });
  return connect({ host: host.replace(/^\[|\]$/g, ''), port: Math.min(Number(port), 65_535) });
}

async function send(socket: Socket, source: Readable): Promise<void> {
  await write(socket, Buffer.from('zINSTREAM\0'));
  for await (const piece of source) {
    const bytes = Buffer.from(piece);
    if (bytes.length === 0) continue; // a length of zero would end the stream
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    socket.write(length);
    await write(socket, bytes);
  }
  await write(socket, Buffer.alloc(4));
}

const write = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });

const readReply = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let reply = '';
    socket.on('data', (bytes: Buffer) => {
      reply += bytes.toString('utf8');
      if (reply.includes('\0') || reply.length > MAX_REPLY_BYTES) resolve(reply);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
  });

/** `stream: OK`, `stream: Some-Name FOUND`, `INSTREAM size limit exceeded. ERROR` */
function readVerdict(reply: string): VirusScan {
  const line = (reply.split('\0')[0] ?? '').trim();
  if (line === 'stream: OK') return { result: 'clean' };
  const [, name] = /^stream: (.{1,300}) FOUND$/.exec(line) ?? [];
  if (name !== undefined) return { result: 'infected', name };
  return { result: 'error', message: line === '' ? 'clamd closed the connection.' : line.slice(0, 300) };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
