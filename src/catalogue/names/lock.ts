import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import { nameKey } from './scrub.ts';

/** A name that was removed from a model after a claim and may not come back to it by any door. */
export const NameLock = defineEntity({
  name: 'NameLock',
  uniques: [{ properties: ['modelId', 'nameKey'] }],
  indexes: [{ properties: ['takedownId'] }],
  properties: {
    id: p.uuid().primary(),
    modelId: p.integer(),
    /** As `nameKey` folds it. */
    nameKey: p.string().length(200),
    /** Ids of moderation, which lies above. */
    takedownId: p.uuid(),
    caseId: p.uuid().nullable(),
    createdAt: p.datetime(),
  },
});
export interface NameLock extends InferEntity<typeof NameLock> {}

/** The names that a model may not bear. */
export async function listLockedNames(em: EntityManager, modelId: number): Promise<string[]> {
  const found = await rows<{ name_key: string }>(em, 'select name_key from name_lock where model_id = ? order by id', [
    modelId,
  ]);
  return found.map(({ name_key }) => name_key);
}

/** Again is the same; a name that another claim locked stays under that one. */
export async function lockNames(
  em: EntityManager,
  lock: Pick<NameLock, 'modelId' | 'takedownId'> & { readonly caseId: string | null },
  names: readonly string[],
  now: Date,
): Promise<void> {
  for (const key of new Set(names.map(nameKey))) {
    if (key === '') continue;
    await rows(
      em,
      `insert into name_lock (id, model_id, name_key, takedown_id, case_id, created_at) values (?, ?, ?, ?, ?, ?)
       on conflict (model_id, name_key) do nothing returning id`,
      [newId(now.getTime()), lock.modelId, key, lock.takedownId, lock.caseId, now],
    );
  }
}

export const unlockNames = (em: EntityManager, takedownId: string): Promise<number> =>
  em.nativeDelete(NameLock, { takedownId });
