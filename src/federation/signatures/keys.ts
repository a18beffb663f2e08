import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { fromEd25519Multikey, toEd25519Multikey } from '../multibase.ts';
import { unauthenticated } from './message.ts';

/** What peers sign with: RSASSA-PKCS1-v1_5 with SHA-256, or Ed25519. Nothing symmetric, nothing with SHA-1. */
export type KeyType = 'rsa' | 'ed25519';

export interface VerificationKey {
  readonly type: KeyType;
  readonly key: KeyObject;
}

const LONGEST_PEM = 4096; // 8,192 bits take 1,400 characters
const LEAST_MODULUS_BITS = 2048;
const MOST_MODULUS_BITS = 8192;
// Verifying takes time in proportion to the exponent; everybody uses 65537.
const LARGEST_EXPONENT = 2n ** 32n;
const PUBLIC_PEM = /^-----BEGIN (RSA )?PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END \1?PUBLIC KEY-----\s*$/;

const MOST_KEYS = 2_000;
const newest = new Map<string, VerificationKey>();

/**
 * Reads `publicKeyPem` or a Multikey's `publicKeyMultibase`. Throws `unauthenticated` on keys that are not used. The
 * newest are remembered: reading a key takes longer than checking a signature with it.
 */
export function readPublicKey(text: string): VerificationKey {
  const known = newest.get(text);
  if (known) return known;
  const read = parsePublicKey(text);
  newest.set(text, read);
  const [oldest] = newest.keys();
  if (newest.size > MOST_KEYS && oldest !== undefined) newest.delete(oldest);
  return read;
}

function parsePublicKey(text: string): VerificationKey {
  const raw = fromEd25519Multikey(text);
  if (raw) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') };
    return { type: 'ed25519', key: parsed(() => createPublicKey({ format: 'jwk', key: jwk })) };
  }
  // createPublicKey would also read private keys and certificates.
  const pem = text.length <= LONGEST_PEM ? text.trim() : '';
  if (!PUBLIC_PEM.test(pem)) throw unauthenticated('The key of the actor cannot be read.');
  const key = parsed(() => createPublicKey({ format: 'pem', key: pem }));
  if (key.asymmetricKeyType === 'ed25519') return { type: 'ed25519', key };
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const usable =
    key.asymmetricKeyType === 'rsa' &&
    modulusLength >= LEAST_MODULUS_BITS &&
    modulusLength <= MOST_MODULUS_BITS &&
    publicExponent >= 3n &&
    publicExponent <= LARGEST_EXPONENT;
  if (!usable) throw unauthenticated('The key of the actor is of a kind or size that is not accepted.');
  return { type: 'rsa', key };
}

export function verifyWith({ type, key }: VerificationKey, data: string | Buffer, signature: Buffer): boolean {
  return verify(type === 'rsa' ? 'sha256' : null, typeof data === 'string' ? Buffer.from(data) : data, key, signature);
}

const MOST_PRIVATE_KEYS = 100;
const newestPrivate = new Map<string, KeyObject>();

/** `privateKeyPem` is PKCS #8 of either type. The newest are remembered: reading one takes longer than signing with it. */
export function signWith(privateKeyPem: string, type: KeyType, data: string | Buffer): Buffer {
  const key = newestPrivate.get(privateKeyPem) ?? createPrivateKey(privateKeyPem);
  newestPrivate.set(privateKeyPem, key);
  const [oldest] = newestPrivate.keys();
  if (newestPrivate.size > MOST_PRIVATE_KEYS && oldest !== undefined) newestPrivate.delete(oldest);
  return sign(type === 'rsa' ? 'sha256' : null, typeof data === 'string' ? Buffer.from(data) : data, key);
}

export interface ActorKeys {
  readonly rsaPublicPem: string;
  readonly rsaPrivatePem: string;
  readonly ed25519PublicMultibase: string;
  readonly ed25519PrivatePem: string;
}

/** RSA of 2048 bits, which everybody reads, and Ed25519. RSA of 4096 bits signs seven times slower for no gain. */
export async function generateActorKeys(): Promise<ActorKeys> {
  const generate = promisify(generateKeyPair);
  const [rsa, ed25519] = await Promise.all([generate('rsa', { modulusLength: 2048 }), generate('ed25519')]);
  const raw = Buffer.from(ed25519.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return {
    rsaPublicPem: rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    rsaPrivatePem: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ed25519PublicMultibase: toEd25519Multikey(raw),
    ed25519PrivatePem: ed25519.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function parsed(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw unauthenticated('The key of the actor cannot be read.', cause);
  }
}
