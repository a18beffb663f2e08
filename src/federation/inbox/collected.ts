import type { Account } from '../../accounts/model.ts';
import { Collection, CollectionRefusal, isCollectedKind } from '../../gallery/collections/model.ts';
import { endRefusal, writeRefusal } from '../../gallery/collections/refuse.ts';
import type { Federation } from '../deps.ts';
import { isHeard, putIn, takeOut } from '../ingest/ingest-collection.ts';
import { findTarget } from '../ingest/target.ts';
import { isSameOrigin, readId, singleIdOf } from '../origin.ts';
import { readCollectionUri } from '../topics/addresses.ts';
import type { Handler, InboxWork, IncomingAct } from './act.ts';

/** The collection of a peer that an Add or Remove names; null when none is known by that id. */
export async function findCollected({ em }: InboxWork, { activity }: IncomingAct): Promise<Collection | null> {
  const uri = singleIdOf(activity, 'target');
  return uri === null ? null : em.findOne(Collection, { uri });
}

/** Its owner puts a thing in. Of anybody else, and from another host, it is nothing (O21). */
export const addCollected: Handler = async (work, federation, act) => {
  const found = await ownCollection(work, federation.origin, act);
  if (!found) return 'not their own list';
  const mayAsk = await isHeard(work, found.collection);
  const id = await putIn(work, federation, found.collection, found.uri, { at: work.now(), position: null }, mayAsk);
  return id === null ? 'not known here' : 'done';
};

export const removeCollected: Handler = async (work, federation, act) => {
  const found = await ownCollection(work, federation.origin, act);
  if (!found) return 'not their own list';
  return (await takeOut(work, federation, found.collection, found.uri)) ? 'done' : 'not known here';
};

async function ownCollection(work: InboxWork, origin: string, act: IncomingAct) {
  const collection = await findCollected(work, act);
  const uri = singleIdOf(act.activity, 'object');
  if (!collection || uri === null || !readId(uri, origin)) return null;
  if (collection.owner.id !== act.actor.id || !isSameOrigin(collection.uri, act.actorId, origin)) return null;
  return { collection, uri };
}

/**
 * Whoever made a thing takes it out of a collection of ours: it is left out for good (FEDERATION.md). Of anything but
 * their own it is nothing, and a private collection is not there for them.
 */
export const leaveCollected: Handler = async (work, { origin }, { id, actor, actorId, activity }) => {
  const { em } = work;
  const collectionId = readCollectionUri(origin, singleIdOf(activity, 'target') ?? '');
  const uri = singleIdOf(activity, 'object');
  const collection =
    collectionId === null
      ? null
      : await em.findOne(Collection, { id: collectionId, uri: null, deletedAt: null, visibility: { $ne: 'private' } });
  const thing = uri !== null && isSameOrigin(uri, actorId, origin) ? await findTarget(em, origin, uri) : null;
  if (!collection || !thing || !isCollectedKind(thing.kind) || thing.ownerId !== actor.id)
    return 'not theirs to take out';
  await writeRefusal(work, actor.id, collection.id, { kind: thing.kind, id: Number(thing.id) }, id);
  return 'done';
};

/** They allow it again: by the id of what they said, or by what it was of. */
export async function allowCollected(
  { em }: Pick<InboxWork, 'em'>,
  { origin }: Pick<Federation, 'origin'>,
  actor: Account,
  which: { readonly uri: string } | { readonly thingUri: string; readonly collectionUri: string },
): Promise<boolean> {
  const refusal =
    'uri' in which
      ? await em.findOne(CollectionRefusal, { uri: which.uri, account: actor })
      : await findRefusal(em, origin, actor, which);
  if (!refusal) return false;
  await endRefusal(em, refusal);
  return true;
}

async function findRefusal(
  em: InboxWork['em'],
  origin: string,
  actor: Account,
  { thingUri, collectionUri }: { readonly thingUri: string; readonly collectionUri: string },
): Promise<CollectionRefusal | null> {
  const thing = await findTarget(em, origin, thingUri);
  const collection = readCollectionUri(origin, collectionUri);
  if (!thing || !isCollectedKind(thing.kind) || collection === null) return null;
  return em.findOne(CollectionRefusal, { account: actor, collection, [thing.kind]: Number(thing.id) });
}
