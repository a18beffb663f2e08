import { createHash, sign } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { ACTIVITY_JSON } from '../../../src/federation/fetch-document.ts';
import { type CavageRecipe, cavage, rfc9421, sha256 } from '../signing.ts';
import type { Actor } from './hosts.ts';
import { asSuite } from './sockets.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Where the node listens, what it is called, and what time it is there. */
export interface Place {
  readonly listening: URL;
  readonly origin: string;
  readonly now: () => Date;
  /** Every answer that came, for the table's rule that none is a 5xx. */
  readonly replies: Reply[];
}

/** Sends exactly these header lines. A body gets a Content-Length unless one is named. */
export function send(
  place: Place,
  method: string,
  path: string,
  headers: readonly string[],
  body: Buffer | string = '',
): Promise<Reply> {
  const named = headers.some((name, i) => i % 2 === 0 && /^(content-length|transfer-encoding)$/i.test(name));
  const length =
    (method === 'POST' || body.length > 0) && !named ? ['content-length', String(Buffer.byteLength(body))] : [];
  const { hostname, port } = place.listening;
  return asSuite(
    () =>
      new Promise((resolve, reject) => {
        // an agent would join what has to be apart
        const options = { hostname, port, method, path, headers: [...headers, ...length], agent: false } as const;
        const outgoing = request(options as object, async (response) => {
          const chunks = await response.toArray().catch(() => []);
          const text = Buffer.concat(chunks).toString();
          const reply = { status: response.statusCode ?? 0, headers: response.headers, text };
          place.replies.push(reply);
          resolve(reply);
        });
        outgoing.on('error', reject);
        outgoing.end(body);
      }),
  );
}

/** GET as a peer (`AP`) or a browser would. */
export const AP = ACTIVITY_JSON;
export function get(place: Place, path: string, accept: string = AP, more: readonly string[] = []): Promise<Reply> {
  return send(place, 'GET', path, ['host', new URL(place.origin).host, 'accept', accept, ...more]);
}

/** Bytes on a socket of its own; resolves with all that came back when the node closes it, or after `waitMs`. */
export function raw(
  place: Place,
  bytes: string | Buffer,
  waitMs = 2_000,
): Promise<{ text: string; isClosed: boolean }> {
  return asSuite(
    () =>
      new Promise((resolve) => {
        const socket = connect(Number(place.listening.port), place.listening.hostname);
        const chunks: Buffer[] = [];
        const end = (isClosed: boolean) => {
          clearTimeout(timer);
          socket.destroy();
          resolve({ text: Buffer.concat(chunks).toString('latin1'), isClosed });
        };
        const timer = setTimeout(() => end(false), waitMs);
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('error', () => end(true));
        socket.on('close', () => end(true));
        socket.write(bytes);
      }),
  );
}

export interface Forgery extends Partial<Omit<CavageRecipe, 'headers'>> {
  /** Where it is sent; what is signed is `target`, the same unless said otherwise. */
  readonly path?: string;
  readonly sentMethod?: string;
  /** What is sent in place of what was signed. */
  readonly sentBody?: string | Buffer;
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Header lines that follow, signed by nobody. */
  readonly more?: readonly string[];
  readonly contentType?: string | null;
  /** Another key than the actor's own. */
  readonly key?: Pick<Actor, 'keyId' | 'keys'>;
}

let serial = 0;
export const nextId = (actor: Pick<Actor, 'id'>): string => {
  serial += 1;
  return `${actor.id}/acts/${serial}`;
};
export const nextNumber = (): number => {
  serial += 1;
  return serial;
};

/** A delivery signed by the second, independent writer of Cavage signatures (signing.ts), with any part of it forged. */
export async function deliver(
  place: Place,
  actor: Pick<Actor, 'id' | 'keyId' | 'keys'>,
  activity: object | string,
  forgery: Forgery = {},
): Promise<Reply> {
  const { path = '/inbox', sentMethod, sentBody, contentType = AP, key = actor, more = [], ...changes } = forgery;
  const body =
    typeof activity === 'string' ? activity : JSON.stringify({ id: nextId(actor), actor: actor.id, ...activity });
  const headers: Record<string, string | null> = {
    host: new URL(place.origin).host,
    date: place.now().toUTCString(),
    digest: `SHA-256=${sha256(body)}`,
    ...changes.headers,
  };
  const there = Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  const message = cavage({
    ...{ keyId: key.keyId, target: path, body },
    makeSignature: (text: string) => sign('sha256', Buffer.from(text), key.keys.rsaPrivatePem),
    ...changes,
    headers: there,
  });
  // the recipe fills in what is missing: what is null here is really left out
  const lines: string[] = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? '';
    if (headers[name] !== null) lines.push(name, message.rawHeaders[i + 1] ?? '');
  }
  if (contentType !== null) lines.push('content-type', contentType);
  const method = sentMethod ?? message.method;
  const isBodyless = method === 'GET' || method === 'HEAD';
  return send(place, method, path, [...lines, ...more], isBodyless ? '' : (sentBody ?? body));
}

export interface Forgery9421 extends Omit<NonNullable<Parameters<typeof rfc9421>[0]>, 'parameters'> {
  readonly path?: string;
  readonly sentBody?: string;
  /** Everything after the list of components. */
  readonly parameters?: string;
  readonly algorithm?: 'rsa-v1_5-sha256' | 'ed25519';
  readonly more?: readonly string[];
}

/** The same with RFC 9421. */
export async function deliver9421(
  place: Place,
  actor: Pick<Actor, 'id' | 'keyId' | 'keys'>,
  activity: object,
  { path = '/inbox', sentBody, algorithm = 'rsa-v1_5-sha256', more = [], ...changes }: Forgery9421 = {},
): Promise<Reply> {
  const body = JSON.stringify({ id: nextId(actor), actor: actor.id, ...activity });
  const digest = `sha-256=:${sha256(body)}:`;
  const created = Math.floor(place.now().getTime() / 1000);
  const isRsa = algorithm === 'rsa-v1_5-sha256';
  const message = rfc9421({
    ...{ body, target: path },
    components: [
      ['@method', 'POST'],
      ['@target-uri', `${place.origin}${path}`],
      ['content-digest', digest],
    ],
    parameters: `;created=${created};keyid="${actor.keyId}";alg="${algorithm}"`,
    makeSignature: (text) =>
      sign(isRsa ? 'sha256' : null, Buffer.from(text), isRsa ? actor.keys.rsaPrivatePem : actor.keys.ed25519PrivatePem),
    ...changes,
  });
  return send(place, 'POST', path, [...message.rawHeaders, 'content-type', AP, ...more], sentBody ?? body);
}

export const md5 = (body: string): string => createHash('md5').update(body).digest('base64');
