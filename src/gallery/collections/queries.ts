import { type Parameter, rows, toBoolean, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { isShownPerson } from '../hidden.ts';
import { type Eyes, hidingNothing, PICTURE_COLUMNS, type PictureRow, type PictureView, pictureView } from '../views.ts';
import { IS_NOT_WITHHELD } from './access.ts';
import type { Collection } from './model.ts';
import { type Collected, coverPicture, ITEM_JOINS, isSeenItem } from './thing.ts';

export interface CollectionRow {
  readonly id: number;
  readonly name: string;
  readonly visibility: Collection['visibility'];
  readonly itemCount: number;
  /** The thing that was asked about is in it. */
  readonly hasThing: boolean;
  readonly isWithheld: boolean;
  readonly cover: PictureView | null;
}

/** Of one person: what is public, and all of it for themselves. Takes the person's id. */
const isOf = (viewer: Work['viewer'], ownerId: number): string =>
  viewer?.id === ownerId ? 'k.owner_id = ?' : `k.owner_id = ? and k.visibility = 'public' and ${IS_NOT_WITHHELD}`;

/** Last changed first. */
export const listCollectionsOf = (
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  ownerId: number,
  eyes: Eyes,
): Promise<CollectionRow[]> =>
  read(em, viewer?.id === ownerId ? hidingNothing(eyes) : eyes, null, isOf(viewer, ownerId), [ownerId]);

/** Is there any of one person that the viewer may see? */
export async function hasCollections({ em, viewer }: Pick<Work, 'em' | 'viewer'>, ownerId: number): Promise<boolean> {
  const sql = `select k.id from collection k where k.deleted_at is null and ${isOf(viewer, ownerId)} limit 1`;
  return (await rows(em, sql, [ownerId])).length > 0;
}

/** The viewer's own, last changed first. Whoever keeps a contest does not enter it: it is no choice for a thing. */
export async function listOwnCollections(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  thing: Collected | null,
  eyes: Eyes,
): Promise<CollectionRow[]> {
  const isChoice = thing
    ? `and (not exists (select 1 from contest q where q.collection_id = k.id)
         or exists (select 1 from collection_item c where c.collection_id = k.id and c.${thing.kind}_id = ?))`
    : '';
  return read(em, hidingNothing(eyes), thing, `k.owner_id = ? and k.uri is null ${isChoice}`, [
    viewer?.id ?? 0,
    ...(thing ? [thing.id] : []),
  ]);
}

/** As many as anybody reads through. */
const MOST_HOLDERS = 100;

/** Public ones of others, of here and elsewhere, that hold a thing. */
export async function listHolders(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  thing: Collected,
  eyes: Eyes,
): Promise<CollectionRow[]> {
  const viewerId = viewer?.id ?? 0;
  const found = await read(
    em,
    eyes,
    thing,
    `k.owner_id <> ? and k.visibility = 'public' and ${IS_NOT_WITHHELD}
       and k.id in (select c.collection_id from collection_item c where c.${thing.kind}_id = ?)
       and exists (select 1 from account ka where ka.id = k.owner_id and ${isShownPerson('ka')})`,
    [viewerId, thing.id, viewerId, viewerId],
  );
  return found.slice(0, MOST_HOLDERS);
}

interface Row extends Partial<PictureRow> {
  id: unknown;
  name: string;
  visibility: Collection['visibility'];
  n: unknown;
  has_thing: unknown;
  is_withheld: unknown;
  image_id: number;
}

async function read(
  em: Work['em'],
  eyes: Eyes,
  thing: Collected | null,
  condition: string,
  values: readonly Parameter[],
): Promise<CollectionRow[]> {
  const cover = coverPicture(eyes);
  const seen = isSeenItem(eyes);
  const count = `(select count(*) from collection_item c ${ITEM_JOINS} where c.collection_id = k.id and ${seen.sql})`;
  const holds = `exists (select 1 from collection_item c where c.collection_id = k.id and c.${thing?.kind ?? 'model'}_id = ?)`;
  const found = await rows<Row>(
    em,
    `select h.*, ${PICTURE_COLUMNS} from (
       select k.id, k.name, k.visibility, k.updated_at, ${count} as n, case when ${holds} then 1 else 0 end as has_thing,
         case when ${IS_NOT_WITHHELD} then 0 else 1 end as is_withheld, ${cover.sql} as cover_id
       from collection k where k.deleted_at is null and ${condition}) h
     left join image i on i.id = h.cover_id order by h.updated_at desc, h.id desc`,
    [...seen.values, thing?.id ?? 0, ...cover.values, ...values],
  );
  return found.map((row) => ({
    id: toNumber(row.id),
    name: row.name,
    visibility: row.visibility,
    itemCount: toNumber(row.n),
    hasThing: toBoolean(row.has_thing),
    isWithheld: toBoolean(row.is_withheld),
    cover: row.image_id ? pictureView(row as Row & PictureRow, eyes) : null,
  }));
}
