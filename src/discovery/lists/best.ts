import type { Page } from '../cards.ts';

/**
 * What a search found, the best first: of ids in that order those that pass the filters, a page's worth at a time. The
 * cursor is the place in the ids.
 */
export async function listBest<Item extends { readonly id: number }>(
  ids: readonly number[],
  cursor: string | undefined,
  limit: number,
  load: (ids: number[]) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let at = Number(/^best(\d{1,4})$/.exec(cursor ?? '')?.[1] ?? 0);
  for (; at < ids.length && items.length < limit; at += limit) {
    const some = ids.slice(at, at + limit);
    items.push(...inOrder(await load(some), some, ({ id }) => id));
  }
  return { items, nextCursor: at < ids.length ? `best${at}` : null };
}

export const inOrder = <Item>(items: readonly Item[], ids: readonly number[], idOf: (item: Item) => number): Item[] => {
  const place = new Map(ids.map((id, index) => [id, index]));
  return [...items].sort((a, b) => (place.get(idOf(a)) ?? 0) - (place.get(idOf(b)) ?? 0));
};
