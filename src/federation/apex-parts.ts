import type { ApObject } from './normalise.ts';

/**
 * The types of what is taken from activitypub-express 4.4.2, which ships none. Objects are in the shape of
 * `normalise`, with `_meta` only where the store put it.
 */

/** What it asks of a store; learnt from its MongoDB store, because its interface file is incomplete. */
export interface ApexStore {
  generateId(): string;
  /** With `includeMeta` the only form that may return `_meta`. */
  getObject(id: string, includeMeta?: boolean): Promise<ApObject | null | undefined>;
  /** Must not overwrite. */
  saveObject(object: ApObject): Promise<unknown>;
  getActivity(id: string, includeMeta?: boolean): Promise<ApObject | null | undefined>;
  findActivityByCollectionAndObjectId(
    collection: string,
    objectId: string,
    includeMeta?: boolean,
  ): Promise<ApObject | null>;
  findActivityByCollectionAndActorId(
    collection: string,
    actorId: string,
    includeMeta?: boolean,
  ): Promise<ApObject | null>;
  /** Embeds the whole actor in `actor[0]`, gives `_id` for paging; throws `ApexStore: invalid page value`. */
  getStream(
    collectionId: string,
    limit: number | null,
    after: string | null,
    blockList?: readonly string[],
    query?: readonly object[],
  ): Promise<ApObject[]>;
  getStreamCount(collectionId: string): Promise<number>;
  /** Truthy on the first insert only: what it de-duplicates by. */
  saveActivity(activity: ApObject): Promise<unknown>;
  removeActivity(activity: ApObject, actorId: string): Promise<unknown>;
  updateActivity(activity: ApObject, fullReplace?: boolean): Promise<ApObject | null>;
  /** Throws when there is no such activity. */
  updateActivityMeta(activity: ApObject, key: string, value: string, remove?: boolean): Promise<ApObject>;
  /** Has to check ownership and origin by the stored row, and to keep `_meta`. */
  updateObject(object: ApObject, actorId: string | null, fullReplace?: boolean): Promise<ApObject | null>;
  getUserCount(): Promise<number>;
}

export type Middleware = (request: object, response: object, next: (error?: unknown) => void) => void;

/** The kept parts, bound to one instance. */
export interface ApexParts {
  buildActivity(type: string, actorId: string, to: string | readonly string[], etc?: object): Promise<ApObject>;
  buildTombstone(object: ApObject): Promise<ApObject>;
  buildCollection(id: string, isOrdered: boolean, totalItems: number): Promise<ApObject>;
  buildCollectionPage(id: string, page: string, isOrdered: boolean, lastItemId: string | null): Promise<ApObject>;
  getFollowers(actor: ApObject, page?: string | number, includePrivate?: boolean): Promise<ApObject>;
  getFollowing(actor: ApObject, page?: string | number, includePrivate?: boolean): Promise<ApObject>;
  getOutbox(actor: ApObject, page?: string | number, includePrivate?: boolean): Promise<ApObject>;
  audienceFromActivity(activity: ApObject): string[];
  validateOwner(object: ApObject, actor: ApObject): boolean;
  isPublic(object: ApObject): boolean;
  isLocalIRI(id: string): boolean;
  addPageToIRI(id: string, page: string): string;
  toJSONLD(object: ApObject): Promise<object>;
  fromJSONLD(object: object): Promise<ApObject>;
  readonly utils: {
    usernameToIRI(name: string): string;
    activityIdToIRI(id?: string): string;
    nameToActorStreams(name: string): Record<string, string>;
    iriToCollectionInfo(iri: string): { readonly name: string; readonly actor?: string } | undefined;
  };
}
