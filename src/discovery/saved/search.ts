import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { addressOf } from '../lists/address.ts';
import { ImagesQuery, imageFilters } from '../lists/images.ts';
import { ModelsQuery, modelFilters } from '../lists/models.ts';
import { SAVED_KINDS, type SavedKind, SavedSearch } from './model.ts';

/** Each is looked at every few minutes, so they stay few. */
const MOST = 50;
const LONGEST_QUERY = 1_000;

export const SavedForm = z.object({
  name: z.string().trim().min(1, 'Give it a name.').max(80, 'Make the name shorter.'),
  kind: z.enum(SAVED_KINDS),
  /** As the address of the list has it. */
  query: z.string().max(4_000),
  told: z.literal('1').optional().catch(undefined),
});

type ParsedQuery = { kind: 'models'; query: ModelsQuery } | { kind: 'images'; query: ImagesQuery };

/** What was saved, as its list reads it. What fits no more, because a filter changed, counts as not given. */
export function readSaved(kind: SavedKind, text: string): ParsedQuery {
  const fields: Record<string, string | string[]> = {};
  const given = new URLSearchParams(text);
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name);
    fields[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return kind === 'models' ? { kind, query: ModelsQuery.parse(fields) } : { kind, query: ImagesQuery.parse(fields) };
}

/** Its filters in words. */
export function labelsOf(parsed: ParsedQuery): string[] {
  const filters = parsed.kind === 'models' ? modelFilters(parsed.query) : imageFilters(parsed.query);
  return filters.map(({ label }) => label);
}

/** The same query in one spelling, without order and place. */
export const plainQuery = ({ query }: ParsedQuery): string =>
  addressOf('', { ...query, sort: undefined, cursor: undefined }).slice(1);

type Parts = Pick<Work, 'em' | 'viewer' | 'now'>;

const signIn = () => new AppError('unauthenticated', 'Please sign in.');

/** Throws `invalid` for what is no search, `conflict` beyond fifty. The same search again is a second one. */
export async function saveSearch(
  { em, viewer, now }: Parts,
  { name, kind, query, told }: z.output<typeof SavedForm>,
): Promise<SavedSearch> {
  if (!viewer) throw signIn();
  const plain = plainQuery(readSaved(kind, query));
  if (plain === '') throw new AppError('invalid', 'Set a filter first: everything is no search.');
  if (plain.length > LONGEST_QUERY) throw new AppError('invalid', 'These are too many filters to save.');
  if ((await em.count(SavedSearch, { account: viewer.id })) >= MOST) {
    throw new AppError('conflict', `You have saved ${MOST} searches already. Remove one first.`);
  }
  const search = em.create(
    SavedSearch,
    {
      ...{ id: newId(), account: em.getReference(Account, viewer.id), name, kind, query: plain },
      ...{ feedKey: randomToken(), isTold: told === '1', checkedAt: now(), createdAt: now() },
    },
    { persist: true },
  );
  await em.flush();
  return search;
}

/** Throws `not_found`, also for somebody else's. */
async function loadOwn({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<SavedSearch> {
  if (!viewer) throw signIn();
  const search = await em.findOne(SavedSearch, { id, account: viewer.id });
  if (!search) throw new AppError('not_found', 'There is no such search.');
  return search;
}

/** The list that it names; what was new is not any more. */
export async function openSearch(work: Pick<Work, 'em' | 'viewer'>, id: string): Promise<string> {
  const search = await loadOwn(work, id);
  search.newCount = 0;
  await work.em.flush();
  return `/${search.kind}?${search.query}`;
}

export async function removeSearch(work: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  await loadOwn(work, id);
  await work.em.nativeDelete(SavedSearch, { id });
}

/** From now on; what came meanwhile is not told of. */
export async function tellOfSearch(work: Parts, id: string, isTold: boolean): Promise<void> {
  const search = await loadOwn(work, id);
  if (isTold && !search.isTold) search.checkedAt = work.now();
  search.isTold = isTold;
  await work.em.flush();
}

/** Whoever had the address of its feed reads it no more. */
export async function renewFeed(work: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  const search = await loadOwn(work, id);
  search.feedKey = randomToken();
  await work.em.flush();
}

export interface SavedView {
  readonly id: string;
  readonly name: string;
  readonly kind: SavedKind;
  readonly labels: readonly string[];
  readonly isTold: boolean;
  readonly newCount: number;
  readonly feedUrl: string;
}

/** The viewer's own, the newest first. */
export async function listSearches({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<SavedView[]> {
  const found = await em.find(SavedSearch, { account: viewer?.id ?? 0 }, { orderBy: { id: 'desc' }, limit: MOST });
  return found.map(({ id, name, kind, query, isTold, newCount, feedKey }) => ({
    ...{ id, name, kind, isTold, newCount },
    labels: labelsOf(readSaved(kind, query)),
    feedUrl: `/feeds/searches/${feedKey}.atom`,
  }));
}
