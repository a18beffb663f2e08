import { readCursor, writeCursor } from '../../../discovery/cards.ts';
import { rows } from '../../../kit/database/sql.ts';
import { ALL_LEVELS, RATING } from '../../../safety/ratings.ts';
import type { Ask } from '../../operation/define.ts';
import { countUpTo } from '../count.ts';
import { type Metadata, malformedCursor, narrowing, pageMetadata, placeOf } from '../paging.ts';
import type { Model } from '../shapes.ts';
import { filterOf } from './filter.ts';
import { MOST_MODELS, type ModelsQuery, SORTS } from './query.ts';
import { loadModels } from './views.ts';

export interface ModelList {
  readonly items: Model[];
  readonly metadata: Metadata;
}

/** The page of ids by one indexed query, then what their models show. */
export async function listModels(ask: Ask, query: ModelsQuery): Promise<ModelList> {
  const place = placeOf({ ...query, limit: query.limit ?? query.pageSize ?? MOST_MODELS });
  const asked = (query.browsingLevel ?? (query.nsfw ? ALL_LEVELS : RATING.pg)) & ALL_LEVELS;
  const levels = asked & ask.eyes.levels;
  const filter = await filterOf(ask, query, levels);
  const { column, order } = SORTS[query.sort];
  const where = [...filter.where];
  const values = [...filter.values];
  if (place.cursor !== null) {
    const after = readCursor(place.cursor);
    if (!after) throw malformedCursor();
    where.push(`(m.${column}, m.id) ${order === 'desc' ? '<' : '>'} (?, ?)`);
    values.push(column === 'listed_at' ? new Date(after.value) : after.value, after.id);
  }
  const [found, total] = await Promise.all([
    rows<{ id: number; value: unknown }>(
      ask.em,
      `select m.id, m.${column} as value from model m where ${where.join(' and ')}
       order by m.${column} ${order}, m.id ${order} limit ? offset ?`,
      [...values, place.limit + 1, place.offset],
    ),
    place.page === null ? null : countUpTo(ask, `from model m where ${filter.where.join(' and ')}`, filter.values),
  ]);
  const shown = found.slice(0, place.limit);
  const last = found.length > place.limit ? shown.at(-1) : undefined;
  const sort = column === 'listed_at' ? 'newest' : 'likes';
  return {
    items: await loadModels(
      ask,
      shown.map(({ id: modelId }) => modelId),
      { levels, primaryFileOnly: query.primaryFileOnly },
    ),
    metadata: {
      ...pageMetadata(ask.url, place, { nextCursor: last ? writeCursor(sort, last.value, last.id) : null, total }),
      ...narrowing(asked, ask.eyes.levels),
    },
  };
}
