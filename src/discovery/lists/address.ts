import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';

export interface TabView {
  readonly label: string;
  readonly href: string;
  readonly current: boolean;
}

type Query = Readonly<Record<string, unknown>>;

/** What a list is without being told so. */
const DEFAULTS: Query = { period: 'all', scope: 'known', sort: 'newest' };
const DEFAULTS_OF_SEARCH: Query = { ...DEFAULTS, sort: 'best' };

/** The address of a list: what is empty, or so without being said, is left out. */
export function addressOf(path: string, query: Query): string {
  const defaults = path === '/search' ? DEFAULTS_OF_SEARCH : DEFAULTS;
  const pairs = Object.entries(query).filter(
    ([name, value]) =>
      value !== undefined &&
      value !== '' &&
      value !== 0 &&
      value !== null &&
      value !== false &&
      value !== defaults[name],
  );
  const text = new URLSearchParams(
    pairs
      .map(([name, value]): [string, string] => [name, value === true ? '1' : String(value)])
      .filter(([, value]) => value !== ''),
  ).toString();
  return text === '' ? path : `${path}?${text}`;
}

export const moreUrlOf = (path: string, query: Query, nextCursor: string | null): string =>
  nextCursor === null ? '' : addressOf(path, { ...query, cursor: nextCursor });

export const FEEDS = ['models', 'images'] as const;
/** The Atom feeds of what a page lists; api, above, serves them. */
export const feedsOf = (folder: string, kinds: readonly (typeof FEEDS)[number][]): NonNullable<PageHead['feeds']> =>
  kinds.map((kind) => ({ title: t(`${kind}.title`), href: `${folder}/${kind}.atom` }));

/** The feed of a list with these filters, which it holds in its own address; its order is that of time. */
export const feedOfList = (kind: (typeof FEEDS)[number], query: Query): NonNullable<PageHead['feeds']> => [
  {
    title: t(`${kind}.title`),
    href: addressOf(`/feeds/${kind}.atom`, { ...query, sort: undefined, cursor: undefined, kind: undefined }),
  },
];
