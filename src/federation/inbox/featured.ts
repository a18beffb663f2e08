import type { Federation } from '../deps.ts';
import { fetchNote, isFollowed } from '../ingest/ingest-note.ts';
import { setPin } from '../ingest/pin.ts';
import { findTarget } from '../ingest/target.ts';
import { RemoteActor } from '../model.ts';
import { normalise } from '../normalise.ts';
import { isOwnId, isSameOrigin, singleIdOf } from '../origin.ts';
import { parseAccount } from '../vocabulary/account.ts';
import type { Handler, InboxWork, IncomingAct } from './act.ts';

/** Pins one of their own things to their profile. Only the actor's own list counts, and only what is theirs (O21). */
export const pinTheirs: Handler = async (work, federation, act) => {
  const uri = await ownPin(work, federation, act);
  if (uri === null) return 'not their own list';
  let target = await findTarget(work.em, federation.origin, uri);
  if (!target && (await isFollowed(work.em, act.actor))) {
    await fetchNote(work, federation, uri);
    target = await findTarget(work.em, federation.origin, uri);
  }
  return (await setPin(work, act.actor.id, target, work.now())) ? 'done' : 'not known here';
};

export const unpinTheirs: Handler = async (work, federation, act) => {
  const uri = await ownPin(work, federation, act);
  if (uri === null) return 'not their own list';
  const target = await findTarget(work.em, federation.origin, uri);
  return (await setPin(work, act.actor.id, target, null)) ? 'done' : 'not known here';
};

async function ownPin(
  { em }: InboxWork,
  { origin }: Pick<Federation, 'origin'>,
  { activity, actor, actorId }: IncomingAct,
): Promise<string | null> {
  const remote = await em.findOne(RemoteActor, { account: actor });
  if (!remote) return null;
  const { featuredUri } = parseAccount(normalise(remote.document), origin, remote.fetchedAt);
  const uri = singleIdOf(activity, 'object');
  if (uri === null || featuredUri === null || singleIdOf(activity, 'target') !== featuredUri) return null;
  return isSameOrigin(uri, actorId, origin) && !isOwnId(uri, origin) ? uri : null;
}
