import { BaseModel } from '../../catalogue/model.ts';
import type { Eyes } from '../../gallery/views.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { addressOf } from './address.ts';
import { PERIODS, SCOPES } from './fields.ts';

export interface FilterGroup {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

interface FilterText {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly hint: string;
}

interface FilterBox {
  readonly name: string;
  readonly value: string;
  readonly label: string;
  readonly on: boolean;
}

interface LinkView {
  readonly label: string;
  readonly href: string;
}

/** A list with the form over it, as `list-form.njk` draws it. */
export interface ListPage<Item> {
  readonly title: string;
  readonly action: string;
  /** Null under a search, whose words are in the box above. */
  readonly query: Omit<FilterText, 'hint'> | null;
  readonly groups: readonly FilterGroup[];
  /** Those behind “More filters”, and how many of them are set. */
  readonly moreGroups: readonly FilterGroup[];
  readonly texts: readonly FilterText[];
  readonly boxes: readonly FilterBox[];
  readonly moreCount: number;
  /** What goes on to the next list without a field of its own. */
  readonly kept: readonly { readonly name: string; readonly value: string }[];
  /** Each filter that is set, and the list without it. */
  readonly chips: readonly LinkView[];
  readonly clearUrl: string;
  /** What to save as a search; '' for visitors, and where there is nothing to save. */
  readonly saveUrl: string;
  /** Of an empty list: the filters without which there is something. */
  readonly drops: readonly LinkView[];
  readonly items: readonly Item[];
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** Where a list stands: on a page of its own, or under a search. */
export type ListPath = '/models' | '/images' | '/search';

/** Filters beside the words of a search, which stand in the box above. */
export const besideWords = <Query extends { readonly q: string }>(
  query: Query,
  filtersOf: (query: Query) => readonly ActiveFilter<Query>[],
): ActiveFilter<Query>[] =>
  filtersOf({ ...query, q: '' }).map(({ label, without }) => ({ label, without: { ...without, q: query.q } }));

/** What the filters of a search keep: its words and its kind. */
export const keptOf = ({ q, kind = '' }: { readonly q: string; readonly kind?: string | undefined }) => [
  { name: 'kind', value: kind },
  { name: 'q', value: q },
];

/** A filter that is set, in words, and the query without it. */
export interface ActiveFilter<Query> {
  readonly label: string;
  readonly without: Query;
}

export const linksOf = <Query extends object>(path: string, filters: readonly ActiveFilter<Query>[]): LinkView[] =>
  filters.map(({ label, without }) => ({ label, href: addressOf(path, { ...without, cursor: undefined }) }));

/** So many filters of an empty list are tried. */
const MOST_TRIED = 8;

/** Those filters of an empty list without which there is something: one look for each, for one row. */
export async function dropsOf<Query extends object>(
  path: string,
  filters: readonly ActiveFilter<Query>[],
  hasAny: (query: Query) => Promise<boolean>,
): Promise<LinkView[]> {
  const found: ActiveFilter<Query>[] = [];
  for (const filter of filters.slice(0, MOST_TRIED)) if (await hasAny(filter.without)) found.push(filter);
  return linksOf(path, found);
}

type Option = readonly [value: string | number, label: string];

export const group = (name: string, value: string | number, options: readonly Option[]): FilterGroup => ({
  name,
  label: t(`filter.${name}`),
  value: String(value),
  options: options.map(([option, label]) => ({ value: String(option), label })),
});

export const anyOr = (options: readonly Option[]): Option[] => [['', t('filter.all')], ...options];

export const periodGroup = (value: string): FilterGroup =>
  group(
    'period',
    value,
    PERIODS.map((name): Option => [name, t(`period.${name}`)]),
  );

export const scopeGroup = (value: string): FilterGroup =>
  group(
    'scope',
    value,
    SCOPES.map((name): Option => [name, t(`scope.${name}`)]),
  );

export const sortGroup = (value: string, names: readonly string[]): FilterGroup =>
  group(
    'sort',
    value,
    names.map((name): Option => [name, t(`sort.${name}`)]),
  );

/** Only for those who browse more than one rating. */
export function ratingGroups(eyes: Eyes, value: number): FilterGroup[] {
  const levels = RATINGS.filter((level) => (eyes.levels & level) !== 0);
  if (levels.length < 2) return [];
  return [
    group('rating', value, [[0, t('filter.all')], ...levels.map((level): Option => [level, ratingLabel(level)])]),
  ];
}

export async function baseModelGroup(em: Work['em'], value: string): Promise<FilterGroup> {
  const bases = await em.find(BaseModel, { isHidden: false }, { orderBy: { position: 1, name: 1 } });
  return group('base', value, anyOr(bases.map(({ name }): Option => [name, name])));
}

export const box = (name: string, label: string, on: boolean, value = '1'): FilterBox => ({ name, value, label, on });

/** What both lists can be narrowed by, as far as it is set. */
export function commonFilters<
  Query extends {
    q: string;
    base: string;
    tag: string[];
    not: string[];
    rating: number;
    period: string;
    scope: string;
    unseen: boolean;
  },
>(query: Query): ActiveFilter<Query>[] {
  const { q, base, rating, period, scope, unseen } = query;
  const filters: ActiveFilter<Query>[] = [];
  const add = (label: string, without: Partial<Query>) => filters.push({ label, without: { ...query, ...without } });
  if (q !== '') add(t('chip.words', { q }), { q: '' } as Partial<Query>);
  if (base !== '') add(base, { base: '' } as Partial<Query>);
  for (const name of query.tag) add(`#${name}`, { tag: query.tag.filter((one) => one !== name) } as Partial<Query>);
  for (const name of query.not) {
    add(t('chip.not', { name }), { not: query.not.filter((one) => one !== name) } as Partial<Query>);
  }
  if (rating !== 0) add(ratingLabel(rating), { rating: 0 } as Partial<Query>);
  if (period !== 'all') add(t(`chip.period-${period}`), { period: 'all' } as Partial<Query>);
  if (scope !== 'known') add(t(`scope.${scope}`), { scope: 'known' } as Partial<Query>);
  if (unseen) add(t('filter.unseen'), { unseen: false } as Partial<Query>);
  return filters;
}
