import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toBoolean } from '../../kit/database/sql.ts';

/** Made from what was made from …: further back nobody looks. */
const MOST_GENERATIONS = 8;
const MOST_ANCESTORS = 500;

interface Edge {
  readonly parentId: number;
  /**
   * It is named as a version, or by the hash of a file that was hashed here, and then by whoever brought that file first:
   * to claim the hash of somebody's file, or to bring the same file again, puts nobody's models under one's own terms.
   */
  readonly isProven: boolean;
}

/** Parents of versions, by child. A parent may be known by the hash of its file only. */
export type Ancestry = ReadonlyMap<number, readonly Edge[]>;

/** Of these and of all that they come from, a query for each generation. */
export async function loadAncestry(em: EntityManager, versionIds: readonly number[]): Promise<Ancestry> {
  const parents = new Map<number, Edge[]>();
  let level = [...new Set(versionIds)];
  for (let n = 0; n < MOST_GENERATIONS && level.length > 0 && parents.size < MOST_ANCESTORS; n += 1) {
    const found = await rows<{ child_id: number; parent_id: number; is_proven: unknown }>(
      em,
      `select l.child_id, coalesce(l.parent_id, f.version_id) as parent_id,
         case when l.parent_id is not null or f.id = (select min(g.id) from model_file g
           join model_version v on v.id = g.version_id and (v.uri is null or g.is_stored) where g.sha256 = l.parent_hash)
           then 1 else 0 end as is_proven
       from lineage l left join model_file f on l.parent_id is null and f.sha256 = l.parent_hash
       where l.child_id in (${inList(level)}) and (l.parent_id is not null or f.version_id is not null) limit ${MOST_ANCESTORS}`,
      level,
    );
    for (const id of level) parents.set(id, []);
    for (const { child_id: child, parent_id: parentId, is_proven: isProven } of found)
      parents.get(child)?.push({ parentId, isProven: toBoolean(isProven) });
    level = [...new Set(found.map(({ parent_id: parent }) => parent))].filter((id) => !parents.has(id));
  }
  return parents;
}

/** All that a version comes from, near ones first, each once; a circle ends. */
export const ancestorsOf = (versionId: number, ancestry: Ancestry): number[] => walk(versionId, ancestry, () => true);

/** The same along proven edges. */
export const provenAncestorsOf = (versionId: number, ancestry: Ancestry): number[] =>
  walk(versionId, ancestry, ({ isProven }) => isProven);

function walk(versionId: number, ancestry: Ancestry, follows: (edge: Edge) => boolean): number[] {
  const seen = new Set<number>();
  const open = [versionId];
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    for (const edge of ancestry.get(id) ?? []) {
      if (edge.parentId === versionId || seen.has(edge.parentId) || !follows(edge)) continue;
      seen.add(edge.parentId);
      open.push(edge.parentId);
    }
  }
  return [...seen];
}
