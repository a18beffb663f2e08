import { readCursor, writeCursor } from '../../../discovery/cards.ts';
import { drawImageIds } from '../../../discovery/lists/draw.ts';
import { rows } from '../../../kit/database/sql.ts';
import { ALL_LEVELS } from '../../../safety/ratings.ts';
import type { Ask } from '../../operation/define.ts';
import { countUpTo } from '../count.ts';
import { type Metadata, malformedCursor, narrowing, type Place, pageMetadata, placeOf } from '../paging.ts';
import type { ImageItem } from '../shapes.ts';
import { type Filter, filterOf } from './filter.ts';
import { loadItems } from './items.ts';
import { type ImagesQuery, NSFW, RANDOM, SORTS } from './query.ts';

/** The page of ids by one indexed query, then what its pictures show. */
export async function listImages(ask: Ask, query: ImagesQuery): Promise<{ items: ImageItem[]; metadata: Metadata }> {
  const place = placeOf({ ...query, limit: query.limit ?? 100 });
  const asked = (query.browsingLevel ?? NSFW[query.nsfw]) & ALL_LEVELS;
  const filter = await filterOf(ask, query, asked & ask.eyes.levels);
  const { ids: found, nextCursor } =
    query.sort === RANDOM
      ? { ids: await drawImageIds(ask.em, filter, place.limit), nextCursor: null }
      : await pageOfIds(ask, filter, { ...SORTS[query.sort], place });
  const isCounted = place.page !== null && query.sort !== RANDOM;
  const total = isCounted
    ? await countUpTo(ask, `from image i where ${filter.where.join(' and ')}`, filter.values)
    : null;
  return {
    items: await loadItems(ask, found, query),
    metadata: {
      ...pageMetadata(ask.url, place, { nextCursor, total }),
      ...narrowing(asked, ask.eyes.levels),
    },
  };
}

interface Order {
  readonly column: string;
  readonly order: 'asc' | 'desc';
  readonly place: Place;
}

async function pageOfIds({ em }: Ask, filter: Filter, { column, order, place }: Order) {
  const where = [...filter.where];
  const values = [...filter.values];
  const isTime = column === 'listed_at';
  if (place.cursor !== null) {
    const after = readCursor(place.cursor);
    if (!after) throw malformedCursor();
    where.push(`(i.${column}, i.id) ${order === 'desc' ? '<' : '>'} (?, ?)`);
    values.push(isTime ? new Date(after.value) : after.value, after.id);
  }
  const found = await rows<{ id: number; value: unknown }>(
    em,
    `select i.id, i.${column} as value from image i where ${where.join(' and ')}
     order by i.${column} ${order}, i.id ${order} limit ? offset ?`,
    [...values, place.limit + 1, place.offset],
  );
  const shown = found.slice(0, place.limit);
  const last = found.length > place.limit ? shown.at(-1) : undefined;
  return {
    ids: shown.map(({ id: imageId }) => imageId),
    nextCursor: last ? writeCursor(isTime ? 'newest' : 'likes', last.value, last.id) : null,
  };
}
