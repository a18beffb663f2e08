import { Collection } from '../../gallery/collections/model.ts';
import { isHeard, putIn, takeOut } from '../ingest/ingest-collection.ts';
import { isSameOrigin, readId, singleIdOf } from '../origin.ts';
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
  const id = await putIn(work, federation, found.collection, found.uri, work.now(), mayAsk);
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
