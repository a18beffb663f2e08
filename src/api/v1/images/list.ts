import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { seesModel } from '../../../catalogue/access.ts';
import { readCursor, writeCursor } from '../../../discovery/cards.ts';
import { accessParameters, IMAGE_ACCESS, type ImageAccessRow, imageVerdict } from '../../../gallery/access.ts';
import { hiddenCondition } from '../../../gallery/hidden.ts';
import { OWNER_COLUMNS, type OwnerRow } from '../../../gallery/views.ts';
import { inList, type Parameter, rows, toDate, toNumber } from '../../../kit/database/sql.ts';
import { ALL_LEVELS, RATING } from '../../../safety/ratings.ts';
import type { Ask } from '../../operation/define.ts';
import { countUpTo, isFew } from '../count.ts';
import { period, sinceOf } from '../models/list.ts';
import { imageUrlOf } from '../models/parts.ts';
import { usernameOf } from '../models/views.ts';
import { type Metadata, malformedCursor, narrowing, type Place, pageMetadata, placeOf } from '../paging.ts';
import { findAccountId } from '../people.ts';
import { flag, id, ids, list, scope, text, whole } from '../query.ts';
import type { ImageItem } from '../shapes.ts';
import { loadMetas } from './meta.ts';

const SORTS = {
  'Most Reactions': { column: 'like_count', order: 'desc' },
  'Most Comments': { column: 'comment_count', order: 'desc' },
  'Most Collected': { column: 'collect_count', order: 'desc' },
  Newest: { column: 'listed_at', order: 'desc' },
  Oldest: { column: 'listed_at', order: 'asc' },
} as const;
const RANDOM = 'Random';
type Sort = keyof typeof SORTS | typeof RANDOM;
const IMAGE_SORTS = [RANDOM, ...Object.keys(SORTS)] as [Sort, ...Sort[]];

/** What each word of `nsfw` lets in (spec/civitai-api.md 2.3): the words add up, true alone is mature things only. */
const NSFW = {
  None: RATING.pg,
  Soft: RATING.pg | RATING.pg13,
  Mature: RATING.pg | RATING.pg13 | RATING.r,
  X: ALL_LEVELS,
  true: RATING.r | RATING.x | RATING.xxx,
  false: RATING.pg,
} as const;
const NSFW_WORDS = Object.keys(NSFW) as [keyof typeof NSFW, ...(keyof typeof NSFW)[]];
const MOST_IMAGES = 200;

export const ImagesQuery = z.object({
  limit: whole(0, MOST_IMAGES),
  page: whole(1, 1_000_000),
  cursor: text(60),
  postId: id,
  modelId: id,
  modelVersionId: id,
  imageId: id,
  username: text(320),
  userId: id,
  period,
  sort: z.enum(IMAGE_SORTS).default('Most Reactions'),
  nsfw: z.enum(NSFW_WORDS).default('None'),
  /** Ratings as bits; it wins over `nsfw`. */
  browsingLevel: whole(0, 63),
  tags: ids(),
  type: z.enum(['image', 'video', 'audio']).optional(),
  baseModels: list(z.string().max(60)),
  withMeta: flag(),
  requiringMeta: flag(),
  flatMeta: flag(),
  withTags: flag(),
  scope,
});
export type ImagesQuery = z.output<typeof ImagesQuery>;

interface Row extends OwnerRow, ImageAccessRow {
  id: number;
  blur_hash: string;
  width: number;
  height: number;
  created_at: unknown;
  post_id: number;
  like_count: number;
  comment_count: number;
  uri: string | null;
  is_local: unknown;
}

