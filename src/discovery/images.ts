import type { EntityManager } from '@mikro-orm/core';
import { accessParameters, POST_AUDIENCE } from '../gallery/access.ts';
import { hiddenCondition } from '../gallery/hidden.ts';
import {
  type Eyes,
  OWNER_COLUMNS,
  type OwnerRow,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  pictureView,
} from '../gallery/views.ts';
import { type Parameter, rows } from '../kit/database/sql.ts';
import type { Viewer } from '../kit/work.ts';
import { notDelistedSql } from '../safety/standing.ts';
import { type Page, readCursor, type TileView, writeCursor } from './cards.ts';

export type ImageSort = 'newest' | 'likes';
const SORT_COLUMNS = { newest: 'listed_at', likes: 'like_count' } as const satisfies Record<ImageSort, keyof TileRow>;

export interface ImageFilter {
  readonly ownerId?: number | undefined;
  /** Made with any version of this model. */
  readonly modelId?: number | undefined;
  readonly versionId?: number | undefined;
  readonly tagId?: number | undefined;
  readonly since?: Date | undefined;
  readonly onlyLocal?: boolean | undefined;
  readonly followedBy?: number | undefined;
  readonly baseModel?: string | undefined;
  readonly ids?: readonly number[] | undefined;
  /** Beside what is public, what is for this viewer and not sent to named people alone; without it, what is public. */
  readonly shownTo?: Viewer | null | undefined;
}

interface TileRow extends OwnerRow, PictureRow {
  like_count: number;
  listed_at: unknown;
  shown_at: unknown;
}

/** Public pictures by one indexed query. */
export async function listTiles(
  em: EntityManager,
  eyes: Eyes,
  filter: ImageFilter,
  { sort = 'newest', cursor, limit = 40 }: { sort?: ImageSort; cursor?: string | undefined; limit?: number } = {},
): Promise<Page<TileView>> {
  const isOfAll = filter.shownTo === undefined;
  const column = sort === 'newest' && !isOfAll ? 'shown_at' : SORT_COLUMNS[sort];
  const where = [isOfAll ? 'i.listed_at is not null' : 'i.shown_at is not null', '(i.level & ?) <> 0'];
  const values: Parameter[] = [eyes.levels];
  const add = (condition: string, ...given: Parameter[]) => {
    where.push(condition);
    values.push(...given);
  };
  if (filter.shownTo !== undefined) {
    add(
      `(i.listed_at is not null or exists (select 1 from post p where p.id = i.post_id and p.visibility <> 'direct'
        and ${POST_AUDIENCE} and ${notDelistedSql('image', 'i.id', 'i.owner_id')}
        and ${notDelistedSql('post', 'p.id', 'p.owner_id')}))`,
      ...accessParameters(filter.shownTo),
    );
  }
  // "made with" starts from the index of resource_use, which has few rows for one model, not from the newest pictures
  if (filter.versionId) {
    add('i.id in (select r.image_id from resource_use r where r.version_id = ?)', filter.versionId);
  } else if (filter.modelId)
    add('i.id in (select r.image_id from resource_use r where r.model_id = ?)', filter.modelId);
  if (filter.ownerId) add('i.owner_id = ?', filter.ownerId);
  if (filter.onlyLocal) add('i.is_local = ?', true);
  if (filter.since) add('i.listed_at >= ?', filter.since);
  if (filter.tagId) add('exists (select 1 from post_tag t where t.tag_id = ? and t.post_id = i.post_id)', filter.tagId);
  if (filter.ids) add(`i.id in (${filter.ids.map(() => '?').join(', ') || 'null'})`, ...filter.ids);
  if (filter.baseModel) {
    add(
      `exists (select 1 from resource_use r join model_version v on v.id = r.version_id
        where r.image_id = i.id and v.base_model = ?)`,
      filter.baseModel,
    );
  }
  if (filter.followedBy) {
    add(
      `i.owner_id in (select f.target_id from follow f where f.follower_id = ? and f.state = 'accepted')`,
      filter.followedBy,
    );
  }
  // whoever opens somebody's page wants to see what is there
  const hidden = filter.ownerId ? null : hiddenCondition('image', 'i', eyes);
  if (hidden) add(hidden.sql, ...hidden.values);
  const place = readCursor(cursor);
  if (place) {
    add(`(i.${column}, i.id) < (?, ?)`, sort === 'newest' ? new Date(place.value) : place.value, place.id);
  }
  const found = await rows<TileRow>(
    em,
    `with page as (select i.id, i.${column} from image i where ${where.join(' and ')}
       order by i.${column} desc, i.id desc limit ?)
     select ${PICTURE_COLUMNS}, i.like_count, i.listed_at, i.shown_at, ${OWNER_COLUMNS}
     from page join image i on i.id = page.id join account a on a.id = i.owner_id
     order by page.${column} desc, page.id desc`,
    [...values, limit + 1],
  );
  const shown = found.slice(0, limit);
  const last = found.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => tileView(row, eyes)),
    nextCursor: last ? writeCursor(sort, last[column], last.image_id) : null,
  };
}

function tileView(row: TileRow, eyes: Eyes): TileView {
  return { ...pictureView(row, eyes), caption: '', owner: ownerView(row), likeCount: row.like_count, imageCount: 1 };
}
