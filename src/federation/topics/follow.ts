import type { Account } from '../../accounts/model.ts';
import { openTopicFollow } from '../../gallery/topics/follow.ts';
import { TopicFollow } from '../../gallery/topics/model.ts';
import { findTopicFollow } from '../../gallery/topics/topic.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { IncomingAct } from '../inbox/act.ts';
import { NODE_ACTOR } from '../model.ts';
import { send } from '../outbox/send.ts';
import { buildAccept, buildFollow } from '../vocabulary/activity.ts';
import { findNamedTopic, findTopicByUri, type NamedTopic, topicActorUri } from './addresses.ts';

/** Somebody elsewhere follows a topic of ours, and is accepted at once. Throws `not_found` across a block. */
export async function followTopicHere(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  { id, actor, actorId }: Pick<IncomingAct, 'id' | 'actor' | 'actorId'>,
  named: NamedTopic,
): Promise<string> {
  const { em } = work;
  const topic = await findNamedTopic(em, named);
  if (!topic) return 'names nobody here';
  // one id names one Follow
  const used = await em.findOne(TopicFollow, { uri: id });
  if (used && (used.follower.id !== actor.id || used[topic.kind]?.id !== topic.id))
    return 'its id names another follow';
  await openTopicFollow(work, actor.id, topic, id);
  const written = await findTopicFollow(em, topic.kind, topic.id, actor.id);
  const uri = topicActorUri(federation.origin, topic);
  // a request that comes again under another id is answered again
  const mark = Buffer.from(id).toString('base64url').slice(-24);
  const act = { uri: `${uri}#accept-${written?.id}-${mark}`, actorUri: uri };
  const asked = buildFollow({ uri: id, actorUri: actorId }, uri);
  await send(work, federation, NODE_ACTOR, buildAccept(act, asked, actorId), { accountIds: [actor.id] });
  return 'done';
}

/** By the id of the Follow, or by what is followed where the peer forgot it. False when there is no such follow. */
export async function unfollowTopicHere(
  { em }: Pick<Work, 'em'>,
  { origin }: Pick<Federation, 'origin'>,
  actor: Account,
  which: { readonly uri: string } | { readonly topicUri: string },
): Promise<boolean> {
  if ('uri' in which) return (await em.nativeDelete(TopicFollow, { uri: which.uri, follower: actor.id })) > 0;
  const topic = await findTopicByUri(em, origin, which.topicUri);
  if (!topic) return false;
  const gone = await rows(em, `delete from topic_follow where follower_id = ? and ${topic.kind}_id = ? returning id`, [
    actor.id,
    topic.id,
  ]);
  return gone.length > 0;
}
