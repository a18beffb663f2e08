import { createHash, timingSafeEqual } from 'node:crypto';
import { unauthenticated } from './message.ts';
import { parseDictionary } from './structured-field.ts';

const MOST_DIGESTS = 8;

/** `Digest` of RFC 3230, which goes with Cavage signatures. */
export function digestOf(body: Buffer): string {
  return `SHA-256=${sha('sha256', body).toString('base64')}`;
}

/** `Content-Digest` of RFC 9530, which goes with RFC 9421. */
export function contentDigestOf(body: Buffer): string {
  return `sha-256=:${sha('sha256', body).toString('base64')}:`;
}

/** Throws `unauthenticated` unless every strong digest in the header is that of the body, and there is one. */
export function requireDigest(header: string | null, body: Buffer): void {
  const parts = (header ?? '').split(',', MOST_DIGESTS + 1).map((part) => part.trim());
  if (parts.length > MOST_DIGESTS) throw mismatch();
  requireAll(
    parts.map((part) => {
      const [, name = '', value = ''] = /^([A-Za-z0-9-]+)=([A-Za-z0-9+/]+={0,2})$/.exec(part) ?? [];
      return [name.toLowerCase(), Buffer.from(value, 'base64')];
    }),
    body,
  );
}

export function requireContentDigest(header: string | null, body: Buffer): void {
  const entries = [...parseDictionary(header ?? '')].map(([name, member]) => {
    if (member.kind !== 'bytes') throw mismatch();
    return [name, member.value] as const;
  });
  requireAll(entries, body);
}

function requireAll(digests: readonly (readonly [string, Buffer])[], body: Buffer): void {
  const strong = digests.filter(([name]) => STRONG.has(name));
  // Two values for one algorithm would let one reader check the right one and another the wrong one.
  if (strong.length === 0 || new Set(strong.map(([name]) => name)).size !== strong.length) throw mismatch();
  for (const [name, value] of strong) {
    const actual = sha(STRONG.get(name) ?? '', body);
    if (value.length !== actual.length || !timingSafeEqual(value, actual)) throw mismatch();
  }
}

const STRONG: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
]);

const sha = (algorithm: string, body: Buffer): Buffer => createHash(algorithm).update(body).digest();
const mismatch = () => unauthenticated('The digest is not that of the body.');
