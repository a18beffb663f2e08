import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { unseal } from '../../accounts/access/secrets.ts';
import { loadKeyPair } from '../actors/keys.ts';
import { nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { NODE_ACTOR } from '../model.ts';
import { fromMultibase, toMultibase } from '../multibase.ts';
import { readPublicKey, signWith, verifyWith } from '../signatures/keys.ts';
import type { Receipt } from './wire.ts';

/**
 * Proofs over receipts: eddsa-jcs-2022 (W3C Data Integrity EdDSA Cryptosuites 1.0, 3.3; as FEP-8b32 has it). The
 * signature of the request proves who sent a receipt to us at that moment; this one can be shown to anybody later.
 */
export async function proveReceipt(
  federation: Pick<Federation, 'secretKey' | 'origin'>,
  em: EntityManager,
  receipt: Receipt,
  now: Date,
): Promise<Receipt> {
  const pair = await loadKeyPair(federation, em, NODE_ACTOR);
  const options = {
    type: 'DataIntegrityProof',
    cryptosuite: 'eddsa-jcs-2022',
    verificationMethod: `${nodeActorUri(federation.origin)}#ed25519-key`,
    proofPurpose: 'assertionMethod',
    created: now.toISOString(),
  } as const;
  const key = unseal(federation.secretKey, pair.ed25519PrivateSealed);
  const signature = signWith(key, 'ed25519', hashesOf(receipt, options));
  return { ...receipt, proof: { ...options, proofValue: toMultibase(signature) } };
}

/** True when the proof in a receipt, as it came, fits this key. */
export function isProven(receipt: Receipt, publicKeyMultibase: string): boolean {
  const { proof } = receipt;
  const signature = proof && fromMultibase(proof.proofValue);
  if (!proof || !signature) return false;
  const { proofValue: _value, ...options } = proof;
  const key = readPublicKey(publicKeyMultibase);
  return key.type === 'ed25519' && verifyWith(key, hashesOf(receipt, options), signature);
}

/** SHA-256 of the proof's options, then of the document without its proof, each as JCS. */
function hashesOf({ proof: _proof, ...document }: Receipt, options: object): Buffer {
  const hash = (value: object) => createHash('sha256').update(jcs(value)).digest();
  return Buffer.concat([hash(options), hash(document)]);
}

/** RFC 8785, for objects of texts and whole numbers. */
function jcs(value: object): string {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}
