import { rows, toBoolean, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { Collected } from './edit.ts';
import type { Collection } from './model.ts';

export interface CollectionRow {
  readonly id: number;
  readonly name: string;
  readonly visibility: Collection['visibility'];
  readonly itemCount: number;
  /** The thing that was asked about is in it. */
  readonly hasThing: boolean;
}

/** The viewer's own, last changed first. */
export async function listOwnCollections(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  thing: Collected | null,
): Promise<CollectionRow[]> {
  const found = await rows<Record<'id' | 'name' | 'visibility' | 'n' | 'has_thing', unknown>>(
    em,
    `select c.id, c.name, c.visibility, (select count(*) from collection_item i where i.collection_id = c.id) as n,
       case when exists (select 1 from collection_item i where i.collection_id = c.id and i.${thing?.kind ?? 'model'}_id = ?)
         then 1 else 0 end as has_thing
     from collection c where c.owner_id = ? and c.deleted_at is null order by c.updated_at desc, c.id desc`,
    [thing?.id ?? 0, viewer?.id ?? 0],
  );
  return found.map((row) => ({
    id: toNumber(row.id),
    name: String(row.name),
    visibility: row.visibility as Collection['visibility'],
    itemCount: toNumber(row.n),
    hasThing: toBoolean(row.has_thing),
  }));
}
