import type { Claim } from './claim.ts';
import { requireDigest } from './digest.ts';
import { requireFreshDate, requireFreshPeriod } from './freshness.ts';
import type { KeyType } from './keys.ts';
import { type HeaderLines, type Here, type SignedMessage, unauthenticated } from './message.ts';

const LONGEST_HEADER = 8192;
const MOST_NAMES = 32;
const ALGORITHMS: ReadonlyMap<string, KeyType | null> = new Map([
  ['', null],
  ['hs2019', null],
  ['rsa-sha256', 'rsa'],
]);

/** draft-cavage-http-signatures-12, as Mastodon and its peers use it. Throws `unauthenticated`. */
export function readCavage(message: SignedMessage, headers: HeaderLines, here: Here): Claim {
  const parameters = parseParameters(headers.one('signature') ?? '');
  const algorithm = (parameters.get('algorithm') ?? '').toLowerCase();
  const keyType = ALGORITHMS.get(algorithm);
  if (keyType === undefined) throw unauthenticated('This signature algorithm is not accepted.');

  const names = (parameters.get('headers') ?? 'date').toLowerCase().split(' ', MOST_NAMES + 1);
  if (names.length > MOST_NAMES || new Set(names).size !== names.length) throw broken();
  requireNames(names, message.method);
  // A signature that was made for another host is a relayed one.
  if (headers.one('host')?.toLowerCase() !== new URL(here.origin).host)
    throw unauthenticated('Signed for another host.');
  if (names.includes('digest')) requireDigest(headers.one('digest'), message.body);

  const created = readTime(parameters.get('created'));
  const expires = readTime(parameters.get('expires'));
  if (names.includes('date')) requireFreshDate(headers.one('date'), here.now);
  else if (created === null) throw unauthenticated('The signature has no time.');
  requireFreshPeriod(created, expires, here.now);

  const lines = names.map((name) => `${name}: ${componentValue(name, message, headers, parameters)}`);
  const [keyId = '', signature = ''] = [parameters.get('keyid'), parameters.get('signature')];
  if (keyId === '' || !/^[A-Za-z0-9+/]{40,}={0,2}$/.test(signature)) throw broken();
  return {
    scheme: 'cavage',
    keyId,
    keyType,
    signedText: lines.join('\n'),
    signature: Buffer.from(signature, 'base64'),
  };
}

/** Method, path, host, body and time: leave one out and the signature serves for other requests too. */
function requireNames(names: readonly string[], method: string): void {
  const required = ['(request-target)', 'host', ...(hasBody(method) ? ['digest'] : [])];
  const timed = names.includes('date') || names.includes('(created)');
  if (!timed || !required.every((name) => names.includes(name))) {
    throw unauthenticated('The signature leaves out something that has to be signed.');
  }
}

export function hasBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function componentValue(
  name: string,
  { method, target }: SignedMessage,
  headers: HeaderLines,
  parameters: ReadonlyMap<string, string>,
): string {
  if (name === '(request-target)') return `${method.toLowerCase()} ${target}`;
  const value = /^\((created|expires)\)$/.test(name) ? parameters.get(name.slice(1, -1)) : headers.joined(name);
  if (value === undefined || value === null) throw unauthenticated('A signed header is missing.');
  return value;
}

/** `key="value"` or `key=number`, separated by commas. Names in lower case; a repeated one is refused. */
function parseParameters(header: string): ReadonlyMap<string, string> {
  if (header.length > LONGEST_HEADER) throw broken();
  const parameters = new Map<string, string>();
  const pair = /\s*([A-Za-z]+)=(?:"([^"\\]*)"|(\d{1,15}))\s*(,|$)/y;
  for (let at = 0; at < header.length; at = pair.lastIndex) {
    pair.lastIndex = at;
    const found = pair.exec(header);
    const name = found?.[1]?.toLowerCase();
    if (!found || name === undefined || parameters.has(name)) throw broken();
    parameters.set(name, found[2] ?? found[3] ?? '');
  }
  return parameters;
}

function readTime(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,12}$/.test(text)) throw broken();
  return Number(text);
}

const broken = () => unauthenticated('The Signature header is not well formed.');
