import { AppError } from '../../kit/errors.ts';
import { readCavage } from './cavage.ts';
import type { Claim } from './claim.ts';
import { readPublicKey, verifyWith } from './keys.ts';
import { HeaderLines, type Here, type SignedMessage, unauthenticated } from './message.ts';
import { readRfc9421 } from './rfc9421.ts';

export interface ActorKey {
  readonly keyId: string;
  /** The actor that owns the key, as its own document says. */
  readonly actorId: string;
  /** PEM of an RSA key, or Ed25519 as a Multikey. */
  readonly publicKey: string;
}

/**
 * `stored` never opens a connection, `fetch` does when nothing is stored, `refetch` always (a key was rotated). Null
 * when there is no such key.
 */
export type LoadActorKey = (keyId: string, how: 'stored' | 'fetch' | 'refetch') => Promise<ActorKey | null>;

/**
 * Everything that can be judged without a connection: form, algorithm, digest, freshness, host, required components.
 * Throws `unauthenticated`.
 */
export function readClaim(message: SignedMessage, here: Here): Claim {
  const headers = new HeaderLines(message.rawHeaders);
  if (!headers.has('signature')) throw unauthenticated('The request is not signed.');
  // No way back within one request: whoever sends Signature-Input is held to it.
  const claim = headers.has('signature-input')
    ? readRfc9421(message, headers, here)
    : readCavage(message, headers, here);
  requireForeignKeyId(claim.keyId, here.origin);
  return claim;
}

/** Resolves with the key that made the signature, after at most one refetch. Throws `unauthenticated`. */
export async function verifyClaim(claim: Claim, loadActorKey: LoadActorKey): Promise<ActorKey> {
  const known = await loadActorKey(claim.keyId, 'fetch');
  if (known && fits(claim, known)) return known;
  const renewed = known ? await loadActorKey(claim.keyId, 'refetch') : null;
  if (renewed && renewed.publicKey !== known?.publicKey && fits(claim, renewed)) return renewed;
  throw unauthenticated('The signature does not fit the key of the actor.');
}

/** True when the key made the signature. A key that is not acceptable fits nothing. */
export function fits(claim: Claim, { publicKey }: ActorKey): boolean {
  try {
    const key = readPublicKey(publicKey);
    if (claim.keyType !== null && claim.keyType !== key.type) return false;
    return verifyWith(key, claim.signedText, claim.signature);
  } catch (cause) {
    if (cause instanceof AppError && cause.kind === 'unauthenticated') return false;
    throw cause;
  }
}

/** Nobody signs with our own actors from outside, and we never ask ourselves for a key. */
function requireForeignKeyId(keyId: string, ownOrigin: string): void {
  const url = keyId.length <= 2048 && URL.canParse(keyId) ? new URL(keyId) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw unauthenticated('The key id is not a URL.');
  }
  if (url.hostname === new URL(ownOrigin).hostname && url.port === new URL(ownOrigin).port) {
    throw unauthenticated('This node does not sign to itself.');
  }
}
