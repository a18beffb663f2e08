import { accessParameters, IMAGE_ACCESS, type ImageAccessRow, imageVerdict } from '../../../gallery/access.ts';
import { OWNER_COLUMNS, type OwnerRow } from '../../../gallery/views.ts';
import { inList, rows, toDate } from '../../../kit/database/sql.ts';
import type { Ask } from '../../operation/define.ts';
import { imageUrlOf } from '../models/parts.ts';
import { usernameOf } from '../models/views.ts';
import type { ImageItem } from '../shapes.ts';
import { loadMetas } from './meta.ts';

import type { ImagesQuery } from './query.ts';

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

/** Each is judged by `decide()` once more. */
export async function loadItems(ask: Ask, imageIds: readonly number[], query: ImagesQuery): Promise<ImageItem[]> {
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
