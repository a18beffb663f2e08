import { isIP } from 'node:net';
import { WebSocket } from 'ws';
import { AppError } from '../errors.ts';
import { pinnedLookup, untilAborted } from './request.ts';
import { askSystem, type Resolve } from './resolve.ts';
import { hostnameOf } from './target.ts';

export interface OperatorSocketOptions {
  /** `host` or `host:port` as in the setting; nothing else is reached, and redirects are not followed. */
  readonly hosts: readonly string[];
  /** Of one message; a longer one ends the connection. */
  readonly maxBytes: number;
  /** Until it is open; for the lookup of its name as much again. */
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onText: (text: string) => void;
  readonly onBytes: (bytes: Buffer) => void;
  /** Once, however it ended. */
  readonly onClose: () => void;
}

export interface OperatorSocket {
  send(text: string): void;
  close(): void;
}

/** A WebSocket to a host that a setting names. Throws `invalid` for another host, `unavailable` when it does not open. */
export async function openOperatorSocket(
  address: URL,
  options: OperatorSocketOptions,
  { resolve = askSystem, ca }: { readonly resolve?: Resolve | undefined; readonly ca?: string | undefined } = {},
): Promise<OperatorSocket> {
  const url = new URL(address);
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:';
  if (!options.hosts.includes(url.host)) {
    throw new AppError('invalid', 'This host is not among those that the settings name.');
  }
  const hostname = hostnameOf(url);
  const found = isIP(hostname)
    ? [hostname]
    : await untilAborted(resolve(hostname), AbortSignal.timeout(options.timeoutMs)).catch(() => []);
  if (found.length === 0) throw new AppError('unavailable', 'This host cannot be reached.');
  return await new Promise((opened, reject) => {
    const socket = new WebSocket(url, {
      lookup: pinnedLookup(found),
      handshakeTimeout: options.timeoutMs,
      maxPayload: options.maxBytes,
      // what is inflated is counted only afterwards; on a local network nothing is gained by it
      perMessageDeflate: false,
      followRedirects: false,
      ...(options.headers ? { headers: { ...options.headers } } : {}),
      ...(ca === undefined ? {} : { ca }),
    });
    let isOpen = false;
    socket.on('open', () => {
      isOpen = true;
      opened({
        send: (text) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(text);
        },
        close: () => socket.terminate(),
      });
    });
    // 'close' follows, and says all that the caller needs to know
    socket.on('error', (cause) => {
      if (!isOpen) reject(new AppError('unavailable', 'The socket did not open.', { cause }));
    });
    socket.on('message', (data, isBinary) => {
      // `nodebuffer`, the default of `ws`, makes one Buffer of each message
      if (!Buffer.isBuffer(data)) return;
      if (isBinary) options.onBytes(data);
      else options.onText(data.toString('utf8'));
    });
    socket.on('close', () => {
      if (isOpen) options.onClose();
      else reject(new AppError('unavailable', 'The socket did not open.'));
    });
  });
}
