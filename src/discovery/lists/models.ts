import { z } from 'zod';
import { FILE_FORMATS, MODEL_TYPES } from '../../catalogue/types.ts';
import { type Eyes, eyesOf } from '../../gallery/views.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { listModelCards, MODEL_SORTS, type ModelCardView, type ModelSort, type Page } from '../cards.ts';
import { addressOf, feedOfList, moreUrlOf } from './address.ts';
import { listBest } from './best.ts';
import { type EngineReach, NO_ENGINE } from './engine-reach.ts';
import { type ListedOptions, listFields, narrowed, severalOf, tick } from './fields.ts';
import {
  type ActiveFilter,
  anyOr,
  baseModelGroup,
  besideWords,
  box,
  commonFilters,
  dropsOf,
  group,
  keptOf,
  type ListPage,
  type ListPath,
  linksOf,
  periodGroup,
  ratingGroups,
  scopeGroup,
  sortGroup,
} from './form.ts';
import { type ModelFilter, PERMISSIONS } from './model-filter.ts';
import { sharedFilterOf } from './shared-filter.ts';

const GB = 1_000_000_000;
/** Bytes of a file, from and up to but without. */
const SIZES = {
  '100mb': [0, GB / 10],
  '1gb': [GB / 10, GB],
  '4gb': [GB, 4 * GB],
  '10gb': [4 * GB, 10 * GB],
  more: [10 * GB, Number.MAX_SAFE_INTEGER],
} as const;
const SIZE_NAMES = Object.keys(SIZES) as [keyof typeof SIZES, ...(keyof typeof SIZES)[]];

/** Filters of `/models`. */
export const ModelsQuery = z.object({
  ...listFields,
  type: z.enum(MODEL_TYPES).optional().catch(undefined),
  may: severalOf(PERMISSIONS),
  format: z.enum(FILE_FORMATS).optional().catch(undefined),
  size: z.enum(SIZE_NAMES).optional().catch(undefined),
  /** Works on this node's engine. */
  runs: tick,
  /** `rated` is Civitai's first order: with thumbs for stars it is that of the likes. */
  sort: z.preprocess((value) => (value === 'rated' ? 'likes' : value), z.enum(MODEL_SORTS)).catch('newest'),
});
export type ModelsQuery = z.output<typeof ModelsQuery>;

/** The same under a search, where the best come first. */
export const SearchModelsQuery = ModelsQuery.extend({
  kind: z.literal('models').default('models'),
  sort: z.enum(['best', ...MODEL_SORTS]).catch('best'),
});
type Asked = Omit<ModelsQuery, 'sort'> & { readonly sort: ModelSort | 'best'; readonly kind?: 'models' };

type Parts = Pick<Work, 'em' | 'viewer' | 'now'>;

async function filterOf(
  work: Parts,
  query: Omit<ModelsQuery, 'sort'>,
  reach: EngineReach | null,
): Promise<ModelFilter> {
  return {
    type: query.type,
    baseModel: query.base || undefined,
    ...(await sharedFilterOf(work, query, 'model')),
    permissions: query.may,
    ...(query.format || query.size
      ? {
          file: {
            ...(query.format ? { format: query.format } : {}),
            ...(query.size ? { bytes: SIZES[query.size] } : {}),
          },
        }
      : {}),
    ...(query.runs ? { runsOn: reach ?? NO_ENGINE } : {}),
  };
}

/** The models of a query for these eyes: its page, and what saved searches look for. */
export async function listModelsOf(
  work: Parts,
  eyes: Eyes,
  query: Asked,
  { reach = null, limit = 40, after, until }: ListedOptions & { readonly reach?: EngineReach | null } = {},
): Promise<Page<ModelCardView>> {
  const filter = await filterOf(work, query, reach);
  const begin = after && (!filter.since || after > filter.since) ? after : filter.since;
  const whole = { ...filter, since: begin, until };
  const seen = narrowed(eyes, query.rating);
  const { sort, cursor } = query;
  if (sort === 'best' && filter.ids) {
    return listBest(filter.ids, cursor, limit, async (ids) => {
      return (await listModelCards(work.em, seen, { ...whole, ids }, { limit: ids.length })).items;
    });
  }
  const order = after || sort === 'best' ? { sort: 'newest' as const } : { sort, cursor };
  return listModelCards(work.em, seen, whole, { ...order, limit });
}

