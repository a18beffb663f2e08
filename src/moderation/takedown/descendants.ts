import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import { batches } from './things.ts';

/** A chain of mixtures is seldom longer, and a circle ends here too. */
const MOST_GENERATIONS = 12;
const MOST_DESCENDANTS = 5_000;

/** Files whose hash was taken here: of others it is a claim, and who claims a popular file must not reach what is made from it. */
const filesOf = (column: 'sha256' | 'tensor_sha256', ids: readonly number[]): string =>
  `select f.${column} from model_file f join model_version v on v.id = f.version_id and (v.uri is null or f.is_stored)
   where f.version_id in (${inList(ids)})`;

/**
 * Versions that were trained, mixed or converted from these, by their rows and by the hashes that they name; at most
 * 5,000 and 12 deep.
 */
export async function listDescendants(em: EntityManager, versionIds: readonly number[]): Promise<number[]> {
  const seen = new Set(versionIds);
  let parents = [...versionIds];
  for (let step = 0; parents.length > 0 && step < MOST_GENERATIONS && seen.size < MOST_DESCENDANTS; step += 1) {
    const next: number[] = [];
    for (const ids of batches(parents)) {
      const found = await rows<{ id: number }>(
        em,
        `select distinct l.child_id as id from lineage l where l.parent_id in (${inList(ids)})
           or l.parent_hash in (${filesOf('sha256', ids)}) or l.parent_hash in (${filesOf('tensor_sha256', ids)})
         limit ${MOST_DESCENDANTS}`,
        [...ids, ...ids, ...ids],
      );
      for (const { id } of found) if (!seen.has(id)) next.push(id);
    }
    for (const id of next) seen.add(id);
    parents = next;
  }
  return [...seen].filter((id) => !versionIds.includes(id));
}
