import { type Document, withContext } from './context.ts';

/** A Collection of which only the number is told: who likes and boosts a thing is theirs to say. */
export function countedCollection(uri: string, totalItems: number): Document {
  return { id: uri, type: 'Collection', totalItems };
}

/**
 * The answers to an object as they stand inside it: Hollo reads `replies` while it stores a note, so there must be nothing
 * that could fail. The items are one request further, as Mastodon has them.
 */
export function repliesCollection(uri: string, totalItems: number): Document {
  const next = totalItems === 0 ? {} : { next: `${uri}?page=true` };
  return { ...countedCollection(uri, totalItems), first: { type: 'CollectionPage', partOf: uri, ...next, items: [] } };
}

/** What every object has beside its body, each at an address that answers. */
export function talkFields(
  uri: string,
  counts: { readonly replyCount: number; readonly likeCount: number; readonly shareCount: number },
): Document {
  return {
    replies: repliesCollection(`${uri}/replies`, counts.replyCount),
    likes: countedCollection(`${uri}/likes`, counts.likeCount),
    shares: countedCollection(`${uri}/shares`, counts.shareCount),
  };
}

export interface CollectionView {
  readonly uri: string;
  readonly totalItems: number;
  /** Null hides the items and shows only the number, as for followers. */
  readonly firstPageUri: string | null;
}

export function buildCollection({ uri, totalItems, firstPageUri }: CollectionView): Document {
  return withContext({
    id: uri,
    type: 'OrderedCollection',
    totalItems,
    ...(firstPageUri === null ? {} : { first: firstPageUri }),
  });
}

export interface CollectionPageView {
  readonly uri: string;
  readonly collectionUri: string;
  readonly nextUri: string | null;
  /** Ids, or whole activities as in an outbox (without a context of their own). */
  readonly items: readonly (string | Document)[];
}

export function buildCollectionPage({ uri, collectionUri, nextUri, items }: CollectionPageView): Document {
  return withContext({
    id: uri,
    type: 'OrderedCollectionPage',
    partOf: collectionUri,
    ...(nextUri === null ? {} : { next: nextUri }),
    orderedItems: items,
  });
}
