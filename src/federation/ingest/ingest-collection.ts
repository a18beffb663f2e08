import { Account, Follow } from '../../accounts/model.ts';
import { BEFORE_ALL_ELSE } from '../../gallery/collections/items.ts';
import { Collection, CollectionItem, isCollectedKind } from '../../gallery/collections/model.ts';
import { isRefused } from '../../gallery/collections/refuse.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { findActor, readDocument } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { Tombstone } from '../model.ts';
import type { ApObject, ApValue } from '../normalise.ts';
import { idOf, isOwnId, isSameOrigin, readId, valuesOf } from '../origin.ts';
import { readVisibility } from '../vocabulary/audience.ts';
import { htmlOf, ownerUriOf, textOf, timeOf, uriOf } from '../vocabulary/read.ts';
import { fetchNote, isFollowed } from './ingest-note.ts';
import { storeObject } from './store.ts';
import { findTarget } from './target.ts';
import { readRemoteWords } from './words/read-words.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>;

/** What is kept of a peer's collection, however long it says that it is. */
const MOST_ITEMS = 500;
/** What one reading takes, and the pages that it costs. */
const MOST_READ = 100;
const MOST_PAGES = 5;

export const isCollection = ({ type, ...object }: ApObject): boolean =>
  (type === 'OrderedCollection' || type === 'Collection') && valuesOf(object, 'kind')[0] === 'Collection';

/**
 * Reads a peer's collection at its own address and makes the row and its items agree with it. Only what is for everybody
 * is kept, and only of its owner's own host; each item is read at its own address, for its own author.
 */
export async function ingestCollection(work: Task, federation: Federation, uri: string): Promise<string> {
  const { em, now } = work;
  const { origin } = federation;
  if (isOwnId(uri, origin)) return 'ours';
  const document = await readDocument(work, federation, uri);
  const object = document?.object;
  const ownerUri = object ? ownerUriOf(object) : null;
  if (!document || !object?.id || !isCollection(object) || ownerUri === null) return 'no collection';
  if (object.id !== uri || !isSameOrigin(uri, ownerUri, origin)) return 'of somebody else';
  const owner = await findActor(work, federation, ownerUri);
  if (owner?.state !== 'active') return 'its owner is not there';
  const known = await em.findOne(Collection, { uri });
  if (known && known.owner.id !== owner.id) return 'of somebody else';
  if (readVisibility(object, null) !== 'public') {
    if (known) await em.nativeDelete(Collection, { id: known.id });
    return 'not for everybody';
  }
  const said = {
    name: textOf(object, 'name', 120) ?? 'Untitled',
    description: htmlOf(object, 'summary', 20_000),
  };
  const isSame = known?.name === said.name && known.description === said.description;
  const heldFor = isSame ? null : await readRemoteWords(work, owner.id, said.name, said.description);
  const collection = await em.transactional(async (inner) => {
    if (!(await storeObject({ em: inner, now }, { ...document, provenance: 'fetch' }))) return null;
    const feed = uriOf(object, 'feed', origin);
    const facts = {
      ...said,
      feedUri: isSameOrigin(feed, uri, origin) ? feed : null,
      updatedAt: timeOf(object, 'updated', now()) ?? now(),
    };
    const row =
      (await inner.findOne(Collection, { uri })) ??
      inner.create(
        Collection,
        { owner, uri, ...facts, createdAt: timeOf(object, 'published', now()) ?? now() },
        { persist: true },
      );
    Object.assign(row, facts);
    await inner.flush();
    if (heldFor !== null) await holdWords(inner, { kind: 'collection', id: row.id }, owner.id, heldFor, now());
    await inner.flush();
    return row;
  });
  if (!collection) return 'older than what is known';
  const { uris, isWhole } = await listUris(work, federation, object);
  const coverUri = uriOf(object, 'cover', origin);
  const kept: string[] = [];
  let coverItemId: string | null = null;
  // the last of the list was put in first, as far as anybody knows
  for (const [n, item] of [...uris.entries()].reverse()) {
    const place = { at: new Date(collection.updatedAt.getTime() - n * 1_000), position: n };
    const id = await quietly(() => putIn(work, federation, collection, item, place, true));
    if (id) kept.push(id);
    if (id && item === coverUri) coverItemId = id;
  }
  if (isWhole) await em.nativeDelete(CollectionItem, { collection: collection.id, id: { $nin: kept } });
  await em.nativeUpdate(Collection, { id: collection.id }, { coverItemId });
  return 'done';
}

