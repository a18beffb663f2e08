import type { EntityManager } from '@mikro-orm/core';
import { MODEL_AUDIENCE, modelAudienceParameters } from '../catalogue/access.ts';
import { hiddenCondition } from '../gallery/hidden.ts';
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
import { type Parameter, rows, toDate, toNumber } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import type { Viewer } from '../kit/work.ts';
import { notDelistedSql } from '../safety/standing.ts';

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
  listed_at: unknown;
  shown_at: unknown;
  early_count: unknown;
}

export type ModelSort = 'newest' | 'downloads' | 'likes';
const SORT_COLUMNS = {
  newest: 'listed_at',
  downloads: 'download_count',
  likes: 'thumbs_up_count',
} as const satisfies Record<ModelSort, keyof ModelCardRow>;

export interface ModelFilter {
  readonly type?: string | undefined;
  readonly baseModel?: string | undefined;
  readonly tagId?: number | undefined;
  readonly ownerId?: number | undefined;
  /** Only what was listed since. */
  readonly since?: Date | undefined;
  readonly onlyLocal?: boolean | undefined;
  /** Only models of accounts that this account follows. */
  readonly followedBy?: number | undefined;
  readonly ids?: readonly number[] | undefined;
  /** Beside what is public, what is for this viewer; without it, what is public. */
  readonly shownTo?: Viewer | null | undefined;
}

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
  const isOfAll = filter.shownTo === undefined;
  const column = sort === 'newest' && !isOfAll ? 'shown_at' : SORT_COLUMNS[sort];
  const where = [isOfAll ? 'm.listed_at is not null' : 'm.shown_at is not null', '(m.level & ?) <> 0'];
  const values: Parameter[] = [eyes.levels];
  const add = (condition: string, ...given: Parameter[]) => {
    where.push(condition);
    values.push(...given);
  };
  if (filter.shownTo !== undefined) {
    const isLeftIn = notDelistedSql('model', 'm.id', 'm.owner_id');
    add(`(m.listed_at is not null or (${MODEL_AUDIENCE} and ${isLeftIn}))`, ...modelAudienceParameters(filter.shownTo));
  }
  if (filter.type) add('m.type = ?', filter.type);
  if (filter.baseModel) add('m.base_model = ?', filter.baseModel);
  if (filter.onlyLocal) add('m.is_local = ?', true);
  if (filter.ownerId) add('m.owner_id = ?', filter.ownerId);
  if (filter.since) add('m.listed_at >= ?', filter.since);
  if (filter.tagId) add('exists (select 1 from model_tag t where t.tag_id = ? and t.model_id = m.id)', filter.tagId);
  if (filter.ids) add(`m.id in (${filter.ids.map(() => '?').join(', ') || 'null'})`, ...filter.ids);
  if (filter.followedBy) {
    add(
      `m.owner_id in (select f.target_id from follow f where f.follower_id = ? and f.state = 'accepted')`,
      filter.followedBy,
    );
  }
  // whoever opens somebody's page wants to see what is there
  const hidden = filter.ownerId ? null : hiddenCondition('model', 'm', eyes);
  if (hidden) add(hidden.sql, ...hidden.values);
  const place = readCursor(cursor);
  if (place) {
    const value = sort === 'newest' ? new Date(place.value) : place.value;
    add(`(m.${column}, m.id) < (?, ?)`, value, place.id);
  }
  const found = await rows<ModelCardRow>(
    em,
    `with page as (select m.id, m.${column} from model m where ${where.join(' and ')}
       order by m.${column} desc, m.id desc limit ?)
     select ${CARD_COLUMNS}, ${OWNER_COLUMNS}, ${PICTURE_COLUMNS}
     from page join model m on m.id = page.id join account a on a.id = m.owner_id ${COVER_JOIN}
     order by page.${column} desc, page.id desc`,
    [...values, limit + 1, eyes.levels, eyes.levels],
  );
  const shown = found.slice(0, limit);
  const last = found.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => modelCardView(row, eyes)),
    nextCursor: last ? writeCursor(sort, last[column], last.id) : null,
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
