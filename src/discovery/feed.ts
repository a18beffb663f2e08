import type { EntityManager } from '@mikro-orm/core';
import { hiddenCondition } from '../gallery/hidden.ts';
import {
  type Eyes,
  OWNER_COLUMNS,
  type OwnerRow,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  type PictureView,
  pictureView,
} from '../gallery/views.ts';
import { type Parameter, rows, toDate } from '../kit/database/sql.ts';
import { count, ratioStep } from '../kit/web/filters.ts';
import { notDelistedSql } from '../safety/standing.ts';
import { COVER_JOIN, modelUrl, type Page, readCursor, writeCursor } from './cards.ts';
import { followingCondition, type Head, toldHead } from './following.ts';

/** `named` is what was sent to the viewer, and what they sent to people alone. */
export const FEED_SCOPES = ['following', 'named', 'here', 'known'] as const;
export type FeedScope = (typeof FEED_SCOPES)[number];

/** One tile of the feed, as `feed-item.njk` draws it. */
export interface FeedItem {
  readonly isModel: boolean;
  readonly url: string;
  /** The name of a model, the title of a post. */
  readonly title: string;
  readonly type: string;
  readonly baseModel: string;
  readonly picture: PictureView | null;
  /** Of the picture: its place among the steps of ratio.css, and its addresses. */
  readonly ratio: number;
  readonly src: string;
  readonly srcset: string;
  readonly imageCount: number;
  readonly ownerUrl: string;
  readonly ownerName: string;
  readonly host: string;
  /** Downloads of a model, likes of a post, as text; '' for none. */
  readonly figure: string;
  /** Who passed it on, or the collection it was put into, where it is here for that; '' else. */
  readonly sharerName: string;
  readonly sharerUrl: string;
  /** It is here for a collection that it was put into, which `sharer…` name. */
  readonly isCollected: boolean;
  /** ISO: when it came into the list. */
  readonly listedAt: string;
}

export interface FeedRow extends OwnerRow, PictureRow {
  /** Single pictures stand in collections alone. */
  kind: 'model' | 'post' | 'image';
  id: number;
  /** Or `shown_at`, in a feed of what is not for all. */
  listed_at: unknown;
  name: string;
  type: string;
  base_model: string;
  download_count: number;
  thumbs_up_count: number;
  image_count: number;
  title: string;
  sharer_name?: string | null;
  sharer_display_name?: string | null;
  sharer_host?: string | null;
  told_by_id?: number | null;
  told_by_name?: string | null;
}

/**
 * New models and posts, newest first: the heads of two indexes merged, then what the page shows of them, in one query.
 * No table of feed items is kept, so nothing can disagree with what it shows.
 */
export async function listFeed(em: EntityManager, eyes: Eyes, request: FeedRequest): Promise<Page<FeedItem>> {
  const { limit = PAGE_LENGTH } = request;
  const { sql, values } = feedQuery(eyes, request);
  const found = await rows<FeedRow>(em, sql, values);
  const shown = found.slice(0, limit);
  const last = found.length > limit ? shown.at(-1) : undefined;
  return { items: feedItems(shown, eyes), nextCursor: last ? cursorOf(last) : null };
}

export interface FeedRequest {
  readonly scope: FeedScope;
  readonly viewerId: number | null;
  readonly cursor?: string | undefined;
  readonly limit?: number;
}

/** Two screens of a desktop; the next page loads itself. */
const PAGE_LENGTH = 32;

const cursorOf = ({ listed_at, id, kind }: FeedRow): string =>
  writeCursor('newest', listed_at, id * 2 + (kind === 'post' ? 1 : 0));

/** The one query of the feed; the benchmark gives it to the bare page that it compares ours with. */
export function feedQuery(
  eyes: Eyes,
  { scope, viewerId, cursor, limit = PAGE_LENGTH }: FeedRequest,
): { sql: string; values: Parameter[] } {
  const place = readCursor(cursor);
  // the feeds of everybody read what is public alone, and know nothing of who asks
  const isPersonal = scope === 'following' || scope === 'named';
  const at = isPersonal ? 'x.shown_at' : 'x.listed_at';
  const head = (kind: 'model' | 'post'): { sql: string; values: Parameter[] } => {
    const where = [`${at} is not null`, '(x.level & ?) <> 0'];
    const values: Parameter[] = [eyes.levels];
    if (scope === 'here') {
      where.push('x.is_local = ?');
      values.push(true);
    }
    if (scope === 'following') {
      const following = followingCondition(kind, viewerId ?? 0);
      where.push(`${following.sql} and x.visibility <> 'direct'`);
      values.push(...following.values);
    }
    if (scope === 'named' && kind === 'post') {
      where.push(`(x.id in (select n.post_id from mention n where n.account_id = ?)
        or (x.owner_id = ? and x.visibility = 'direct'))`);
      values.push(viewerId ?? 0, viewerId ?? 0);
    }
    if (scope === 'named' && kind === 'model') where.push('1 = 0');
    const hidden = hiddenCondition(kind, 'x', eyes);
    if (hidden) {
      where.push(hidden.sql);
      values.push(...hidden.values);
    }
    if (isPersonal) where.push(`(x.listed_at is not null or ${notDelistedSql(kind, 'x.id', 'x.owner_id')})`);
    if (place) {
      // a model and a post may share time and id; the model comes first
      where.push(kind === 'post' ? `(${at}, x.id) <= (?, ?)` : `(${at}, x.id) < (?, ?)`);
      const id = Math.floor(place.id / 2);
      const passedModel = place.id % 2 === 0;
      values.push(new Date(place.value), kind === 'post' && !passedModel ? id - 1 : id);
    }
    return {
      sql: `select * from (select '${kind}' as kind, x.id, ${at} as listed_at from ${kind} x where ${where.join(' and ')}
        order by ${at} desc, x.id desc limit ?) ${kind}_head`,
      values: [...values, limit + 1],
    };
  };
  const heads = [head('model'), head('post')];
  if (scope === 'following') return followingQuery(heads, eyes, viewerId ?? 0, place, limit);
  return {
    sql: `with page as (select * from (${heads.map(({ sql }) => sql).join(' union all ')}) heads
       order by listed_at desc, id desc, kind limit ?)
     ${FEED_OF_PAGE} order by page.listed_at desc, page.id desc, page.kind`,
    values: [...heads.flatMap(({ values }) => values), limit + 1, eyes.levels, eyes.levels, eyes.levels],
  };
}

