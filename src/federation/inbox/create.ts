import { ingestTold } from '../ingest/ingest-collection.ts';
import { fetchNote, ingestNote, isFollowed } from '../ingest/ingest-note.ts';
import { findTarget } from '../ingest/target.ts';
import { idOf, singleIdOf, standingOf, valuesOf } from '../origin.ts';
import { collectionOfNote } from '../vocabulary/collection-note.ts';
import { type Handler, rawObject } from './act.ts';

/** A new object: read as it stands where its own author signed it, else from its own address. */
export const create: Handler = async (work, federation, { activity, actorId, actor, raw }) => {
  const [object] = valuesOf(activity, 'object');
  if (object === undefined) return 'no object';
  const standing = standingOf(object, actorId, federation.origin);
  if (standing === 'refused') return 'attributed to somebody else';
  if (standing === 'inline' && typeof object === 'object') {
    const collectionUri = collectionOfNote(object, federation.origin);
    if (collectionUri !== null) return ingestTold(work, federation, actor, collectionUri);
    return ingestNote(work, federation, actor, { object, raw: rawObject(raw), provenance: 'inbox' }, 'if followed');
  }
  // only what somebody here waits for is worth a request
  const uri = idOf(object);
  if (uri === null || !(await isWanted())) return 'nobody here follows its author';
  return fetchNote(work, federation, uri);

  async function isWanted(): Promise<boolean> {
    if (await isFollowed(work.em, actor)) return true;
    const inReplyTo = typeof object === 'object' ? singleIdOf(object, 'inReplyTo') : null;
    return inReplyTo !== null && (await findTarget(work.em, federation.origin, inReplyTo)) !== null;
  }
};
