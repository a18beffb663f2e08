import type { ApObject, ApValue } from './normalise.ts';
import { ACTOR_TYPES, idOf, isSameOrigin, valuesOf } from './origin.ts';
import type { ActorKey } from './signatures/verify.ts';

/** Fetches a document by its id; its `id` is the one asked for, or lies on the same origin after one more fetch. */
export type FetchDocument = (id: string) => Promise<ApObject | null>;

/**
 * Finds the key and proves who owns it: the owner's own document, on the key's origin, names the key. A document that
 * merely claims to be somebody else (CVE-2024-23832) is worth nothing, wherever it lies.
 */
export async function findActorKey(
  keyId: string,
  fetchDocument: FetchDocument,
  ownOrigin: string,
): Promise<{ key: ActorKey; actor: ApObject } | null> {
  // Most keys are `actor#main-key`; GoToSocial has `actor/main-key`, WordPress `/?author=1#main-key`.
  const document = await fetchDocument(keyId.split('#')[0] ?? keyId);
  if (!document?.id || !isSameOrigin(document.id, keyId, ownOrigin)) return null;
  const own = keyIn(document, keyId, ownOrigin);
  if (own) {
    // The stub that GoToSocial serves has the owner's id and lies at the key's: the owner itself has to confirm it.
    const isWhole = valuesOf(document, 'inbox').length > 0;
    if (isWhole) return { key: own, actor: document };
  }
  const ownerId = own?.actorId ?? ownerOf(document);
  if (ownerId === null || !isSameOrigin(ownerId, keyId, ownOrigin)) return null;
  const owner = await fetchDocument(ownerId);
  if (owner?.id !== ownerId) return null;
  const key = keyIn(owner, keyId, ownOrigin);
  return key && { key, actor: owner };
}

/** The key of that id in an actor's document; null when the document is no actor or does not name it. */
export function keyIn(actor: ApObject, keyId: string, ownOrigin: string): ActorKey | null {
  const { id, type } = actor;
  if (id === undefined || !ACTOR_TYPES.has(type ?? '') || !isSameOrigin(id, keyId, ownOrigin)) return null;
  for (const value of [...valuesOf(actor, 'publicKey'), ...valuesOf(actor, 'assertionMethod')]) {
    if (typeof value !== 'object' || value.id !== keyId) continue;
    const owner = textOf(value, 'owner') ?? textOf(value, 'controller');
    const publicKey = textOf(value, 'publicKeyPem') ?? textOf(value, 'publicKeyMultibase');
    if (owner === id && publicKey !== null) return { keyId, actorId: id, publicKey };
  }
  return null;
}

function ownerOf(key: ApObject): string | null {
  return textOf(key, 'owner') ?? textOf(key, 'controller');
}

function textOf(object: ApObject, key: string): string | null {
  const values: readonly ApValue[] = valuesOf(object, key);
  return values.length === 1 ? idOf(values[0]) : null;
}
