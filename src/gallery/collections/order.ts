import { type Parameter, rows, toBoolean } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { collectionArranged } from '../events.ts';
import { type Eyes, PICTURE_COLUMNS, type PictureRow, type PictureView, pictureView } from '../views.ts';
import { Collection, CollectionItem } from './model.ts';
import {
  ITEM_IS_LISTED,
  ITEM_JOINS,
  ITEM_LEVEL,
  itemPicture,
  type NamedThing,
  namedThing,
  THING_COLUMNS,
  type ThingRow,
} from './thing.ts';
import { loadKeptCollection } from './together/standing.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

/** Where a thing goes: one place among what its owner sees, to the front, or beside another. */
export type Move =
  | { readonly to: 'up' | 'down' | 'first' }
  | { readonly to: 'before' | 'after'; readonly itemId: string };

/** Puts one thing of the viewer's own collection somewhere else. Throws `not_found` for a thing that is not in it. */
export async function moveItem(
  { em, viewer, now }: Task,
  collectionId: number,
  itemId: string,
  move: Move,
): Promise<void> {
  await loadKeptCollection({ em, viewer }, collectionId);
  await em.transactional(async (tx) => {
    // two moves at once would mix their orders: the second waits here for the first
    await tx.nativeUpdate(Collection, { id: collectionId }, { updatedAt: now() });
    const found = await rows<{ id: string; is_seen: unknown }>(
      tx,
      `select c.id, case when ${ITEM_IS_LISTED} and (${ITEM_LEVEL} & ?) <> 0 then 1 else 0 end as is_seen
       from collection_item c ${ITEM_JOINS}
       where c.collection_id = ? order by c.position, c.id`,
      [viewer?.levels ?? 0, collectionId],
    );
    if (!found.some(({ id }) => id === itemId)) throw noItem();
    const order = found.map(({ id }) => id);
    const seen = found.filter(({ is_seen, id }) => toBoolean(is_seen) || id === itemId).map(({ id }) => id);
    const target = placeOf(order, seen, itemId, move);
    const [from, to] = [order.indexOf(itemId), target];
    if (from === to) return;
    await renumber(tx, collectionId);
    const [least, most, step] = from < to ? [from, to, -1] : [to, from, 1];
    await rows(
      tx,
      `update collection_item set position = case when id = ? then ? else position + ? end
       where collection_id = ? and position between ? and ? returning id`,
      [itemId, to, step, collectionId, least, most],
    );
    record(tx, collectionArranged, { collectionId });
    await tx.flush();
  });
}

const noItem = () => new AppError('not_found', 'This is not in the collection any more.');

/** The place among all, of which its owner sees some. */
function placeOf(order: readonly string[], seen: readonly string[], itemId: string, move: Move): number {
  const from = order.indexOf(itemId);
  if (move.to === 'before' || move.to === 'after') {
    const at = order.indexOf(move.itemId);
    if (at < 0) throw noItem();
    if (at === from) return from;
    if (move.to === 'before') return at > from ? at - 1 : at;
    return at > from ? at : at + 1;
  }
  if (move.to === 'first') return 0;
  const next = seen[seen.indexOf(itemId) + (move.to === 'up' ? -1 : 1)];
  return next === undefined ? from : order.indexOf(next);
}

/** Places 0, 1, 2, … in the order that is. */
async function renumber(em: Work['em'], collectionId: number): Promise<void> {
  await rows(
    em,
    `update collection_item set position = o.n from (select x.id,
         row_number() over (order by x.position, x.id) - 1 as n from collection_item x where x.collection_id = ?) o
       where o.id = collection_item.id returning collection_item.id`,
    [collectionId],
  );
}

/** Chooses the thing that stands for the collection; null lets the first do it. Throws `not_found` for what is not in it. */
export async function chooseCover(
  { em, viewer, now }: Task,
  collectionId: number,
  itemId: string | null,
): Promise<void> {
  const { collection } = await loadKeptCollection({ em, viewer }, collectionId);
  if (itemId !== null && (await em.count(CollectionItem, { id: itemId, collection: collectionId })) === 0)
    throw noItem();
  Object.assign(collection, { coverItemId: itemId, updatedAt: now() });
  record(em, collectionArranged, { collectionId });
  await em.flush();
}

export interface ArrangedItem {
  readonly id: string;
  readonly thing: NamedThing;
  readonly picture: PictureView | null;
  readonly isCover: boolean;
}

export interface Arrangement {
  readonly items: readonly ArrangedItem[];
  /** Null when nothing follows. */
  readonly nextCursor: string | null;
  readonly isFromStart: boolean;
}

const PAGE_LENGTH = 60;

/** Places are written `12_<id of the item>`. */
export function readPlace(cursor: string | undefined): { position: number; id: string } | null {
  const [, position, id = ''] = /^(-?\d{1,10})_([0-9a-f-]{36})$/.exec(cursor ?? '') ?? [];
  return position === undefined ? null : { position: Number(position), id };
}
export const writePlace = (position: unknown, id: string): string => `${Number(position)}_${id}`;

/** What its owner sees of a collection of their own, in its order. */
export async function listArrangement(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  collectionId: number,
  eyes: Eyes,
  cursor: string | undefined,
): Promise<Arrangement> {
  const {
    collection: { coverItemId },
  } = await loadKeptCollection({ em, viewer }, collectionId);
  const place = readPlace(cursor);
  const picture = itemPicture(eyes.levels);
  const values: Parameter[] = [...picture.values, collectionId, eyes.levels];
  if (place) values.push(place.position, place.id);
  const found = await rows<ThingRow & Partial<PictureRow> & { item_id: string; position: unknown; image_id: number }>(
    em,
    `select h.*, ${PICTURE_COLUMNS} from (select c.id as item_id, c.position, ${THING_COLUMNS}, ${picture.sql} as picture_id
       from collection_item c ${ITEM_JOINS} where c.collection_id = ? and ${ITEM_IS_LISTED} and (${ITEM_LEVEL} & ?) <> 0
         ${place ? 'and (c.position, c.id) > (?, ?)' : ''} order by c.position, c.id limit ${PAGE_LENGTH + 1}) h
     left join image i on i.id = h.picture_id order by h.position, h.item_id`,
    values,
  );
  const shown = found.slice(0, PAGE_LENGTH);
  const last = found.length > PAGE_LENGTH ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => ({
      id: row.item_id,
      thing: namedThing(row),
      picture: row.image_id ? pictureView(row as typeof row & PictureRow, eyes) : null,
      isCover: row.item_id === coverItemId,
    })),
    nextCursor: last ? writePlace(last.position, last.item_id) : null,
    isFromStart: place === null,
  };
}
