import { z } from 'zod';
import { eyesOf, OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../gallery/views.ts';
import { rows } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { listModelCards, type ModelCardView, type TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { searchIndexOf } from './index/search-index.ts';
import { searchWords } from './index/terms.ts';
import { addressOf, type TabView } from './pages.ts';

const KINDS = ['models', 'images', 'people'] as const;
type Kind = (typeof KINDS)[number];

export const SearchQuery = z.object({
  q: z.string().max(200).catch(''),
  kind: z.enum(KINDS).optional().catch(undefined),
});

export interface SearchPage {
  readonly q: string;
  readonly tabItems: readonly TabView[];
  readonly models: readonly ModelCardView[];
  readonly images: readonly TileView[];
  readonly people: readonly OwnerView[];
  readonly isEmpty: boolean;
  /** What to say when nothing was found. */
  readonly emptyText: string;
  readonly page: PageHead;
}

/** Finds an account of elsewhere by its address; given by the room above, because it asks the peer. */
export type FindPeer = (work: Work, handle: string) => Promise<number | null>;

const LIMITS: Readonly<Record<Kind, number>> = { models: 40, images: 60, people: 40 };
/** On the page of everything. */
const SHORT: Readonly<Record<Kind, number>> = { models: 8, images: 12, people: 6 };

/** Without a kind: a little of each. */
export async function loadSearchPage(
  work: Work,
  { q, kind }: z.output<typeof SearchQuery>,
  findPeer: FindPeer | null,
): Promise<SearchPage> {
  const words = searchWords(q);
  const wants = (name: Kind) => words.length > 0 && (!kind || kind === name);
  const limit = (name: Kind) => (kind ? LIMITS[name] : SHORT[name]);
  const models = wants('models') ? await findModels(work, words, limit('models')) : [];
  const images = wants('images') ? await findImages(work, words, limit('images')) : [];
  const people = wants('people') ? await findPeople(work, q, words, limit('people'), findPeer) : [];
  const isHandle = HANDLE.test(q.trim());
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
    models,
    images,
    people,
    isEmpty: models.length + images.length + people.length === 0,
    emptyText: isHandle && !work.viewer ? t('search.sign-in') : t('search.empty-text'),
    page: { title: q === '' ? t('search.title') : t('search.title-of', { q }), noindex: true },
  };
}

async function findModels(work: Work, words: readonly string[], limit: number): Promise<ModelCardView[]> {
  const ids = await searchIndexOf(work.em).find(work.em, 'model', words, limit);
  if (ids.length === 0) return [];
  const { items } = await listModelCards(work.em, await eyesOf(work.em, work.viewer), { ids }, { limit });
  return inOrder(items, ids, ({ id }) => id);
}

async function findImages(work: Work, words: readonly string[], limit: number): Promise<TileView[]> {
  const ids = await searchIndexOf(work.em).find(work.em, 'image', words, limit);
  if (ids.length === 0) return [];
  const { items } = await listTiles(work.em, await eyesOf(work.em, work.viewer), { ids }, { limit });
  return inOrder(items, ids, ({ id }) => id);
}

const inOrder = <Item>(items: readonly Item[], ids: readonly number[], idOf: (item: Item) => number): Item[] => {
  const place = new Map(ids.map((id, index) => [id, index]));
  return [...items].sort((a, b) => (place.get(idOf(a)) ?? 0) - (place.get(idOf(b)) ?? 0));
};

/** `@name@host`, with or without the first sign. */
const HANDLE = /^@?[\w.-]{1,64}@[\w.-]{1,253}(:\d{1,5})?$|^https?:\/\/\S{3,2000}$/;

async function findPeople(
  work: Work,
  q: string,
  words: readonly string[],
  limit: number,
  findPeer: FindPeer | null,
): Promise<OwnerView[]> {
  // only who is signed in may make this node ask another (spec/federation.md, F17)
  const peer = findPeer && work.viewer && HANDLE.test(q.trim()) ? await findPeer(work, q.trim()) : null;
  const found = await searchIndexOf(work.em).find(work.em, 'account', words, limit);
  const ids = peer === null ? found : [peer, ...found.filter((id) => id !== peer)];
  if (ids.length === 0) return [];
  const people = await rows<OwnerRow>(
    work.em,
    `select ${OWNER_COLUMNS} from account a where a.id in (${ids.map(() => '?').join(', ')}) and a.state = 'active'`,
    ids,
  );
  return inOrder(people, ids, ({ owner_id }) => owner_id).map(ownerView);
}
