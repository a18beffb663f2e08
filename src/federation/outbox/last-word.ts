import type { EntityManager } from '@mikro-orm/core';
import { OutboxItem } from '../model.ts';

/** When we said that an object is gone, where that is the last that was said of it; else null. */
export async function takenBackAt(em: EntityManager, uri: string): Promise<Date | null> {
  const last = await em.findOne(
    OutboxItem,
    { uri: { $like: `${uri}#%` } },
    { orderBy: { createdAt: 'desc', id: 'desc' } },
  );
  return last?.uri.startsWith(`${uri}#delete`) ? last.createdAt : null;
}