/** As the feed of all, with what was told of among it. */
function followingQuery(
  own: readonly Head[],
  eyes: Eyes,
  viewerId: number,
  place: ReturnType<typeof readCursor>,
  limit: number,
): Head {
  const told = (['model', 'post'] as const).map((kind) => toldHead(kind, viewerId, eyes, place, limit + 1));
  const union = (heads: readonly Head[]) => heads.map(({ sql }) => sql).join(' union all ');
  return {
    sql: `with page as (select * from (
       select own.*, cast(null as integer) as sharer_id, cast(null as integer) as told_by_id from (${union(own)}) own
       union all ${union(told)}) heads
       order by listed_at desc, id desc, kind limit ?)
     ${feedOfPage(
       `, w.name as sharer_name, w.display_name as sharer_display_name, w.host as sharer_host,
        k.id as told_by_id, k.name as told_by_name`,
       `left join account w on w.id = page.sharer_id
        left join collection k on k.id = page.told_by_id`,
     )} order by page.listed_at desc, page.id desc, page.kind`,
    values: [
      ...[...own, ...told].flatMap(({ values }) => values),
      ...[limit + 1, eyes.levels, eyes.levels, eyes.levels],
    ],
  };
}

/** The cover of a model, or the first fitting picture of a post. */
const FEED_PICTURE_JOIN = COVER_JOIN.replace(
  'coalesce(',
  `coalesce(
  (select c.id from image c where c.post_id = p.id and (c.level & ?) <> 0 order by c.position limit 1),`,
);

/** What the feed shows of the rows `kind, id, listed_at` of `page`. Takes the mask three times. */
const feedOfPage = (columns = '', joins = ''): string => `select page.kind, page.id, page.listed_at,
    m.name, m.type, m.base_model, m.download_count,
    coalesce(m.thumbs_up_count, p.like_count) as thumbs_up_count,
    coalesce(m.image_count, p.image_count) as image_count, p.title, ${OWNER_COLUMNS}, ${PICTURE_COLUMNS}${columns}
  from page
    left join model m on page.kind = 'model' and m.id = page.id
    left join post p on page.kind = 'post' and p.id = page.id
    join account a on a.id = coalesce(m.owner_id, p.owner_id)
    ${joins}
    ${FEED_PICTURE_JOIN}`;
const FEED_OF_PAGE = feedOfPage();

/** The same for rows that may be single pictures, without the order of a feed. Takes the mask three times. */
export const COLLECTED_OF_PAGE = feedOfPage(', page.position, page.item_id')
  .replace(
    "left join post p on page.kind = 'post' and p.id = page.id",
    `left join image ci on page.kind = 'image' and ci.id = page.id
    left join post p on p.id = case page.kind when 'post' then page.id when 'image' then ci.post_id end`,
  )
  .replace('i.id = coalesce(', 'i.id = coalesce(ci.id, ')
  .replace('coalesce(m.thumbs_up_count,', 'coalesce(m.thumbs_up_count, ci.like_count,');

/** A post without a picture for these eyes is left out. */
export const feedItems = (found: readonly FeedRow[], eyes: Eyes): FeedItem[] =>
  found.filter((row) => row.kind === 'model' || row.image_id).map((row) => feedItem(row, eyes));

function feedItem(row: FeedRow, eyes: Eyes): FeedItem {
  const isModel = row.kind === 'model';
  const isImage = row.kind === 'image';
  const owner = ownerView(row);
  const src = `/media/320/${row.image_id}.webp`;
  const large = row.width > 640 ? `, /media/1280/${row.image_id}.webp 1280w` : '';
  const url = isModel ? modelUrl(row.id, row.name) : `/${row.kind}s/${row.id}`;
  const figure = isModel ? row.download_count : row.thumbs_up_count;
  return {
    isModel,
    url,
    title: isModel ? row.name : row.title,
    type: row.type,
    baseModel: row.base_model,
    picture: row.image_id ? pictureView(row, eyes, url) : null,
    ratio: ratioStep(row.width, row.height),
    src,
    srcset: `${src} 320w, /media/640/${row.image_id}.webp 640w${large}`,
    imageCount: isImage ? 1 : row.image_count,
    ownerUrl: owner.url,
    ownerName: owner.displayName || owner.name,
    host: owner.host,
    figure: figure > 0 ? count(figure) : '',
    ...teller(row),
    listedAt: toDate(row.listed_at).toISOString(),
  };
}

function teller(row: FeedRow): Pick<FeedItem, 'sharerName' | 'sharerUrl' | 'isCollected'> {
  if (row.told_by_id) {
    return { sharerName: row.told_by_name ?? '', sharerUrl: `/collections/${row.told_by_id}`, isCollected: true };
  }
  return {
    sharerName: row.sharer_display_name || row.sharer_name || '',
    sharerUrl: row.sharer_name ? `/@${row.sharer_name}${row.sharer_host ? `@${row.sharer_host}` : ''}` : '',
    isCollected: false,
  };
}
