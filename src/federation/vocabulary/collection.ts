import { type Document, withContext } from './context.ts';

/** A short Collection inside another object: said in full, so that nobody has to ask. */
export function emptyCollection(uri: string): Document {
  return { id: uri, type: 'Collection', totalItems: 0, first: { type: 'CollectionPage', partOf: uri, items: [] } };
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
