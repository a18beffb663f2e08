import { z } from 'zod';
import { assertSeesModel } from '../../catalogue/access.ts';
import { type Eyes, eyesOf } from '../../gallery/views.ts';
import { rows } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { Page, TileView } from '../cards.ts';
import { IMAGE_SORTS, type ImageSort, listTiles } from '../images.ts';
import { addressOf, feedOfList, moreUrlOf } from './address.ts';
import { listBest } from './best.ts';
import { type ListedOptions, listFields, narrowed, tick } from './fields.ts';
import {
  type ActiveFilter,
  baseModelGroup,
  besideWords,
  box,
  commonFilters,
  dropsOf,
  keptOf,
  type ListPage,
  type ListPath,
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

/** The same under a search, where the best come first. */
export const SearchImagesQuery = ImagesQuery.extend({
  kind: z.literal('images').default('images'),
  sort: z.enum(['best', ...IMAGE_SORTS]).catch('best'),
});
type Asked = Omit<ImagesQuery, 'sort'> & { readonly sort: ImageSort | 'best'; readonly kind?: 'images' };

type Parts = Pick<Work, 'em' | 'viewer' | 'now'>;

async function filterOf(work: Parts, query: Omit<ImagesQuery, 'sort'>): Promise<ImageFilter> {
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
  query: Asked,
  { limit = 40, after, until }: ListedOptions = {},
): Promise<Page<TileView>> {
  const { em, viewer } = work;
  const modelId = query.version ? await modelOfVersion(em, query.version) : query.model;
  if (modelId !== undefined) await assertSeesModel(em, viewer, modelId);
  const filter = await filterOf(work, query);
  const begin = after && (!filter.since || after > filter.since) ? after : filter.since;
  const whole = { ...filter, since: begin, until };
  const seen = narrowed(eyes, query.rating);
  const { sort, cursor } = query;
  if (sort === 'best' && filter.ids) {
    return listBest(filter.ids, cursor, limit, async (ids) => {
      return (await listTiles(em, seen, { ...whole, ids }, { limit: ids.length })).items;
    });
  }
  const order = after || sort === 'best' ? { sort: 'newest' as const } : { sort, cursor };
  return listTiles(em, seen, whole, { ...order, limit });
}

async function modelOfVersion(em: Work['em'], versionId: number): Promise<number> {
  const [found] = await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [versionId]);
  return found?.model_id ?? 0;
}

export function imageFilters<Query extends Asked>(query: Query): ActiveFilter<Query>[] {
  const filters = commonFilters(query);
  const add = (label: string, without: Partial<Asked>) => filters.push({ label, without: { ...query, ...without } });
  if (query.version) add(t('chip.made-with-version', { id: query.version }), { version: undefined });
  else if (query.model) add(t('chip.made-with', { id: query.model }), { model: undefined });
  if (query.recipe) add(t('filter.recipe'), { recipe: false });
  return filters;
}

export async function loadImagesPage(
  work: Parts,
  query: Asked,
  path: ListPath = '/images',
): Promise<ListPage<TileView>> {
  const { em, viewer } = work;
  const eyes = await eyesOf(em, viewer);
  const { items, nextCursor } = await listImagesOf(work, eyes, query);
  const isSearch = path === '/search';
  const filters = isSearch ? besideWords(query, imageFilters) : imageFilters(query);
  const isBare = imageFilters(query).length === 0;
  const hasAny = async (other: Asked) =>
    (await listImagesOf(work, eyes, { ...other, cursor: undefined, sort: 'newest' }, { limit: 1 })).items.length > 0;
  const kept = Object.entries({ version: query.version, model: query.model }).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: String(value) }],
  );
  return {
    title: t('images.title'),
    action: path,
    query: isSearch ? null : { name: 'q', label: t('filter.prompt'), value: query.q },
    groups: [
      await baseModelGroup(em, query.base),
      periodGroup(query.period),
      sortGroup(query.sort, [
        ...(isSearch ? ['best'] : []),
        'newest',
        'oldest',
        'trending',
        'likes',
        'comments',
        'collected',
        'random',
      ]),
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
    moreCount:
      filters.length - [!isSearch && query.q, query.base, query.period !== 'all'].filter(Boolean).length - kept.length,
    kept: isSearch ? [...kept, ...keptOf(query)] : kept,
    chips: linksOf(path, filters),
    clearUrl: addressOf(path, { sort: query.sort, ...(isSearch ? { kind: 'images', q: query.q } : {}) }),
    saveUrl: viewer && !isBare ? addressOf('/searches/new', { ...query, kind: 'images', cursor: undefined }) : '',
    drops: items.length === 0 && !query.cursor ? await dropsOf(path, filters, hasAny) : [],
    items,
    moreUrl: moreUrlOf(path, query, nextCursor),
    page: { title: t('images.title'), canonical: '/images', feeds: feedOfList('images', query) },
  };
}
