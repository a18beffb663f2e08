import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../kit/errors.ts';
import { newId } from '../kit/ids.ts';
import type { ApexStore } from './apex-parts.ts';
import { ApObject as StoredObject } from './model.ts';
import { normalise } from './normalise.ts';

/**
 * What activitypub-express may see of our tables: documents of peers, to read. Followers, likes and objects of ours are
 * rows of their own rooms, and nothing of it may write (DESIGN.md ruling 5), so no fact is kept twice.
 */
export function apexStore(fork: () => EntityManager): ApexStore {
  const refuse = async (): Promise<never> => {
    throw new AppError('unavailable', 'activitypub-express must not write here.');
  };
  const nothing = async () => null;
  return {
    generateId: newId,
    async getObject(id) {
      const stored = await fork().findOne(StoredObject, { uri: id });
      return stored && normalise(stored.document);
    },
    saveObject: refuse,
    getActivity: nothing,
    findActivityByCollectionAndObjectId: nothing,
    findActivityByCollectionAndActorId: nothing,
    getStream: async () => [],
    getStreamCount: async () => 0,
    saveActivity: refuse,
    removeActivity: refuse,
    updateActivity: refuse,
    updateActivityMeta: refuse,
    updateObject: refuse,
    getUserCount: async () => 0,
  };
}
