import { undoFollow } from '../../accounts/follow.ts';
import { Account, Follow } from '../../accounts/model.ts';
import { Reaction } from '../../gallery/model.ts';
import { readOwnUri } from '../addresses.ts';
import { findTarget } from '../ingest/target.ts';
import { idOf, singleIdOf, valuesOf } from '../origin.ts';
import type { Handler } from './act.ts';
import { removeReaction } from './like.ts';
import { undoShare } from './share.ts';

/** Takes back what the same actor said: by its id, or by who and what where the peer forgot the id (O13). */
export const undo: Handler = async (work, federation, { activity, actor, actorId }) => {
  const { em } = work;
  const [object] = valuesOf(activity, 'object');
  const uri = idOf(object);
  if (uri !== null) {
    const followed = await em.findOne(Follow, { uri, follower: actor });
    if (followed) return done(undoFollow(work, followed));
    const liked = await em.findOne(Reaction, { uri, account: actor });
    if (liked) return done(removeReaction(work, liked));
    const shared = await undoShare(work, federation.origin, actor.id, { uri, about: null });
    if (shared !== null) return shared;
  }
  if (typeof object !== 'object' || singleIdOf(object, 'actor') !== actorId) return 'not known here';
  const about = singleIdOf(object, 'object');
  if (about === null) return 'not known here';
  if (object.type === 'Follow') {
    const named = readOwnUri(federation.origin, about);
    const target = named?.kind === 'account' ? await em.findOne(Account, { host: '', name: named.name }) : null;
    const followed = target && (await em.findOne(Follow, { follower: actor, target }));
    return followed ? done(undoFollow(work, followed)) : 'not known here';
  }
  if (object.type === 'Announce') {
    return (await undoShare(work, federation.origin, actor.id, { uri: null, about })) ?? 'not known here';
  }
  if (object.type === 'Like' || object.type === 'EmojiReact') {
    const target = await findTarget(em, federation.origin, about);
    const liked = target && (await em.findOne(Reaction, { account: actor.id, [target.kind]: target.id }));
    return liked ? done(removeReaction(work, liked)) : 'not known here';
  }
  return 'not known here';
};

async function done(act: Promise<void>): Promise<string> {
  await act;
  return 'done';
}
