import type { EntityManager } from '@mikro-orm/core';
import {
  type Eyes,
  OWNER_COLUMNS,
  type OwnerRow,
  type OwnerView,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  type PictureView,
  pictureView,
} from '../gallery/views.ts';
import { rows, toDate, toNumber } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import { type ModelFilter, modelConditions } from './lists/model-filter.ts';

export interface ModelCardView {
  readonly id: number;
  readonly url: string;
  readonly name: string;
  readonly type: string;
  readonly baseModel: string;
  readonly cover: PictureView | null;
  readonly owner: OwnerView;
  readonly downloadCount: number;
  readonly likeCount: number;
  readonly imageCount: number;
  /** '' for none. */
  readonly badge: string;
}

export interface TileView extends PictureView {
  readonly caption: string;
  readonly owner: OwnerView;
  readonly likeCount: number;
  readonly imageCount: number;
}

/** Address part of a name: `Ink Wash (v2)` → `ink-wash-v2`; empty for names without a Latin letter or digit. */
function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '');
}

export const modelUrl = (id: number, name: string): string => {
  const slug = slugOf(name);
  return slug === '' ? `/models/${id}` : `/models/${id}/${slug}`;
};

/**
 * The picture of a model's card for these eyes: its cover, or, where that is rated otherwise, the first fitting picture
 * of its versions' own posts. Takes the mask twice.
 */
export const COVER_JOIN = `left join image i on i.id = coalesce(
  (select c.id from image c where c.id = m.cover_image_id and (c.level & ?) <> 0),
  (select c.id from model_version v join post q on q.version_id = v.id and q.owner_id = m.owner_id
     and q.listed_at is not null join image c on c.post_id = q.id
     where v.model_id = m.id and m.cover_image_id is not null and (c.level & ?) <> 0
     order by v.position, q.id, c.position limit 1))`;

const CARD_COLUMNS = `m.id, m.name, m.type, m.base_model, m.download_count, m.thumbs_up_count, m.image_count, m.listed_at, m.shown_at,
  m.comment_count, m.collect_count, m.trend_score,
  (select count(*) from model_version ev join early_access ea on ea.version_id = ev.id and ea.ended_at is null
    where ev.model_id = m.id and ev.state = 'published') as early_count`;

interface ModelCardRow extends OwnerRow, PictureRow {
  id: number;
  name: string;
  type: string;
  base_model: string;
  download_count: number;
  thumbs_up_count: number;
  image_count: number;
  comment_count: number;
  collect_count: number;
  trend_score: number | null;
  listed_at: unknown;
  shown_at: unknown;
  early_count: unknown;
}

/** Civitai's orders, and what is liked lately. Its highest rated are here the most liked: there are thumbs and no stars. */
const SORTS = {
  newest: { column: 'listed_at', order: 'desc' },
  oldest: { column: 'listed_at', order: 'asc' },
  likes: { column: 'thumbs_up_count', order: 'desc' },
  downloads: { column: 'download_count', order: 'desc' },
  discussed: { column: 'comment_count', order: 'desc' },
  collected: { column: 'collect_count', order: 'desc' },
  images: { column: 'image_count', order: 'desc' },
  trending: { column: 'trend_score', order: 'desc' },
} as const;
export type ModelSort = keyof typeof SORTS;
export const MODEL_SORTS = Object.keys(SORTS) as [ModelSort, ...ModelSort[]];

export interface Page<Item> {
  readonly items: Item[];
  /** Null when nothing follows. */
  readonly nextCursor: string | null;
}

/** A place in a list: the value that it is sorted by, a count or a time as either driver gives it, and the id. */
export const writeCursor = (sort: 'newest' | 'downloads' | 'likes', value: unknown, id: number): string =>
  `${sort === 'newest' ? toDate(value).getTime() : toNumber(value)}_${id}`;

/** What `writeCursor` wrote; null for anything else. */
export function readCursor(text: string | undefined): { value: number; id: number } | null {
  const match = /^(\d{1,16})_(\d{1,10})$/.exec(text ?? '');
  return match ? { value: Number(match[1]), id: Number(match[2]) } : null;
}

/** Model cards by one indexed query: the page of ids first, then what its cards show. */
export async function listModelCards(
  em: EntityManager,
  eyes: Eyes,
  filter: ModelFilter,
  { sort = 'newest', cursor, limit = 40 }: { sort?: ModelSort; cursor?: string | undefined; limit?: number } = {},
): Promise<Page<ModelCardView>> {
  const { column: listed, order } = SORTS[sort];
  const isTime = listed === 'listed_at';
  const column = isTime && filter.shownTo !== undefined ? 'shown_at' : listed;
  const conditions = await modelConditions(em, eyes, filter);
  if (sort === 'trending') conditions.add('m.trend_score is not null');
  const place = readCursor(cursor);
  if (place) {
    const value = isTime ? new Date(place.value) : place.value;
    conditions.add(`(m.${column}, m.id) ${order === 'desc' ? '<' : '>'} (?, ?)`, value, place.id);
  }
  const found = await rows<ModelCardRow>(
    em,
    `with page as (select m.id, m.${column} from model m where ${conditions.sql}
       order by m.${column} ${order}, m.id ${order} limit ?)
     select ${CARD_COLUMNS}, ${OWNER_COLUMNS}, ${PICTURE_COLUMNS}
     from page join model m on m.id = page.id join account a on a.id = m.owner_id ${COVER_JOIN}
     order by page.${column} ${order}, page.id ${order}`,
    [...conditions.values, limit + 1, eyes.levels, eyes.levels],
  );
  const shown = found.slice(0, limit);
  const last = found.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => modelCardView(row, eyes)),
    nextCursor: last ? writeCursor(isTime ? 'newest' : 'likes', last[column], last.id) : null,
  };
}

function modelCardView(row: ModelCardRow, eyes: Eyes): ModelCardView {
  const url = modelUrl(row.id, row.name);
  return {
    id: row.id,
    url,
    name: row.name,
    type: row.type,
    baseModel: row.base_model,
    cover: row.image_id ? pictureView(row, eyes, url) : null,
    owner: ownerView(row),
    downloadCount: row.download_count,
    likeCount: row.thumbs_up_count,
    imageCount: row.image_count,
    badge: toNumber(row.early_count) > 0 ? t('early.badge') : '',
  };
}
