import type { EntityManager } from '@mikro-orm/core';
import {
  type Eyes,
  OWNER_COLUMNS,
  type OwnerRow,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  pictureView,
} from '../gallery/views.ts';
import { rows } from '../kit/database/sql.ts';
import { type Page, readCursor, type TileView, writeCursor } from './cards.ts';
import { drawImageIds } from './lists/draw.ts';
import { type ImageFilter, imageConditions } from './lists/image-filter.ts';

const SORTS = {
  newest: { column: 'listed_at', order: 'desc' },
  oldest: { column: 'listed_at', order: 'asc' },
  likes: { column: 'like_count', order: 'desc' },
  comments: { column: 'comment_count', order: 'desc' },
  collected: { column: 'collect_count', order: 'desc' },
  trending: { column: 'trend_score', order: 'desc' },
} as const;
export type ImageSort = keyof typeof SORTS | 'random';
export const IMAGE_SORTS = ['random', ...Object.keys(SORTS)] as [ImageSort, ...ImageSort[]];

interface TileRow extends OwnerRow, PictureRow {
  like_count: number;
  comment_count: number;
  collect_count: number;
  trend_score: number | null;
  listed_at: unknown;
  shown_at: unknown;
}

/** Public pictures by one indexed query; by chance there is no next page. */
export async function listTiles(
  em: EntityManager,
  eyes: Eyes,
  filter: ImageFilter,
  { sort = 'newest', cursor, limit = 40 }: { sort?: ImageSort; cursor?: string | undefined; limit?: number } = {},
): Promise<Page<TileView>> {
  const conditions = await imageConditions(em, eyes, filter);
  if (sort === 'random') {
    const ids = await drawImageIds(em, conditions, limit);
    const { items } = await listTiles(em, eyes, { ...filter, ids }, { limit });
    return { items: inOrderOf(ids, items), nextCursor: null };
  }
  const { column: listed, order } = SORTS[sort];
  const isTime = listed === 'listed_at';
  const column = isTime && filter.shownTo !== undefined ? 'shown_at' : listed;
  if (sort === 'trending') conditions.add('i.trend_score is not null');
  const place = readCursor(cursor);
  if (place) {
    const value = isTime ? new Date(place.value) : place.value;
    conditions.add(`(i.${column}, i.id) ${order === 'desc' ? '<' : '>'} (?, ?)`, value, place.id);
  }
  const found = await rows<TileRow>(
    em,
    `with page as (select i.id, i.${column} from image i where ${conditions.sql}
       order by i.${column} ${order}, i.id ${order} limit ?)
     select ${PICTURE_COLUMNS}, i.like_count, i.comment_count, i.collect_count, i.trend_score, i.listed_at, i.shown_at, ${OWNER_COLUMNS}
     from page join image i on i.id = page.id join account a on a.id = i.owner_id
     order by page.${column} ${order}, page.id ${order}`,
    [...conditions.values, limit + 1],
  );
  const shown = found.slice(0, limit);
  const last = found.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => tileView(row, eyes)),
    nextCursor: last ? writeCursor(isTime ? 'newest' : 'likes', last[column], last.image_id) : null,
  };
}

/** Those of the ids that are there, in their order. */
export const inOrderOf = <Item extends { readonly id: number }>(
  ids: readonly number[],
  items: readonly Item[],
): Item[] => ids.flatMap((id) => items.find((item) => item.id === id) ?? []);

function tileView(row: TileRow, eyes: Eyes): TileView {
  return { ...pictureView(row, eyes), caption: '', owner: ownerView(row), likeCount: row.like_count, imageCount: 1 };
}
