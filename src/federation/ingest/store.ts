import type { EntityManager } from '@mikro-orm/core';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Json } from '../json.ts';
import { ApObject as StoredObject, Tombstone } from '../model.ts';
import type { ApObject } from '../normalise.ts';
import { ownerUriOf, timeOf } from '../vocabulary/read.ts';

/** An object whose origin is proven: signed by its owner, or read at its own address. */
export interface ProvenObject {
  readonly object: ApObject;
  readonly raw: Json;
  readonly provenance: 'inbox' | 'fetch';
}

/**
 * Keeps a document as it came. False when what is stored is newer, or when its origin deleted it since: then nothing
 * follows from it. A stored one never changes its owner. The caller flushes.
 */
export async function storeObject(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { object, raw, provenance }: ProvenObject,
): Promise<boolean> {
  const { id: uri } = object;
  const ownerUri = ownerUriOf(object);
  if (uri === undefined || ownerUri === null) return false;
  const changedAt = timeOf(object, 'updated', now()) ?? timeOf(object, 'published', now()) ?? now();
  if (!(await isAlive(em, uri, ownerUri, changedAt))) return false;
  const known = await em.findOne(StoredObject, { uri });
  if (known && (known.ownerUri !== ownerUri || known.changedAt > changedAt)) return false;
  const facts = { ownerUri, provenance, document: raw, changedAt, receivedAt: now() };
  if (known) Object.assign(known, facts);
  else em.create(StoredObject, { id: newId(), uri, ...facts }, { persist: true });
  return true;
}

/** What its owner published again after deleting it, and only that, lives again. */
async function isAlive(em: EntityManager, uri: string, ownerUri: string, changedAt: Date): Promise<boolean> {
  if ((await em.count(Tombstone, { uri: ownerUri })) > 0) return false;
  const tombstone = await em.findOne(Tombstone, { uri });
  if (!tombstone) return true;
  if (tombstone.noticeUri != null || tombstone.deletedAt >= changedAt) return false;
  em.remove(tombstone);
  return true;
}
