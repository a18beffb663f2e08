import { Collection } from '../../gallery/collections/model.ts';
import { refreshActor } from '../actors/load.ts';
import { boundFetches } from '../bound-fetches.ts';
import { takeAdvice } from '../heeding/advice.ts';
import { answer, heed } from '../heeding/heed.ts';
import { ingestCollection, ingestTold, isCollection } from '../ingest/ingest-collection.ts';
import { ingestNote } from '../ingest/ingest-note.ts';
import { ApObject as StoredObject } from '../model.ts';
import { readTakedown } from '../notices/wire.ts';
import { ACTOR_TYPES, idOf, mayDelete, mayUpdate, standingOf, valuesOf } from '../origin.ts';
import { collectionOfNote } from '../vocabulary/collection-note.ts';
import { type Handler, rawObject } from './act.ts';

/** What a collection that changed costs in requests. */
const MOST_FETCHES = 20;

/** By the owner alone, judged by the stored row (O06). An actor is read at its own address, whatever the body says. */
export const update: Handler = async (work, federation, act) => {
  const uri = idOf(valuesOf(act.activity, 'object')[0]);
  const asked = readTakedown(act.activity);
  if (!asked || uri === null) return change(work, federation, act);
  if (!mayDelete({ id: uri, ownerId: act.actorId }, act.actorId, federation.origin)) {
    return takeAdvice(work, federation, act, uri, asked);
  }
  // what replaces a file comes before the block of the one that it replaces: the thing itself is not to be found by it
  const early = asked.hashes.length > 0 && !asked.provisional ? await change(work, federation, act) : null;
  const notice = await heed(work, federation, act, uri, asked, 'change');
  const outcome = early ?? (await change(work, federation, act));
  await answer(work, federation, notice);
  return outcome;
};

const change: Handler = async (work, federation, { activity, actorId, actor, raw }) => {
  const [object] = valuesOf(activity, 'object');
  if (typeof object === 'string') return object === actorId ? renew() : 'nothing inside';
  if (typeof object !== 'object' || object.id === undefined) return 'no object';
  if (ACTOR_TYPES.has(object.type ?? '')) return object.id === actorId ? renew() : 'of somebody else';
  if (isCollection(object)) {
    // read at its own address with what is in it; what nobody asked for stays at its home
    const known = await work.em.findOne(Collection, { uri: object.id, owner: actor });
    return known ? ingestCollection(work, boundFetches(federation, MOST_FETCHES), object.id) : 'not known here';
  }
  const toldUri = collectionOfNote(object, federation.origin);
  if (toldUri !== null && standingOf(object, actorId, federation.origin) === 'inline') {
    return ingestTold(work, boundFetches(federation, MOST_FETCHES), actor, toldUri);
  }
  const stored = await work.em.findOne(StoredObject, { uri: object.id });
  if (stored && !mayUpdate({ id: stored.uri, ownerId: stored.ownerUri }, actorId, federation.origin)) {
    return 'of somebody else';
  }
  if (standingOf(object, actorId, federation.origin) !== 'inline') return 'of somebody else';
  return ingestNote(work, federation, actor, { object, raw: rawObject(raw), provenance: 'inbox' }, 'if followed');

  async function renew(): Promise<string> {
    return (await refreshActor(work, federation, actorId)) ? 'done' : 'the actor is not there';
  }
};
