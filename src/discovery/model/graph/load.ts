import type { EntityManager } from '@mikro-orm/core';
import type { LINEAGE_BASES, LINEAGE_KINDS } from '../../../catalogue/model.ts';
import { hiddenCondition } from '../../../gallery/hidden.ts';
import type { Eyes } from '../../../gallery/views.ts';
import { inList, type Parameter, rows, toBoolean } from '../../../kit/database/sql.ts';

/** Generations in each direction that are shown, and relatives in each. */
const DEPTH = 4;
const MOST_RELATIVES = 30;
const MOST_EDGES = 120;

/** Another version, or what is known by name or hash only. */
export interface Relative {
  /** Within the graph: `v12`, or the edge that names it. */
  readonly key: string;
  /** Null for what is not here. */
  readonly versionId: number | null;
  readonly modelId: number | null;
  /** '' where the asker is not told (P11). */
  readonly name: string;
  readonly hash: string;
  /** Generations: 1 is a parent, −1 what was made of this. */
  readonly distance: number;
}

export interface Relation {
  readonly parentKey: string;
  readonly childKey: string;
  readonly kind: (typeof LINEAGE_KINDS)[number];
  readonly basis: (typeof LINEAGE_BASES)[number];
  readonly weight: number | null;
}

export interface Family {
  readonly relatives: readonly Relative[];
  readonly relations: readonly Relation[];
  /** There are more than are shown. */
  readonly isCut: boolean;
}

interface EdgeRow {
  id: string;
  from_id: number;
  to_id: number | null;
  kind: Relation['kind'];
  basis: Relation['basis'];
  weight: number | null;
  parent_name: string;
  parent_hash: string | null;
  model_id: number | null;
  model_name: string | null;
  version_name: string | null;
  is_shown: unknown;
}

export const keyOf = (versionId: number): string => `v${versionId}`;

/** What a version was made of, and what others made of it, as far as the asker sees both. */
export async function loadFamily(em: EntityManager, versionId: number, eyes: Eyes, personId: number): Promise<Family> {
  const up = await walk(em, versionId, eyes, personId, 'up');
  const down = await walk(em, versionId, eyes, personId, 'down');
  const relatives = new Map<string, Relative>();
  // in a circle the nearer place holds, and never is one both above and below
  for (const one of [...up.relatives, ...down.relatives]) if (!relatives.has(one.key)) relatives.set(one.key, one);
  const known = (key: string) => relatives.has(key) || key === keyOf(versionId);
  const relations = new Map<string, Relation>();
  for (const one of [...up.relations, ...down.relations])
    if (known(one.parentKey) && known(one.childKey) && one.parentKey !== one.childKey)
      relations.set(`${one.childKey} ${one.parentKey} ${one.kind}`, one);
  return { relatives: [...relatives.values()], relations: [...relations.values()], isCut: up.isCut || down.isCut };
}

async function walk(
  em: EntityManager,
  versionId: number,
  eyes: Eyes,
  personId: number,
  direction: 'up' | 'down',
): Promise<Family> {
  const relatives = new Map<string, Relative>();
  const relations: Relation[] = [];
  let [level, isCut] = [[versionId], false];
  for (let n = 1; n <= DEPTH && level.length > 0; n += 1) {
    const found = await (direction === 'up' ? parentsOf : childrenOf)(em, level, eyes, personId);
    isCut ||= found.length >= MOST_EDGES;
    const next: number[] = [];
    for (const row of found) {
      // a child that is not shown is not told of; of a parent is said that there is one
      if (direction === 'down' && !toBoolean(row.is_shown)) continue;
      const relative = relativeOf(row, direction === 'up' ? n : -n);
      const isNew = !relatives.has(relative.key) && relative.key !== keyOf(versionId);
      if (isNew && relatives.size >= MOST_RELATIVES) {
        isCut = true;
        continue;
      }
      if (isNew) {
        relatives.set(relative.key, relative);
        // what lies behind one that is not shown would tell of it
        if (relative.versionId !== null) next.push(relative.versionId);
      }
      const [parentKey, childKey] =
        direction === 'up' ? [relative.key, keyOf(row.from_id)] : [keyOf(row.from_id), relative.key];
      relations.push({ parentKey, childKey, kind: row.kind, basis: row.basis, weight: row.weight });
    }
    level = next;
  }
  return { relatives: [...relatives.values()], relations, isCut };
}

function relativeOf(row: EdgeRow, distance: number): Relative {
  const isShown = toBoolean(row.is_shown) && row.to_id !== null;
  // one that is here and not for the asker is neither named nor told by its hash
  const isPrivate = row.to_id !== null && !isShown;
  return {
    key: isShown && row.to_id !== null ? keyOf(row.to_id) : `e${row.id}`,
    versionId: isShown ? row.to_id : null,
    modelId: isShown ? row.model_id : null,
    name: isShown ? `${row.model_name} ${row.version_name}` : isPrivate ? '' : row.parent_name,
    hash: row.to_id === null ? (row.parent_hash ?? '').toLowerCase() : '',
    distance,
  };
}

/** Listed, at a level that the asker looks at, and not hidden by them; or their own. */
function shown(eyes: Eyes, personId: number): { sql: string; values: Parameter[] } {
  const hidden = hiddenCondition('model', 'm', eyes);
  return {
    sql: `case when v.state = 'published' and (m.owner_id = ? or (m.listed_at is not null and (m.level & ?) <> 0
      ${hidden ? `and ${hidden.sql}` : ''})) then 1 else 0 end as is_shown`,
    values: [personId, eyes.levels, ...(hidden?.values ?? [])],
  };
}

const EDGE = 'l.id, l.kind, l.basis, l.weight, l.parent_name, l.parent_hash';
const OTHER = 'v.model_id, m.name as model_name, v.name as version_name';
/** The file that was hashed here first under the hash that an edge names. */
const BY_HASH = `(select min(g.id) from model_file g join model_version gv on gv.id = g.version_id
  and (gv.uri is null or g.is_stored) where g.sha256 = l.parent_hash)`;

function parentsOf(em: EntityManager, ids: readonly number[], eyes: Eyes, personId: number): Promise<EdgeRow[]> {
  const { sql, values } = shown(eyes, personId);
  return rows(
    em,
    `select ${EDGE}, l.child_id as from_id, v.id as to_id, ${OTHER}, ${sql}
     from lineage l left join model_file f on l.parent_id is null and f.id = ${BY_HASH}
       left join model_version v on v.id = coalesce(l.parent_id, f.version_id) left join model m on m.id = v.model_id
     where l.child_id in (${inList(ids)}) order by l.id limit ${MOST_EDGES}`,
    [...values, ...ids],
  );
}

function childrenOf(em: EntityManager, ids: readonly number[], eyes: Eyes, personId: number): Promise<EdgeRow[]> {
  const { sql, values } = shown(eyes, personId);
  const child = 'join model_version v on v.id = l.child_id join model m on m.id = v.model_id';
  return rows(
    em,
    `select * from (
       select ${EDGE}, l.parent_id as from_id, v.id as to_id, ${OTHER}, ${sql}
       from lineage l ${child} where l.parent_id in (${inList(ids)})
       union all
       select ${EDGE}, f.version_id as from_id, v.id as to_id, ${OTHER}, ${sql}
       from model_file f join lineage l on l.parent_hash = f.sha256 and l.parent_id is null and f.id = ${BY_HASH} ${child}
       where f.version_id in (${inList(ids)})
     ) edge where is_shown = 1 order by id limit ${MOST_EDGES}`,
    [...values, ...ids, ...values, ...ids],
  );
}
