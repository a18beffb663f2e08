import { undoFollow } from '../../accounts/follow.ts';
import { Account, Follow } from '../../accounts/model.ts';
import { Reaction } from '../../gallery/model.ts';
import { unshare } from '../../gallery/shares.ts';
import { readOwnUri } from '../addresses.ts';
import { undoNotice } from '../heeding/undo.ts';
import { findTarget } from '../ingest/target.ts';
import { Tombstone } from '../model.ts';
import { idOf, isSameOrigin, singleIdOf, valuesOf } from '../origin.ts';
import { unfollowTopicHere } from '../topics/follow.ts';
import type { Handler, InboxWork } from './act.ts';
import { allowCollected } from './collected.ts';
import { removeReaction } from './like.ts';

/** Takes back what the same actor said: by its id, or by who and what where the peer forgot the id (O13). */
export const undo: Handler = async (work, federation, { activity, actor, actorId }) => {
  const { em } = work;
  const [object] = valuesOf(activity, 'object');
  const uri = idOf(object);
  if (uri !== null) {
    const noticed = await undoNotice(work, federation, uri, actorId);
    if (noticed !== null) return noticed;
    const followed = await em.findOne(Follow, { uri, follower: actor });
    if (followed) return done(undoFollow(work, followed));
    if (await unfollowTopicHere(work, federation, actor, { uri })) return 'done';
    const liked = await em.findOne(Reaction, { uri, account: actor });
    if (liked) return done(removeReaction(work, liked));
    if (await allowCollected(work, federation, actor, { uri })) return 'done';
    const wasShared = await unshare(em, actor.id, { uri });
    // it may come late, or what it names may be on its way: then it is not to take effect any more
    if (isSameOrigin(uri, actorId, federation.origin)) await markTakenBack(work, uri, actorId);
    if (wasShared) return 'done';
  }
  if (typeof object !== 'object' || singleIdOf(object, 'actor') !== actorId) return 'not known here';
  const about = singleIdOf(object, 'object');
  if (about === null) return 'not known here';
  if (object.type === 'Follow') {
    if (await unfollowTopicHere(work, federation, actor, { topicUri: about })) return 'done';
    const named = readOwnUri(federation.origin, about);
    const target = named?.kind === 'account' ? await em.findOne(Account, { host: '', name: named.name }) : null;
    const followed = target && (await em.findOne(Follow, { follower: actor, target }));
    return followed ? done(undoFollow(work, followed)) : 'not known here';
  }
  if (object.type === 'Remove') {
    const collectionUri = singleIdOf(object, 'target') ?? '';
    return (await allowCollected(work, federation, actor, { thingUri: about, collectionUri }))
      ? 'done'
      : 'not known here';
  }
  if (object.type === 'Announce') {
    const target = await findTarget(em, federation.origin, about);
    return target && (await unshare(em, actor.id, target)) ? 'done' : 'not known here';
  }
  if (object.type === 'Like' || object.type === 'EmojiReact') {
    const target = await findTarget(em, federation.origin, about);
    const liked = target && (await em.findOne(Reaction, { account: actor.id, [target.kind]: target.id }));
    return liked ? done(removeReaction(work, liked)) : 'not known here';
  }
  return 'not known here';
};

async function markTakenBack({ em, now }: Pick<InboxWork, 'em' | 'now'>, uri: string, actorUri: string): Promise<void> {
  await em.upsert(
    Tombstone,
    { uri, actorUri, deletedAt: now() },
    { onConflictAction: 'ignore', onConflictFields: ['uri'] },
  );
}

async function done(act: Promise<void>): Promise<string> {
  await act;
  return 'done';
}