export function modelFilters<Query extends Asked>(query: Query): ActiveFilter<Query>[] {
  const filters = commonFilters(query);
  const add = (label: string, without: Partial<Asked>) => filters.push({ label, without: { ...query, ...without } });
  if (query.type) add(query.type, { type: undefined });
  for (const name of query.may) add(t(`permission.${name}`), { may: query.may.filter((one) => one !== name) });
  if (query.format) add(query.format, { format: undefined });
  if (query.size) add(t(`size.${query.size}`), { size: undefined });
  if (query.runs) add(t('filter.runs'), { runs: false });
  return filters;
}

export async function loadModelsPage(
  work: Parts,
  query: Asked,
  reach: EngineReach | null = null,
  path: ListPath = '/models',
): Promise<ListPage<ModelCardView>> {
  const { em, viewer } = work;
  const eyes = await eyesOf(em, viewer);
  const { items, nextCursor } = await listModelsOf(work, eyes, query, { reach });
  const isSearch = path === '/search';
  const filters = isSearch ? besideWords(query, modelFilters) : modelFilters(query);
  const isBare = modelFilters(query).length === 0;
  const hasAny = async (other: Asked) =>
    (await listModelsOf(work, eyes, { ...other, cursor: undefined }, { reach, limit: 1 })).items.length > 0;
  return {
    title: t('models.title'),
    action: path,
    query: isSearch ? null : { name: 'q', label: t('filter.words'), value: query.q },
    groups: [
      group('type', query.type ?? '', anyOr(MODEL_TYPES.map((type) => [type, type]))),
      await baseModelGroup(em, query.base),
      periodGroup(query.period),
      sortGroup(query.sort, [
        ...(isSearch ? ['best'] : []),
        'newest',
        'oldest',
        'trending',
        'likes',
        'downloads',
        'discussed',
        'collected',
        'images',
      ]),
    ],
    moreGroups: [
      group('format', query.format ?? '', anyOr(FILE_FORMATS.map((name) => [name, name]))),
      group('size', query.size ?? '', anyOr(SIZE_NAMES.map((name) => [name, t(`size.${name}`)]))),
      ...ratingGroups(eyes, query.rating),
      scopeGroup(query.scope),
    ],
    texts: [
      { name: 'tag', label: t('filter.tag'), value: query.tag.join(', '), hint: t('filter.tag-hint') },
      { name: 'not', label: t('filter.not'), value: query.not.join(', '), hint: t('filter.not-hint') },
    ],
    boxes: [
      ...PERMISSIONS.map((name) => box('may', t(`permission.${name}`), query.may.includes(name), name)),
      ...(reach || query.runs ? [box('runs', t('filter.runs'), query.runs)] : []),
      ...(viewer ? [box('unseen', t('filter.unseen'), query.unseen)] : []),
    ],
    moreCount:
      filters.length - [!isSearch && query.q, query.type, query.base, query.period !== 'all'].filter(Boolean).length,
    kept: isSearch ? keptOf(query) : [],
    chips: linksOf(path, filters),
    clearUrl: addressOf(path, { sort: query.sort, ...(isSearch ? { kind: 'models', q: query.q } : {}) }),
    saveUrl: viewer && !isBare ? addressOf('/searches/new', { ...query, kind: 'models', cursor: undefined }) : '',
    drops: items.length === 0 && !query.cursor ? await dropsOf(path, filters, hasAny) : [],
    items,
    moreUrl: moreUrlOf(path, query, nextCursor),
    page: { title: t('models.title'), canonical: '/models', feeds: feedOfList('models', query) },
  };
}
