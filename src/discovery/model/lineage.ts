import type { EntityManager } from '@mikro-orm/core';
import { isFileHash } from '../../catalogue/files/by-hash.ts';
import { rows } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';

interface LineageLink {
  readonly how: string;
  readonly name: string;
  /** Empty for what is not here. */
  readonly href: string;
  /** Where others are asked for what is not here; empty when no hash names it. */
  readonly findUrl: string;
  readonly weight: number | null;
}

export interface LineageView {
  readonly parents: readonly LineageLink[];
  readonly children: readonly LineageLink[];
}

interface Row {
  direction: 'parent' | 'child';
  kind: string;
  weight: number | null;
  parent_name: string;
  parent_hash: string | null;
  parent_id: number | null;
  version_id: number | null;
  version_name: string | null;
  model_id: number | null;
  model_name: string | null;
}

const MAX_LINKS = 24;

/** What a version was made of, and what others made of it, as far as both are public. */
export async function loadLineage(em: EntityManager, versionId: number): Promise<LineageView> {
  const found = await rows<Row>(
    em,
    `select * from (
       select 'parent' as direction, l.kind, l.weight, l.parent_name, l.parent_hash, l.parent_id, v.id as version_id,
         v.name as version_name, m.id as model_id, m.name as model_name
       from lineage l left join model_version v on v.id = l.parent_id and v.state = 'published'
         left join model m on m.id = v.model_id and m.listed_at is not null
       where l.child_id = ?
       union all
       select 'child' as direction, l.kind, l.weight, '' as parent_name, null as parent_hash, null as parent_id, v.id as version_id,
         v.name as version_name, m.id as model_id, m.name as model_name
       from lineage l join model_version v on v.id = l.child_id and v.state = 'published'
         join model m on m.id = v.model_id and m.listed_at is not null
       where l.parent_id = ?) as edge limit ${2 * MAX_LINKS}`,
    [versionId, versionId],
  );
  const links = (direction: Row['direction']) => found.filter((row) => row.direction === direction).slice(0, MAX_LINKS);
  return { parents: links('parent').map(linkOf), children: links('child').map(linkOf) };
}

/** One that is here and not in everybody's lists is neither named nor told by its hash (P11). */
function nameOf(row: Row, isHere: boolean): string {
  if (isHere) return `${row.model_name} ${row.version_name}`;
  return row.parent_id === null ? row.parent_name || `${row.parent_hash ?? '?'}`.slice(0, 12) : t('recipe.private');
}

function linkOf(row: Row): LineageLink {
  const isHere = row.model_id !== null && row.version_id !== null;
  const hash = row.parent_id === null ? (row.parent_hash ?? '').toLowerCase() : '';
  return {
    how: t(`lineage.${row.kind}`),
    name: nameOf(row, isHere),
    findUrl: isFileHash(hash) ? `/hashes/${hash}` : '',
    href: isHere ? `/models/${row.model_id}?version=${row.version_id}` : '',
    weight: row.weight,
  };
}
