import { z } from 'zod';
import { type Parameter, rows } from '../../kit/database/sql.ts';
import type { Ask } from '../operation/define.ts';
import { countUpTo } from './count.ts';
import { Metadata, pageMetadata, placeOf } from './paging.ts';
import { readNameCursor, writeNameCursor } from './people.ts';
import { text, whole } from './query.ts';

const MOST_TAGS = 200;

export const TagsQuery = z.object({
  query: text(60),
  /** 0 is as many as there may be. */
  limit: whole(0, MOST_TAGS),
  page: whole(1, 1_000_000),
  cursor: text(120),
  pageSize: whole(1, MOST_TAGS),
});
export const TagList = z.object({
  items: z.array(z.object({ name: z.string(), link: z.url() })),
  metadata: Metadata,
});

/** Tags that a model in the lists bears, by name; what others call their private things is theirs. */
export async function listTags(ask: Ask, query: z.output<typeof TagsQuery>): Promise<z.output<typeof TagList>> {
  const limit = query.limit ?? query.pageSize ?? 20;
  const place = placeOf({ page: 1, ...query, limit: limit === 0 ? MOST_TAGS : limit });
  const where = [
    `exists (select 1 from model_tag g join model m on m.id = g.model_id
      where g.tag_id = t.id and m.listed_at is not null and m.is_local = ? and (m.level & ?) <> 0)`,
  ];
  const values: Parameter[] = [true, ask.eyes.levels];
  if (query.query) {
    where.push(`t.name like ? escape '!'`);
    values.push(`%${query.query.toLowerCase().replace(/[!%_]/g, '!$&')}%`);
  }
  const total = place.cursor === null ? await countUpTo(ask, `from tag t where ${where.join(' and ')}`, values) : null;
  const after = readNameCursor(place.cursor);
  if (after !== null) {
    where.push('t.name > ?');
    values.push(after);
  }
  const found = await rows<{ name: string }>(
    ask.em,
    `select t.name from tag t where ${where.join(' and ')} order by t.name limit ? offset ?`,
    [...values, place.limit + 1, place.offset],
  );
  const shown = found.slice(0, place.limit);
  const last = found.length > place.limit ? shown.at(-1) : undefined;
  return {
    items: shown.map(({ name }) => ({ name, link: `${ask.origin}/api/v1/models?tag=${encodeURIComponent(name)}` })),
    metadata: pageMetadata(ask.url, place, { nextCursor: last ? writeNameCursor(last.name) : null, total }),
  };
}