/** What a peer does not give is left out. */
async function quietly<T>(act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** The first ids of a collection, and whether that was all. Pages count only on its own host. */
async function listUris(
  work: Task,
  federation: Federation,
  collection: ApObject,
): Promise<{ uris: string[]; isWhole: boolean }> {
  const found: string[] = [];
  const take = (page: ApObject) => {
    for (const item of [...valuesOf(page, 'orderedItems'), ...valuesOf(page, 'items')] as readonly ApValue[]) {
      const id = idOf(item);
      if (readId(id, federation.origin) && id !== null) found.push(id);
    }
  };
  take(collection);
  let next: ApValue | undefined = valuesOf(collection, 'first')[0];
  for (let pages = 0; next !== undefined && pages < MOST_PAGES && found.length < MOST_READ; pages += 1) {
    const uri = idOf(next);
    if (uri === null || !isSameOrigin(uri, collection.id, federation.origin)) return { uris: found, isWhole: false };
    const page = await quietly(() => readDocument(work, federation, uri));
    if (!page) return { uris: found, isWhole: false };
    take(page.object);
    next = valuesOf(page.object, 'next')[0];
  }
  const uris = [...new Set(found)];
  return { uris: uris.slice(0, MOST_READ), isWhole: next === undefined && uris.length <= MOST_READ };
}

/**
 * Puts a thing in that everybody may see, at its place in its owner's order, or before all else where none is told;
 * `mayAsk` reads what is not here at its own address. The id of its row; null also for what its maker wants left out.
 */
export async function putIn(
  work: Task,
  federation: Federation,
  { id }: Pick<Collection, 'id'>,
  uri: string,
  { at, position }: { readonly at: Date; readonly position: number | null },
  mayAsk: boolean,
): Promise<string | null> {
  const { em } = work;
  const { origin } = federation;
  let target = await findTarget(em, origin, uri);
  if (!target && mayAsk && !isOwnId(uri, origin)) {
    await fetchNote(work, federation, uri);
    target = await findTarget(em, origin, uri);
  }
  if (!target?.isPublic || !isCollectedKind(target.kind)) return null;
  const thing = { kind: target.kind, id: Number(target.id) };
  if (await isRefused(em, id, thing)) return null;
  if ((await em.count(CollectionItem, { collection: id })) >= MOST_ITEMS) return null;
  const [row] = await rows<{ id: string }>(
    em,
    `insert into collection_item (id, collection_id, ${thing.kind}_id, added_at, position)
     values (?, ?, ?, ?, ${position === null ? BEFORE_ALL_ELSE : '?'})
     on conflict (collection_id, ${thing.kind}_id)
       do update set ${position === null ? 'added_at = collection_item.added_at' : 'position = excluded.position'} returning id`,
    [newId(), id, thing.id, at, position ?? id],
  );
  return row?.id ?? null;
}

export async function takeOut(
  work: Task,
  federation: Federation,
  { id }: Pick<Collection, 'id'>,
  uri: string,
): Promise<boolean> {
  const target = await findTarget(work.em, federation.origin, uri);
  if (!target || !isCollectedKind(target.kind)) return false;
  return (await work.em.nativeDelete(CollectionItem, { collection: id, [target.kind]: Number(target.id) })) > 0;
}

/** Does anybody here follow what tells of it, or whose it is? */
export async function isHeard({ em }: Pick<Work, 'em'>, { owner, feedUri }: Collection): Promise<boolean> {
  const targets = await em.find(Account, { $or: [{ id: owner.id }, ...(feedUri ? [{ uri: feedUri }] : [])] });
  return (await em.count(Follow, { target: { $in: targets.map(({ id }) => id) }, state: 'accepted' })) > 0;
}

/** Its home deleted it: the row and what is in it. */
export async function dropCollection({ em }: Pick<Work, 'em'>, uri: string): Promise<boolean> {
  return (await em.count(Tombstone, { uri })) > 0 && (await em.nativeDelete(Collection, { uri })) > 0;
}

/** By a note that tells of it: one that is known here already, or of somebody whom anybody here follows. */
export async function ingestTold(work: Task, federation: Federation, actor: Account, uri: string): Promise<string> {
  const known = await work.em.count(Collection, { uri, owner: actor });
  const isWanted = known > 0 || (await isFollowed(work.em, actor));
  return isWanted ? ingestCollection(work, federation, uri) : 'nobody here follows its owner';
}
