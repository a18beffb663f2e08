import { z } from 'zod';
import { assertSeesModel } from '../catalogue/access.ts';
import { BaseModel, Tag } from '../catalogue/model.ts';
import { MODEL_TYPES } from '../catalogue/types.ts';
import { loadTopicFollow, type TopicFollowView } from '../gallery/topics/follow.ts';
import { isTagKnown } from '../gallery/topics/topic.ts';
import { type Eyes, eyesOf } from '../gallery/views.ts';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { RATINGS, ratingLabel } from '../safety/ratings.ts';
import { listModelCards, type ModelCardView, type TileView } from './cards.ts';
import { FEED_SCOPES, type FeedItem, type FeedScope, listFeed } from './feed.ts';
import { listTiles } from './images.ts';

export interface TabView {
  readonly label: string;
  readonly href: string;
  readonly current: boolean;
}

interface FilterGroup {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

export interface ListPage<Item> {
  readonly title: string;
  readonly action: string;
  readonly groups: readonly FilterGroup[];
  readonly items: readonly Item[];
  readonly moreUrl: string;
  readonly page: PageHead;
}

const cursor = z.string().max(40).optional().catch(undefined);
const PERIODS = { all: 0, day: 1, week: 7, month: 30, year: 365 } as const;
const period = z.enum(['all', 'day', 'week', 'month', 'year']).catch('all');
const scope = z.enum(['known', 'here']).catch('known');
const rating = z.coerce.number().int().catch(0);
const tag = z.string().trim().toLowerCase().max(60).catch('');

/** Filters of `/models`; a value that does not fit counts as not given, so that no shared link breaks. */
export const ModelsQuery = z.object({
  type: z.enum(MODEL_TYPES).optional().catch(undefined),
  base: z.string().max(60).catch(''),
  tag,
  rating,
  period,
  scope,
  sort: z.enum(['newest', 'downloads', 'likes']).catch('newest'),
  cursor,
});

const id = z.coerce.number().int().positive().max(2_147_483_647).optional().catch(undefined);

export const ImagesQuery = z.object({
  /** Made with this version, or with any version of this model. */
  version: id,
  model: id,
  base: z.string().max(60).catch(''),
  tag,
  rating,
  period,
  scope,
  sort: z.enum(['newest', 'likes']).catch('newest'),
  cursor,
});

export const FeedQuery = z.object({ scope: z.enum(FEED_SCOPES).optional().catch(undefined), cursor });

/** One chosen rating narrows what the viewer browses; it never widens it. */
const narrowed = (eyes: Eyes, chosen: number): Eyes =>
  (eyes.levels & chosen) !== 0 ? { ...eyes, levels: eyes.levels & chosen } : eyes;

const since = (now: Date, name: keyof typeof PERIODS): Date | undefined =>
  PERIODS[name] === 0 ? undefined : new Date(now.getTime() - PERIODS[name] * 86_400_000);

export function addressOf(path: string, query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).filter(
    ([, value]) => value !== undefined && value !== '' && value !== 0 && value !== null,
  );
  const text = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The Atom feeds of what a page lists; api, above, serves them. */
export const feedsOf = (folder: string, kinds: readonly (typeof FEEDS)[number][]): NonNullable<PageHead['feeds']> =>
  kinds.map((kind) => ({ title: t(`${kind}.title`), href: `${folder}/${kind}.atom` }));
export const FEEDS = ['models', 'images'] as const;

const moreUrlOf = (path: string, query: Readonly<Record<string, unknown>>, nextCursor: string | null): string =>
  nextCursor === null ? '' : addressOf(path, { ...query, cursor: nextCursor });

async function tagIdOf(em: Work['em'], name: string): Promise<number | undefined> {
  if (name === '') return undefined;
  // a tag that nobody uses matches nothing
  return (await em.findOne(Tag, { name }))?.id ?? -1;
}

const group = (name: string, value: string | number, options: readonly [string | number, string][]): FilterGroup => ({
  name,
  label: t(`filter.${name}`),
  value: String(value),
  options: options.map(([option, label]) => ({ value: String(option), label })),
});

const periodGroup = (value: string) =>
  group(
    'period',
    value,
    Object.keys(PERIODS).map((name) => [name, t(`period.${name}`)]),
  );
const scopeGroup = (value: string) =>
  group('scope', value, [
    ['known', t('scope.known')],
    ['here', t('scope.here')],
  ]);
const sortGroup = (value: string, names: readonly string[]) =>
  group(
    'sort',
    value,
    names.map((name) => [name, t(`sort.${name}`)]),
  );

/** Only for those who browse more than one rating. */
function ratingGroups(eyes: Eyes, value: number): FilterGroup[] {
  const levels = RATINGS.filter((level) => (eyes.levels & level) !== 0);
  if (levels.length < 2) return [];
  return [
    group('rating', value, [
      [0, t('filter.all')],
      ...levels.map((level): [number, string] => [level, ratingLabel(level)]),
    ]),
  ];
}

async function baseModelGroup(em: Work['em'], value: string): Promise<FilterGroup> {
  const bases = await em.find(BaseModel, { isHidden: false }, { orderBy: { position: 1, name: 1 } });
  return {
    name: 'base',
    label: t('filter.base-model'),
    value,
    options: [{ value: '', label: t('filter.all') }, ...bases.map(({ name }) => ({ value: name, label: name }))],
  };
}

export async function loadModelsPage(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  query: z.output<typeof ModelsQuery>,
): Promise<ListPage<ModelCardView>> {
  const { em, now } = work;
  const eyes = await eyesOf(work.em, work.viewer);
  const { items, nextCursor } = await listModelCards(
    em,
    narrowed(eyes, query.rating),
    {
      type: query.type,
      baseModel: query.base || undefined,
      tagId: await tagIdOf(em, query.tag),
      since: since(now(), query.period),
      onlyLocal: query.scope === 'here',
    },
    { sort: query.sort, cursor: query.cursor },
  );
  return {
    title: t('models.title'),
    action: '/models',
    groups: [
      group('type', query.type ?? '', [
        ['', t('filter.all')],
        ...MODEL_TYPES.map((type): [string, string] => [type, type]),
      ]),
      await baseModelGroup(em, query.base),
      ...ratingGroups(eyes, query.rating),
      periodGroup(query.period),
      scopeGroup(query.scope),
      sortGroup(query.sort, ['newest', 'downloads', 'likes']),
    ],
    items,
    moreUrl: moreUrlOf('/models', query, nextCursor),
    page: { title: t('models.title'), canonical: '/models', feeds: feedsOf('/feeds', ['models']) },
  };
}

export async function loadImagesPage(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  query: z.output<typeof ImagesQuery>,
): Promise<ListPage<TileView>> {
  const { em, viewer, now } = work;
  const eyes = await eyesOf(em, viewer);
  const modelId = query.version ? await modelOfVersion(em, query.version) : query.model;
  // that pictures were made with something is not told to whom it is not for
  if (modelId !== undefined) await assertSeesModel(em, viewer, modelId);
  const { items, nextCursor } = await listTiles(
    em,
    narrowed(eyes, query.rating),
    {
      versionId: query.version,
      modelId: query.model,
      baseModel: query.base || undefined,
      tagId: await tagIdOf(em, query.tag),
      since: since(now(), query.period),
      onlyLocal: query.scope === 'here',
    },
    { sort: query.sort, cursor: query.cursor },
  );
  return {
    title: t('images.title'),
    action: '/images',
    groups: [
      await baseModelGroup(em, query.base),
      ...ratingGroups(eyes, query.rating),
      periodGroup(query.period),
      scopeGroup(query.scope),
      sortGroup(query.sort, ['newest', 'likes']),
    ],
    items,
    moreUrl: moreUrlOf('/images', query, nextCursor),
    page: { title: t('images.title'), canonical: '/images', feeds: feedsOf('/feeds', ['images']) },
  };
}

async function modelOfVersion(em: Work['em'], versionId: number): Promise<number> {
  const [found] = await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [versionId]);
  return found?.model_id ?? 0;
}

