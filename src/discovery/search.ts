import { z } from 'zod';
import { readFileHash } from '../catalogue/files/by-hash.ts';
import { meantTags } from '../catalogue/tags.ts';
import { isShownPerson } from '../gallery/hidden.ts';
import { eyesOf, OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../gallery/views.ts';
import { rows } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { RESTRICTION } from '../safety/policy.ts';
import { SHUT } from '../safety/standing.ts';
import { listModelsByHash } from './by-hash.ts';
import { listModelCards, type ModelCardView, type TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { searchIndexOf } from './index/search-index.ts';
import { searchWords } from './index/terms.ts';
import { addressOf, type TabView } from './lists/address.ts';
import { inOrder } from './lists/best.ts';
import type { EngineReach } from './lists/engine-reach.ts';
import type { ListPage } from './lists/form.ts';
import { imageFilters, loadImagesPage, SearchImagesQuery } from './lists/images.ts';
import { loadModelsPage, modelFilters, SearchModelsQuery } from './lists/models.ts';

const KINDS = ['models', 'images', 'people'] as const;
type Kind = (typeof KINDS)[number];

export const SearchQuery = z.looseObject({
  /** As long as addresses are; of words the first two hundred characters count. */
  q: z.string().trim().max(2_048).catch(''),
  kind: z.enum(KINDS).optional().catch(undefined),
});

export interface SearchPage {
  readonly q: string;
  readonly tabItems: readonly TabView[];
  readonly models: readonly ModelCardView[];
  readonly images: readonly TileView[];
  readonly people: readonly OwnerView[];
  /** Of the tabs of models and of images: with filters. */
  readonly modelList: Listed<ModelCardView> | null;
  readonly imageList: Listed<TileView> | null;
  readonly isEmpty: boolean;
  /** The words are a hash: the section of who has the file, from the room above, is put below. */
  readonly hash: string | null;
  /** What came of an address of elsewhere that cannot be shown. */
  readonly elsewhere: NothingElsewhere | null;
  /** Where the words are an address that is known here, for the quick search: its page. */
  readonly address: { readonly label: string; readonly url: string } | null;
  readonly page: PageHead;
}

interface Listed<Item> extends Omit<ListPage<Item>, 'page'> {
  /** What the box of words keeps of the filters. */
  readonly held: readonly { readonly name: string; readonly value: string }[];
}

/** Why the address of something elsewhere leads to nothing here; `unasked` where the quick search asked nobody. */
interface NothingElsewhere {
  readonly why: 'not-found' | 'unreachable' | 'blocked' | 'not-shown' | 'sign-in' | 'unasked';
  readonly host: string;
  readonly remoteUrl: string | null;
}

/**
 * What an address of anywhere names; given by the room above, because it may ask the peer. Null when the text is no
 * address.
 */
export type LookUp = (
  work: Work,
  text: string,
  mayAsk: boolean,
) => Promise<{ readonly path: string } | NothingElsewhere | null>;

/** Those that tools write: AutoV1 or CRC32, AutoV2, AutoV3, and whole ones. */
const HASH_LENGTHS: ReadonlySet<number> = new Set([8, 10, 12, 64]);

const MOST_PEOPLE = 40;
/** On the page of everything. */
const SHORT: Readonly<Record<Kind, number>> = { models: 8, images: 12, people: 6 };

/** Without a kind: a little of each; models and images by themselves with filters. `found` is what the words name as an address. */
export async function loadSearchPage(
  work: Work,
  query: z.output<typeof SearchQuery>,
  found: Awaited<ReturnType<LookUp>>,
  reach: EngineReach | null = null,
): Promise<SearchPage> {
  const { q, kind } = query;
  const elsewhere = found && 'why' in found ? found : null;
  const address = found && 'path' in found ? { label: q, url: found.path } : null;
  // a word that means a tag is looked for as that tag
  const [meant = q] = await meantTags(work.em, [q.slice(0, 200).toLowerCase()]);
  const isAddress = /^https?:/i.test(q);
  const words = searchWords(isAddress ? '' : meant);
  const hash = readFileHash(q);
  const isAll = !kind && words.length > 0;
  const models = isAll ? await findModels(work, words, hash, SHORT.models) : [];
  const images = isAll ? await findImages(work, words, SHORT.images) : [];
  const people =
    isAll || (kind === 'people' && words.length > 0)
      ? await findPeople(work, words, kind ? MOST_PEOPLE : SHORT.people)
      : [];
  const modelList = kind === 'models' && !isAddress ? await loadModelList(work, query, hash, reach) : null;
  const imageList = kind === 'images' && !isAddress ? await loadImageList(work, query) : null;
  return {
    q,
    tabItems: [
      { label: t('search.all'), href: addressOf('/search', { q }), current: !kind },
      ...KINDS.map((name) => ({
        label: t(`search.${name}`),
        href: addressOf('/search', { q, kind: name }),
        current: name === kind,
      })),
    ],
    ...{ models, images, people, modelList, imageList },
    isEmpty: !modelList && !imageList && models.length + images.length + people.length === 0,
    hash: HASH_LENGTHS.has(hash?.length ?? 0) ? hash : null,
    elsewhere,
    address,
    page: { title: q === '' ? t('search.title') : t('search.title-of', { q }), noindex: true },
  };
}

const listed = <Item>({ page, ...list }: ListPage<Item>, query: object): Listed<Item> => ({
  ...list,
  held: [...new URL(addressOf('/search', { ...query, q: '', cursor: undefined }), 'http://here').searchParams].map(
    ([name, value]) => ({ name, value }),
  ),
});

/** Null where nothing is asked yet. */
async function loadModelList(
  work: Work,
  { q, ...rest }: z.output<typeof SearchQuery>,
  hash: string | null,
  reach: EngineReach | null,
): Promise<Listed<ModelCardView> | null> {
  const query = SearchModelsQuery.parse({ ...rest, q: q.slice(0, 200) });
  if (modelFilters(query).length === 0) return null;
  const list = listed(await loadModelsPage(work, query, reach, '/search'), query);
  if (hash === null || query.cursor) return list;
  const named = await listModelsByHash(work.em, await eyesOf(work.em, work.viewer), hash);
  const others = list.items.filter(({ id }) => !named.some((one) => one.id === id));
  return { ...list, items: [...named, ...others] };
}

async function loadImageList(
  work: Work,
  { q, ...rest }: z.output<typeof SearchQuery>,
): Promise<Listed<TileView> | null> {
  const query = SearchImagesQuery.parse({ ...rest, q: q.slice(0, 200) });
  return imageFilters(query).length === 0 ? null : listed(await loadImagesPage(work, query, '/search'), query);
}

async function findModels(
  { em, viewer }: Work,
  words: readonly string[],
  hash: string | null,
  limit: number,
): Promise<ModelCardView[]> {
  const eyes = await eyesOf(em, viewer);
  const named = hash === null ? [] : await listModelsByHash(em, eyes, hash);
  const ids = await searchIndexOf(em).find(em, 'model', words, limit);
  if (ids.length === 0) return named;
  const { items } = await listModelCards(em, eyes, { ids }, { limit });
  const others = inOrder(items, ids, ({ id }) => id).filter(({ id }) => !named.some((one) => one.id === id));
  return [...named, ...others].slice(0, limit);
}

async function findImages(work: Work, words: readonly string[], limit: number): Promise<TileView[]> {
  const ids = await searchIndexOf(work.em).find(work.em, 'image', words, limit);
  if (ids.length === 0) return [];
  const { items } = await listTiles(work.em, await eyesOf(work.em, work.viewer), { ids }, { limit });
  return inOrder(items, ids, ({ id }) => id);
}

const findPeople = async (work: Work, words: readonly string[], limit: number): Promise<OwnerView[]> =>
  listPeople(work, await searchIndexOf(work.em).find(work.em, 'account', words, limit));

/** Those of these accounts that this viewer may find, in the order of the ids. */
export async function listPeople(work: Pick<Work, 'em' | 'viewer'>, ids: readonly number[]): Promise<OwnerView[]> {
  if (ids.length === 0) return [];
  const viewerId = work.viewer?.id ?? 0;
  const people = await rows<OwnerRow>(
    work.em,
    `select ${OWNER_COLUMNS} from account a where a.id in (${ids.map(() => '?').join(', ')}) and a.state = 'active'
       and not exists (select 1 from policy_state s where s.target_kind = 'account' and s.target_id = a.id
         and (s.restrictions & ${SHUT | RESTRICTION.list}) <> 0)
       and ${isShownPerson('a')}`,
    [...ids, viewerId, viewerId],
  );
  return inOrder(people, ids, ({ owner_id }) => owner_id).map(ownerView);
}
