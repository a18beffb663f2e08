import { Account, Follow } from '../../accounts/model.ts';
import { readOwnUri } from '../addresses.ts';
import { singleIdOf } from '../origin.ts';
import { unfollowTopicHere } from '../topics/follow.ts';
import type { Handler } from './act.ts';

/** Somebody elsewhere blocks one of ours: both follows end, and nobody is told (O23). */
export const block: Handler = async (work, federation, { activity, actor }) => {
  const { em } = work;
  const { origin } = federation;
  const uri = singleIdOf(activity, 'object');
  if (uri !== null && (await unfollowTopicHere(work, federation, actor, { topicUri: uri }))) return 'done';
  const named = uri === null ? null : readOwnUri(origin, uri);
  const target = named?.kind === 'account' ? await em.findOne(Account, { host: '', name: named.name }) : null;
  if (!target) return 'names nobody here';
  await em.nativeDelete(Follow, { follower: actor.id, target: target.id });
  await em.nativeDelete(Follow, { follower: target.id, target: actor.id });
  return 'done';
};
