import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';

/** A version that was trained here on what looks like one person, and how many of its pictures somebody still looks at. */
export const FirstOutputs = defineEntity({
  name: 'FirstOutputs',
  properties: {
    versionId: p.integer().primary().autoincrement(false),
    leftCount: p.integer(),
  },
});
export interface FirstOutputs extends InferEntity<typeof FirstOutputs> {}

/** Spec/guardrails.md 3.5. */
const FIRST = 10;

/** When it becomes a version. Again changes nothing. Within the caller's work. */
export async function watchFirstOutputs(em: EntityManager, versionId: number): Promise<void> {
  await rows(
    em,
    'insert into first_outputs (version_id, left_count) values (?, ?) on conflict (version_id) do nothing returning version_id',
    [versionId, FIRST],
  );
}

/** Whether one of these versions has made so few pictures that somebody looks at the next ones. */
export async function areFirstOutputs(em: EntityManager, versionIds: readonly number[]): Promise<boolean> {
  if (versionIds.length === 0) return false;
  const found = await rows(
    em,
    `select version_id from first_outputs where left_count > 0 and version_id in (${inList(versionIds)}) limit 1`,
    versionIds,
  );
  return found.length > 0;
}

/** So many pictures were made with them, and wait for somebody. Within the caller's work. */
export async function countFirstOutputs(em: EntityManager, versionIds: readonly number[], made: number): Promise<void> {
  if (versionIds.length === 0) return;
  await rows(
    em,
    `update first_outputs set left_count = case when left_count > ${Math.trunc(made)} then left_count - ${Math.trunc(made)} else 0 end
     where left_count > 0 and version_id in (${inList(versionIds)}) returning version_id`,
    versionIds,
  );
}
