import type { KeyType } from './keys.ts';

/** A signature that is well formed, fresh, for this node and this body, and only waits for its key. */
export interface Claim {
  readonly scheme: 'cavage' | 'rfc9421';
  readonly keyId: string;
  /** Null when the signer leaves it to the key. */
  readonly keyType: KeyType | null;
  readonly signedText: string;
  readonly signature: Buffer;
}
