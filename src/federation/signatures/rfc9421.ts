import { hasBody } from './cavage.ts';
import type { Claim } from './claim.ts';
import { requireContentDigest } from './digest.ts';
import { requireFreshPeriod } from './freshness.ts';
import type { KeyType } from './keys.ts';
import { type HeaderLines, type Here, type SignedMessage, unauthenticated } from './message.ts';
import { type Bare, type Parameters, parseDictionary, serialiseList } from './structured-field.ts';

const ALGORITHMS: ReadonlyMap<Bare, KeyType> = new Map([
  ['rsa-v1_5-sha256', 'rsa'],
  ['ed25519', 'ed25519'],
]);
const PARAMETERS: ReadonlySet<string> = new Set(['created', 'expires', 'nonce', 'alg', 'keyid', 'tag']);

/** RFC 9421, HTTP Message Signatures. Only the first signature counts. Throws `unauthenticated`. */
export function readRfc9421(message: SignedMessage, headers: HeaderLines, here: Here): Claim {
  const [first] = parseDictionary(headers.one('signature-input') ?? '');
  const signature = parseDictionary(headers.one('signature') ?? '').get(first?.[0] ?? '');
  const input = first?.[1];
  if (input?.kind !== 'list' || signature?.kind !== 'bytes') throw broken();

  const { parameters } = input;
  for (const name of parameters.keys()) if (!PARAMETERS.has(name)) throw broken();
  const keyId = parameters.get('keyid');
  if (typeof keyId !== 'string') throw broken();
  const algorithm = parameters.get('alg');
  const keyType = algorithm === undefined ? null : ALGORITHMS.get(algorithm);
  if (keyType === undefined) throw unauthenticated('This signature algorithm is not accepted.');
  const created = readTime(parameters, 'created');
  if (created === null) throw unauthenticated('The signature has no time.');
  requireFreshPeriod(created, readTime(parameters, 'expires'), here.now);

  // Component parameters (;sf, ;bs, ;req, ;tr, ;key) change what is signed; no peer uses them.
  if (input.items.some((item) => item.parameters.size > 0)) throw broken();
  const names = input.items.map((item) => item.value);
  if (new Set(names).size !== names.length) throw broken();
  requireNames(names, message);
  if (hasBody(message.method)) requireContentDigest(headers.one('content-digest'), message.body);

  const lines = names.map((name) => `"${name}": ${componentValue(name, message, headers, here)}`);
  const signedText = [...lines, `"@signature-params": ${serialiseList(input)}`].join('\n');
  return { scheme: 'rfc9421', keyId, keyType, signedText, signature: signature.value };
}

function requireNames(names: readonly string[], { method, target }: SignedMessage): void {
  const has = (name: string) => names.includes(name);
  const wholePath = has('@request-target') || (has('@path') && (has('@query') || !target.includes('?')));
  const where = has('@target-uri') || ((has('@authority') || has('host')) && wholePath);
  if (!has('@method') || !where || (hasBody(method) && !has('content-digest'))) {
    throw unauthenticated('The signature leaves out something that has to be signed.');
  }
}

/** RFC 9421, 2.1 and 2.2. Our own origin stands for host and scheme, so a signature for another host never fits. */
function componentValue(name: string, { method, target }: SignedMessage, headers: HeaderLines, here: Here): string {
  const { host, protocol } = new URL(here.origin);
  const [path = '', query] = target.split(/\?(.*)/s);
  if (name === '@method') return method.toUpperCase();
  if (name === '@target-uri') return here.origin + target;
  if (name === '@authority' || name === 'host') return host;
  if (name === '@scheme') return protocol.slice(0, -1);
  if (name === '@request-target') return target;
  if (name === '@path') return path;
  if (name === '@query') return `?${query ?? ''}`;
  const value = /^[a-z0-9-]+$/.test(name) ? headers.joined(name) : null;
  if (value === null) throw unauthenticated('A signed component is missing or unknown.');
  return value;
}

function readTime(parameters: Parameters, name: string): number | null {
  const value = parameters.get(name);
  if (value === undefined) return null;
  if (typeof value !== 'number') throw broken();
  return value;
}

const broken = () => unauthenticated('The signature headers are not well formed.');
