import type { EntityManager } from '@mikro-orm/core';
import type { Viewer } from '../../../kit/work.ts';
import type { Collection } from '../model.ts';
import { CollectionEntry } from './model.ts';
import { loadStanding, type Standing } from './standing.ts';

/** What the page of a collection says of who may add, to whoever looks. */
export interface TogetherView extends Standing {
  readonly adders: Collection['adders'];
  readonly intake: Collection['intake'];
  /** For those who keep it; 0 for everybody else. */
  readonly waitingCount: number;
  /** The viewer brought something. */
  readonly hasBrought: boolean;
}

export async function loadTogether(
  em: EntityManager,
  viewer: Viewer | null,
  collection: Collection,
): Promise<TogetherView> {
  const standing = await loadStanding(em, viewer, collection);
  const { id, adders, intake } = collection;
  const waiting = { collection: id, state: 'waiting' as const };
  return {
    ...standing,
    adders,
    intake,
    waitingCount: standing.canKeep ? await em.count(CollectionEntry, waiting) : 0,
    hasBrought: viewer !== null && (await em.count(CollectionEntry, { collection: id, account: viewer.id })) > 0,
  };
}
