import type { EntityManager } from '@mikro-orm/core';
import { OutboxItem } from '../model.ts';
import { saidUnder } from './said.ts';

/** When we said that an object is gone, where that is the last that was said of itself; else null. */
export async function takenBackAt(em: EntityManager, uri: string): Promise<Date | null> {
  // beside them stands what was said of its answers
  const words = ['#create', '#update', '#delete'].map((end) => saidUnder(`${uri}${end}`));
  const last = await em.findOne(OutboxItem, { $or: words }, { orderBy: { createdAt: 'desc', id: 'desc' } });
  return last?.uri.startsWith(`${uri}#delete`) ? last.createdAt : null;
}