export interface HomePage {
  readonly scopes: readonly TabView[];
  readonly items: readonly FeedItem[];
  readonly moreUrl: string;
  /** A visitor's first page begins by saying what this is. */
  readonly welcome: boolean;
  readonly emptyTitle: string;
  readonly emptyText: string;
  readonly emptyLabel: string;
  readonly emptyHref: string;
}

export async function loadHomePage(
  work: Pick<Work, 'em' | 'viewer'>,
  query: z.output<typeof FeedQuery>,
): Promise<HomePage> {
  const { em, viewer } = work;
  const chosen: FeedScope = query.scope ?? (viewer ? 'following' : 'here');
  const isPersonal = (name: FeedScope) => name === 'following' || name === 'named';
  const current = isPersonal(chosen) && !viewer ? 'here' : chosen;
  const { items, nextCursor } = await listFeed(em, await eyesOf(work.em, work.viewer), {
    scope: current,
    viewerId: viewer?.id ?? null,
    cursor: query.cursor,
  });
  const empty = isPersonal(current) ? current : 'here';
  return {
    scopes: FEED_SCOPES.filter((name) => viewer || !isPersonal(name)).map((name) => ({
      label: t(`feed.${name}`),
      href: `/?scope=${name}`,
      current: name === current,
    })),
    items,
    moreUrl: moreUrlOf('/', { scope: current }, nextCursor),
    welcome: !viewer && !query.cursor,
    emptyTitle: t(`feed.empty-${empty}`),
    emptyText: t(`feed.empty-${empty}-text`),
    emptyLabel: viewer ? t(empty === 'here' ? 'nav.upload' : 'feed.find-people') : '',
    emptyHref: viewer ? (empty === 'here' ? '/upload' : '/search?kind=people') : '',
  };
}

