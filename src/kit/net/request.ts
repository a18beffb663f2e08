import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '../errors.ts';
import type { Resolve } from './resolve.ts';
import { hostnameOf, portOf } from './target.ts';

export interface Connection {
  readonly resolve: Resolve;
  readonly allowAddress: (address: string, port: number) => boolean;
  /** Extra certificate authority in PEM, for tests. */
  readonly ca: string | undefined;
}

export interface OutgoingRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/**
 * Sends one request and resolves with the response before its body. The name is resolved once, its addresses are
 * judged, and the socket gets exactly these through `lookup`: a second answer of the name server is never asked for,
 * so DNS rebinding has nothing to rebind. No connection is kept open, so none can be reused for another decision.
 */
export async function sendRequest(
  url: URL,
  { method, headers, body }: OutgoingRequest,
  { resolve, allowAddress, ca }: Connection,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const hostname = hostnameOf(url);
  const addresses = isIP(hostname) ? [hostname] : await untilAborted(resolve(hostname), signal);
  const allowed = addresses.filter((address) => isIP(address) !== 0 && allowAddress(address, portOf(url)));
  // One message for a private and for an unknown name: the answer is no map of the inner network.
  if (allowed.length === 0) throw new AppError('unavailable', 'This host cannot be reached.');

  return await new Promise<IncomingMessage>((resolveResponse, reject) => {
    const options = {
      method,
      headers: body ? { ...headers, 'content-length': String(body.length) } : headers,
      lookup: pinnedLookup(allowed),
      agent: false,
      signal,
      maxHeaderSize: 16 * 1024,
    } as const;
    const outgoing: ClientRequest =
      url.protocol === 'https:'
        ? httpsRequest(url, ca === undefined ? options : { ...options, ca })
        : httpRequest(url, options);
    outgoing.once('response', resolveResponse);
    outgoing.once('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new AppError('unavailable', 'The peer changed the protocol.'));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Answers with these addresses, whatever is asked. */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const records = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const [first] = records;
    if (options.all) callback(null, records);
    else callback(null, first?.address ?? '', first?.family ?? 4);
  };
}

export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
