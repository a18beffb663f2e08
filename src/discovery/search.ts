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

const KINDS = ['models', 'images', 'people'] as const;
type Kind = (typeof KINDS)[number];

export const SearchQuery = z.object({
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
  readonly isEmpty: boolean;
  /** The words are a hash: the section of who has the file, from the room above, is put below. */
  readonly hash: string | null;
  /** What came of an address of elsewhere that cannot be shown. */
  readonly elsewhere: NothingElsewhere | null;
  /** Where the words are an address that is known here, for the quick search: its page. */
  readonly address: { readonly label: string; readonly url: string } | null;
  readonly page: PageHead;
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

const LIMITS: Readonly<Record<Kind, number>> = { models: 40, images: 60, people: 40 };
/** On the page of everything. */
const SHORT: Readonly<Record<Kind, number>> = { models: 8, images: 12, people: 6 };

/** Without a kind: a little of each. `found` is what the words name as an address. */
export async function loadSearchPage(
  work: Work,
  { q, kind }: z.output<typeof SearchQuery>,
  found: Awaited<ReturnType<LookUp>>,
): Promise<SearchPage> {
  const elsewhere = found && 'why' in found ? found : null;
  const address = found && 'path' in found ? { label: q, url: found.path } : null;
  // a word that means a tag is looked for as that tag
  const [meant = q] = await meantTags(work.em, [q.slice(0, 200).toLowerCase()]);
  const words = searchWords(/^https?:/i.test(q) ? '' : meant);
  const wants = (name: Kind) => words.length > 0 && (!kind || kind === name);
  const limit = (name: Kind) => (kind ? LIMITS[name] : SHORT[name]);
  const hash = readFileHash(q);
  const models = wants('models') ? await findModels(work, words, hash, limit('models')) : [];
  const images = wants('images') ? await findImages(work, words, limit('images')) : [];
  const people = wants('people') ? await findPeople(work, words, limit('people')) : [];
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
    hash: HASH_LENGTHS.has(hash?.length ?? 0) ? hash : null,
    elsewhere,
    address,
    page: { title: q === '' ? t('search.title') : t('search.title-of', { q }), noindex: true },
  };
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

const inOrder = <Item>(items: readonly Item[], ids: readonly number[], idOf: (item: Item) => number): Item[] => {
  const place = new Map(ids.map((id, index) => [id, index]));
  return [...items].sort((a, b) => (place.get(idOf(a)) ?? 0) - (place.get(idOf(b)) ?? 0));
};

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