export const TagQuery = z.object({ show: z.enum(['models', 'images']).catch('models'), cursor });

export interface TagPage {
  readonly name: string;
  readonly follow: TopicFollowView | null;
  readonly tabItems: readonly TabView[];
  readonly models: readonly ModelCardView[] | null;
  readonly images: readonly TileView[] | null;
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** Throws `not_found` for a tag that nothing public bears: what others call their private things is theirs. */
export async function loadTagPage(
  work: Pick<Work, 'em' | 'viewer'>,
  name: string,
  { show, cursor: place }: z.output<typeof TagQuery>,
): Promise<TagPage> {
  const found = await work.em.findOne(Tag, { name: name.toLowerCase() });
  if (!found || !(await isTagKnown(work.em, found.id))) throw new AppError('not_found', 'There is no such tag.');
  const eyes = await eyesOf(work.em, work.viewer);
  const path = `/tags/${encodeURIComponent(found.name)}`;
  const models = show === 'models' ? await listModelCards(work.em, eyes, { tagId: found.id }, { cursor: place }) : null;
  const images = show === 'images' ? await listTiles(work.em, eyes, { tagId: found.id }, { cursor: place }) : null;
  return {
    name: found.name,
    follow: await loadTopicFollow(work.em, work.viewer, 'tag', found.id),
    tabItems: (['models', 'images'] as const).map((kind) => ({
      label: t(`tag.${kind}`),
      href: `${path}?show=${kind}`,
      current: kind === show,
    })),
    models: models?.items ?? null,
    images: images?.items ?? null,
    moreUrl: moreUrlOf(path, { show }, models?.nextCursor ?? images?.nextCursor ?? null),
    page: {
      title: `#${found.name}`,
      canonical: path,
      feeds: feedsOf(`/feeds/tags/${encodeURIComponent(found.name)}`, FEEDS),
    },
  };
}