/** The page of ids by one indexed query, then what its pictures show. */
export async function listImages(ask: Ask, query: ImagesQuery): Promise<{ items: ImageItem[]; metadata: Metadata }> {
  const place = placeOf({ ...query, limit: query.limit ?? 100 });
  const asked = (query.browsingLevel ?? NSFW[query.nsfw]) & ALL_LEVELS;
  const filter = await filterOf(ask, query, asked & ask.eyes.levels);
  const { ids: found, nextCursor } =
    query.sort === RANDOM
      ? { ids: await drawIds(ask, filter, place.limit), nextCursor: null }
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

interface Filter {
  readonly where: readonly string[];
  readonly values: readonly Parameter[];
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

/** From how many neighbours of a random place the pictures are drawn. */
const DRAWN_FROM = 1_000;

/** Some pictures by chance: a walk along the ids from a random place, and a draw among those. There is no next page. */
async function drawIds({ em }: Ask, filter: Filter, limit: number): Promise<number[]> {
  const [last] = await rows<{ id: unknown }>(em, 'select max(id) as id from image');
  const from = randomInt(1, toNumber(last?.id) + 2);
  const walk = (condition: string, most: number) =>
    rows<{ id: number }>(
      em,
      `select i.id from image i where i.id ${condition} ? and ${filter.where.join(' and ')} order by i.id limit ?`,
      [from, ...filter.values, most],
    );
  const found = await walk('>=', DRAWN_FROM);
  if (found.length < DRAWN_FROM) found.push(...(await walk('<', DRAWN_FROM - found.length)));
  for (let at = found.length - 1; at > 0; at -= 1) {
    const other = randomInt(at + 1);
    [found[at], found[other]] = [found[other] as { id: number }, found[at] as { id: number }];
  }
  return found.slice(0, limit).map(({ id: imageId }) => imageId);
}

async function filterOf(ask: Ask, query: ImagesQuery, levels: number): Promise<Filter> {
  const where = ['i.listed_at is not null', '(i.level & ?) <> 0'];
  const values: Parameter[] = [levels];
  const add = (condition: string, ...given: Parameter[]) => {
    where.push(condition);
    values.push(...given);
  };
  const since = sinceOf(ask.now(), query.period);
  if (query.scope === 'local') add('i.is_local = ?', true);
  if (since) add('i.listed_at >= ?', since);
  if (query.imageId) add('i.id = ?', query.imageId);
  if (query.postId) add('i.post_id = ?', query.postId);
  if (query.modelVersionId || query.modelId) await addMadeWith(ask, query, add);
  if (query.username) add('i.owner_id = ?', await findAccountId(ask, query.username));
  if (query.userId) add('i.owner_id = ?', query.userId);
  if (query.tags && query.tags.length > 0) {
    const bearers = `from post_tag g where g.tag_id in (${inList(query.tags)})`;
    if (await isFew(ask, bearers, query.tags)) add(`i.post_id in (select g.post_id ${bearers})`, ...query.tags);
    else add(`exists (select 1 ${bearers} and g.post_id = i.post_id)`, ...query.tags);
  }
  if (query.baseModels && query.baseModels.length > 0) {
    const uses = `from resource_use r join model_version v on v.id = r.version_id where v.base_model in (${inList(query.baseModels)})`;
    if (await isFew(ask, uses, query.baseModels)) add(`i.id in (select r.image_id ${uses})`, ...query.baseModels);
    else add(`exists (select 1 ${uses} and r.image_id = i.id)`, ...query.baseModels);
  }
  // there are only pictures here
  if (query.type !== undefined && query.type !== 'image') add('1 = 0');
  if (query.requiringMeta) add('i.has_recipe = ? and i.is_recipe_hidden = ?', true, false);
  const isNamed = query.username || query.userId || query.imageId || query.postId;
  const hidden = isNamed ? null : hiddenCondition('image', 'i', ask.eyes);
  if (hidden) add(hidden.sql, ...hidden.values);
  return { where, values };
}

/** That pictures were made with something is not told to whom it is not for. */
async function addMadeWith(
  { em, viewer }: Ask,
  query: ImagesQuery,
  add: (condition: string, ...given: Parameter[]) => void,
): Promise<void> {
  const versionId = query.modelVersionId;
  const [version] = versionId
    ? await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [versionId])
    : [];
  const modelId = versionId ? (version?.model_id ?? 0) : (query.modelId ?? 0);
  if (!(await seesModel(em, viewer, modelId))) add('1 = 0');
  else if (versionId) add('i.id in (select r.image_id from resource_use r where r.version_id = ?)', versionId);
  else add('i.id in (select r.image_id from resource_use r where r.model_id = ?)', modelId);
}

/** Each is judged by `decide()` once more. */
async function loadItems(ask: Ask, imageIds: readonly number[], query: ImagesQuery): Promise<ImageItem[]> {
  if (imageIds.length === 0) return [];
  const { em, viewer } = ask;
  const found = await rows<Row>(
    em,
    `select i.id, i.blur_hash, i.width, i.height, i.created_at, i.post_id, i.like_count, i.comment_count, i.uri, i.is_local,
       ${OWNER_COLUMNS}, ${IMAGE_ACCESS}
     from image i join post p on p.id = i.post_id join account a on a.id = i.owner_id where i.id in (${inList(imageIds)})`,
    [...accessParameters(viewer), ...imageIds],
  );
  const shown = new Map(found.filter((row) => imageVerdict(row, viewer).allowed).map((row) => [row.id, row]));
  const shownIds = [...shown.keys()];
  const [made, metas, tags] = await Promise.all([
    loadMadeWith(ask, shownIds),
    query.withMeta ? loadMetas(ask, shownIds) : null,
    query.withTags ? loadTags(ask, shownIds) : null,
  ]);
  // Civitai nests what was asked for one image, or for one model and no version of it
  const isNested = !query.flatMeta && (query.imageId !== undefined || (query.modelId && !query.modelVersionId));
  return imageIds.flatMap((imageId) => {
    const row = shown.get(imageId);
    if (!row) return [];
    const meta = metas?.get(imageId) ?? null;
    const uses = made.get(imageId) ?? [];
    return itemOf(ask, row, {
      baseModel: (uses.find(({ kind }) => kind === 'checkpoint') ?? uses[0])?.base_model ?? null,
      modelVersionIds: [...new Set(uses.map(({ version_id }) => version_id))],
      meta: meta && isNested ? { id: imageId, meta } : meta,
      ...(tags ? { tags: tags.get(imageId) ?? [] } : {}),
    });
  });
}

const NSFW_LEVELS: Readonly<Record<number, ImageItem['nsfwLevel']>> = {
  1: 'None',
  2: 'Soft',
  4: 'Mature',
  8: 'X',
  16: 'X',
};

function itemOf(
  { origin }: Ask,
  row: Row,
  more: Pick<ImageItem, 'baseModel' | 'modelVersionIds' | 'meta' | 'tags'>,
): ImageItem {
  const nsfwLevel = NSFW_LEVELS[row.access_level] ?? 'None';
  return {
    id: row.id,
    url: imageUrlOf(origin, row.id),
    hash: row.blur_hash,
    width: row.width,
    height: row.height,
    type: 'image',
    nsfw: nsfwLevel !== 'None',
    nsfwLevel,
    browsingLevel: row.access_level,
    createdAt: toDate(row.created_at).toISOString(),
    postId: row.post_id,
    username: usernameOf(row),
    stats: {
      cryCount: 0,
      laughCount: 0,
      likeCount: row.like_count,
      dislikeCount: 0,
      heartCount: 0,
      commentCount: row.comment_count,
    },
    ...more,
    ...(row.uri === null || row.is_local === true || row.is_local === 1 ? {} : { home: row.uri }),
  };
}

interface MadeWith {
  readonly image_id: number;
  readonly version_id: number;
  readonly kind: string;
  readonly base_model: string;
}

/** Versions in everybody's lists that pictures were made with. */
async function loadMadeWith({ em }: Ask, imageIds: readonly number[]): Promise<Map<number, MadeWith[]>> {
  const found = await rows<MadeWith>(
    em,
    `select r.image_id, r.version_id, r.kind, v.base_model from resource_use r join model_version v on v.id = r.version_id
       join model m on m.id = v.model_id
     where r.image_id in (${inList(imageIds)}) and v.state = 'published' and m.listed_at is not null
     order by r.image_id, r.position, r.id`,
    imageIds,
  );
  return byImage(found);
}

async function loadTags({ em }: Ask, imageIds: readonly number[]) {
  const found = await rows<{ image_id: number; id: number; name: string }>(
    em,
    `select i.id as image_id, t.id, t.name from image i join post_tag g on g.post_id = i.post_id join tag t on t.id = g.tag_id
     where i.id in (${inList(imageIds)}) order by i.id, t.name`,
    imageIds,
  );
  const tags = new Map<number, { id: number; name: string }[]>();
  for (const [imageId, list] of byImage(found))
    tags.set(
      imageId,
      list.map(({ id: tagId, name }) => ({ id: tagId, name })),
    );
  return tags;
}

function byImage<Item extends { readonly image_id: number }>(found: readonly Item[]): Map<number, Item[]> {
  const map = new Map<number, Item[]>();
  for (const row of found) {
    const list = map.get(row.image_id);
    if (list) list.push(row);
    else map.set(row.image_id, [row]);
  }
  return map;
}
