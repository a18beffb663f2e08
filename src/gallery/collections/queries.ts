import { type Parameter, rows, toBoolean, toNumber } from '../../kit/database/sql.ts';
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

/**
 * What of a collection `c` these eyes see: what stopped being public since it was put in is in it for nobody. Takes the
 * mask once.
 */
const COUNT_OF_SEEN = `(select count(*) from collection_item i left join model m on m.id = i.model_id
  left join post p on p.id = i.post_id where i.collection_id = c.id
  and coalesce(m.listed_at, p.listed_at) is not null and (coalesce(m.level, p.level) & ?) <> 0)`;

/** Of one person, last changed first: what is public, and all of it for themselves. */
export async function listCollectionsOf(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  ownerId: number,
  levels: number,
): Promise<CollectionRow[]> {
  const isOwn = viewer?.id === ownerId;
  return read(
    em,
    `select c.id, c.name, c.visibility, ${COUNT_OF_SEEN} as n, 0 as has_thing from collection c
     where c.owner_id = ? and c.deleted_at is null ${isOwn ? '' : "and c.visibility = 'public'"}
     order by c.updated_at desc, c.id desc`,
    [levels, ownerId],
  );
}

/** The viewer's own, last changed first. */
export async function listOwnCollections(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  thing: Collected | null,
  levels: number,
): Promise<CollectionRow[]> {
  return read(
    em,
    `select c.id, c.name, c.visibility, ${COUNT_OF_SEEN} as n,
       case when exists (select 1 from collection_item i where i.collection_id = c.id and i.${thing?.kind ?? 'model'}_id = ?)
         then 1 else 0 end as has_thing
     from collection c where c.owner_id = ? and c.deleted_at is null order by c.updated_at desc, c.id desc`,
    [levels, thing?.id ?? 0, viewer?.id ?? 0],
  );
}

async function read(em: Work['em'], sql: string, values: readonly Parameter[]): Promise<CollectionRow[]> {
  const found = await rows<Record<'id' | 'name' | 'visibility' | 'n' | 'has_thing', unknown>>(em, sql, values);
  return found.map((row) => ({
    id: toNumber(row.id),
    name: String(row.name),
    visibility: row.visibility as Collection['visibility'],
    itemCount: toNumber(row.n),
    hasThing: toBoolean(row.has_thing),
  }));
}
