import type { EntityManager } from '@mikro-orm/core';
import { isBlockedEither } from '../../accounts/block.ts';
import { lookAt, type Sight } from '../../gallery/access.ts';
import type { Viewer } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';

/**
 * What a peer gets of an object: `public`, also for strangers and shared caches; `private`, for this reader alone; `gone`,
 * a tombstone; `nothing`, the same as for what never was.
 */
export type Reading = 'public' | 'private' | 'gone' | 'nothing';
export type ReadableKind = 'model' | 'post' | 'image' | 'comment' | 'review';

/** An integer; of the others it is a UUID. */
export const isNumbered = (kind: ReadableKind): kind is 'model' | 'post' | 'image' =>
  kind !== 'comment' && kind !== 'review';

/**
 * The one rule for who may read an object of this node as ActivityPub. `reader` is the verified signer, as an account here;
 * null for everybody. Pages, their collections and their tombstones all ask here. A row of elsewhere is `nothing`.
 */
export async function readingOf(
  em: EntityManager,
  kind: ReadableKind,
  id: number | string,
  reader: Viewer | null,
): Promise<Reading> {
  const target: Sight = isNumbered(kind) ? { kind, id: Number(id) } : { kind, id: String(id) };
  const look = await lookAt(em, reader, target, 'federate');
  if (!look?.isLocal) return 'nothing';
  const { verdict, ownerId, visibility } = look;
  if (!verdict.allowed) return verdict.reason === 'gone' ? 'gone' : 'nothing';
  if (await isShut(em, reader, ownerId)) return 'nothing';
  return isOpen(visibility) ? 'public' : 'private';
}

/** Somebody whom the owner blocks finds nothing, also where strangers would. */
async function isShut(em: EntityManager, reader: Viewer | null, ownerId: number): Promise<boolean> {
  return reader !== null && reader.id !== ownerId && (await isBlockedEither({ em }, reader.id, ownerId));
}
