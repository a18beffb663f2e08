import { z } from 'zod';
import { assertSeesModel } from '../../catalogue/access.ts';
import { type Eyes, eyesOf } from '../../gallery/views.ts';
import { rows } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { Page, TileView } from '../cards.ts';
import { IMAGE_SORTS, type ImageSort, listTiles } from '../images.ts';
import { addressOf, feedsOf, moreUrlOf } from './address.ts';
import { type ListedOptions, listFields, narrowed, tick } from './fields.ts';
import {
  type ActiveFilter,
  baseModelGroup,
  box,
  commonFilters,
  dropsOf,
  type ListPage,
  linksOf,
  periodGroup,
  ratingGroups,
  scopeGroup,
  sortGroup,
} from './form.ts';
import type { ImageFilter } from './image-filter.ts';
import { sharedFilterOf } from './shared-filter.ts';

const id = z.coerce.number().int().positive().max(2_147_483_647).optional().catch(undefined);

/** Filters of `/images`; `q` is words of the prompt, the caption and the description. */
export const ImagesQuery = z.object({
  ...listFields,
  /** Made with this version, or with any version of this model. */
  version: id,
  model: id,
  recipe: tick,
  sort: z.enum(IMAGE_SORTS).catch('newest'),
});
export type ImagesQuery = z.output<typeof ImagesQuery>;

type Parts = Pick<Work, 'em' | 'viewer' | 'now'>;

async function filterOf(work: Parts, query: ImagesQuery): Promise<ImageFilter> {
  return {
    versionId: query.version,
    modelId: query.model,
    baseModel: query.base || undefined,
    ...(await sharedFilterOf(work, query, 'image')),
    hasRecipe: query.recipe,
  };
}

/**
 * The pictures of a query for these eyes: its page, and what saved searches look for. Throws what `assertSeesModel` does:
 * that pictures were made with something is not told to whom it is not for.
 */
export async function listImagesOf(
  work: Parts,
  eyes: Eyes,
  query: ImagesQuery,
  { limit = 40, after, until }: ListedOptions = {},
): Promise<Page<TileView>> {
  const { em, viewer } = work;
  const modelId = query.version ? await modelOfVersion(em, query.version) : query.model;
  if (modelId !== undefined) await assertSeesModel(em, viewer, modelId);
  const filter = await filterOf(work, query);
  const begin = after && (!filter.since || after > filter.since) ? after : filter.since;
  const order: { sort: ImageSort; cursor: string | undefined } = after
    ? { sort: 'newest', cursor: undefined }
    : { sort: query.sort, cursor: query.cursor };
  return listTiles(em, narrowed(eyes, query.rating), { ...filter, since: begin, until }, { ...order, limit });
}

async function modelOfVersion(em: Work['em'], versionId: number): Promise<number> {
  const [found] = await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [versionId]);
  return found?.model_id ?? 0;
}

export function imageFilters(query: ImagesQuery): ActiveFilter<ImagesQuery>[] {
  const filters = commonFilters(query);
  const add = (label: string, without: Partial<ImagesQuery>) =>
    filters.push({ label, without: { ...query, ...without } });
  if (query.version) add(t('chip.made-with-version', { id: query.version }), { version: undefined });
  else if (query.model) add(t('chip.made-with', { id: query.model }), { model: undefined });
  if (query.recipe) add(t('filter.recipe'), { recipe: false });
  return filters;
}

export async function loadImagesPage(work: Parts, query: ImagesQuery): Promise<ListPage<TileView>> {
  const { em, viewer } = work;
  const eyes = await eyesOf(em, viewer);
  const { items, nextCursor } = await listImagesOf(work, eyes, query);
  const filters = imageFilters(query);
  const hasAny = async (other: ImagesQuery) =>
    (await listImagesOf(work, eyes, { ...other, cursor: undefined, sort: 'newest' }, { limit: 1 })).items.length > 0;
  const kept = Object.entries({ version: query.version, model: query.model }).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: String(value) }],
  );
  return {
    title: t('images.title'),
    action: '/images',
    query: { name: 'q', label: t('filter.prompt'), value: query.q },
    groups: [
      await baseModelGroup(em, query.base),
      periodGroup(query.period),
      sortGroup(query.sort, ['newest', 'oldest', 'trending', 'likes', 'comments', 'collected', 'random']),
    ],
    moreGroups: [...ratingGroups(eyes, query.rating), scopeGroup(query.scope)],
    texts: [
      { name: 'tag', label: t('filter.tag'), value: query.tag.join(', '), hint: t('filter.tag-hint') },
      { name: 'not', label: t('filter.not'), value: query.not.join(', '), hint: t('filter.not-hint') },
    ],
    boxes: [
      box('recipe', t('filter.recipe'), query.recipe),
      ...(viewer ? [box('unseen', t('filter.unseen'), query.unseen)] : []),
    ],
    moreCount: filters.length - [query.q, query.base, query.period !== 'all'].filter(Boolean).length - kept.length,
    kept,
    chips: linksOf('/images', filters),
    clearUrl: addressOf('/images', { sort: query.sort }),
    saveUrl:
      viewer && filters.length > 0 ? addressOf('/searches/new', { ...query, kind: 'images', cursor: undefined }) : '',
    drops: items.length === 0 && !query.cursor ? await dropsOf('/images', filters, hasAny) : [],
    items,
    moreUrl: moreUrlOf('/images', query, nextCursor),
    page: { title: t('images.title'), canonical: '/images', feeds: feedsOf('/feeds', ['images']) },
  };
}
