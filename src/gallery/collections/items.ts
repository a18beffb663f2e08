import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { collectionItemChanged } from '../events.ts';
import { Collection, CollectionItem } from './model.ts';
import type { Collected } from './thing.ts';
import { CollectionEntry } from './together/model.ts';

/** A place in a collection; takes its id. */
export const BEFORE_ALL_ELSE =
  '(select coalesce(min(f.position), 1) - 1 from collection_item f where f.collection_id = ?)';

export async function takeOut(
  { em, now }: Pick<Work, 'em' | 'now'>,
  collectionId: number,
  thing: Collected,
): Promise<void> {
  await em.transactional(async (tx) => {
    await tx.nativeUpdate(
      CollectionEntry,
      { collection: collectionId, [thing.kind]: thing.id, state: { $in: ['waiting', 'in'] } },
      { state: 'out', decidedAt: now() },
    );
    const gone = await tx.nativeDelete(CollectionItem, { collection: collectionId, [thing.kind]: thing.id });
    if (gone > 0) await touch(tx, collectionId, thing, false, now());
  });
}

/** It changed, and what went in or out is told. Flushes. */
export async function touch(
  tx: Work['em'],
  collectionId: number,
  { kind, id }: Collected,
  isIn: boolean,
  at: Date,
): Promise<void> {
  await tx.nativeUpdate(Collection, { id: collectionId }, { updatedAt: at });
  record(tx, collectionItemChanged, { collectionId, kind, targetId: id, isIn, at: at.getTime() });
  await tx.flush();
}
