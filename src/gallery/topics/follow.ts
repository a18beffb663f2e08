import { isBlockedEither } from '../../accounts/block.ts';
import { Follow } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { Collection } from '../collections/model.ts';
import { TopicFollow, type TopicKind } from './model.ts';
import { countTopicFollowers, findTopic, findTopicFollow, type Topic } from './topic.ts';

const nothing = () => new AppError('not_found', 'There is nothing here that can be followed.');

/** As many as anybody reads; a follow costs something at each publication. */
const MOST_FOLLOWED = 2_000;

/** Follows as the viewer. Again is the same. Throws `not_found` also across a block, `conflict` beyond 2,000. */
export async function followTopic(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  kind: TopicKind,
  id: number,
): Promise<Topic> {
  if (!viewer) throw new AppError('unauthenticated', 'Sign in to follow this.');
  const topic = await findTopic(em, kind, id);
  if (!topic) throw nothing();
  if ((await em.count(TopicFollow, { follower: viewer.id })) >= MOST_FOLLOWED) {
    throw new AppError('conflict', 'You follow as much as anybody can. Let something go first.');
  }
  await openTopicFollow({ em, now }, viewer.id, topic, null);
  return topic;
}

/** Writes a follow down, for people here and for peers. Throws `not_found` across a block. */
export async function openTopicFollow(
  { em, now }: Pick<Work, 'em' | 'now'>,
  followerId: number,
  { kind, id, ownerId }: Topic,
  uri: string | null,
): Promise<void> {
  if (ownerId !== null && (await isBlockedEither({ em }, followerId, ownerId))) throw nothing();
  await rows(
    em,
    `insert into topic_follow (id, follower_id, ${kind}_id, uri, created_at) values (?, ?, ?, ?, ?)
     on conflict (follower_id, ${kind}_id) do update set uri = coalesce(excluded.uri, topic_follow.uri) returning id`,
    [newId(), followerId, id, uri, now()],
  );
}

/** As the viewer; a follow that is not there is fine, and so is a topic that is hidden by now. */
export async function unfollowTopic(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  kind: TopicKind,
  id: number,
): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  await em.nativeDelete(TopicFollow, { follower: viewer.id, [kind]: id });
}

/** The follow button of a page. */
export interface TopicFollowView {
  /** '' for whoever made it, who hears of it anyway. */
  readonly action: string;
  readonly state: 'none' | 'pending' | 'accepted';
  /** Null for a topic of elsewhere, whose followers are known there. */
  readonly count: number | null;
  /** The handle without a host, for people of other servers; '' for a topic of elsewhere. */
  readonly name: string;
}

/** Null where there is nothing to follow. */
export async function loadTopicFollow(
  em: Work['em'],
  viewer: Viewer | null,
  kind: TopicKind,
  id: number,
): Promise<TopicFollowView | null> {
  const topic = await findTopic(em, kind, id);
  if (!topic) return kind === 'tag' ? null : loadRemoteFollow(em, viewer, kind, id);
  const isOn = viewer !== null && (await findTopicFollow(em, kind, id, viewer.id)) !== null;
  return {
    action: isOn || viewer?.id !== topic.ownerId ? `${topic.url}/follow` : '',
    state: isOn ? 'accepted' : 'none',
    count: await countTopicFollowers(em, kind, id),
    name: topic.name,
  };
}

async function loadRemoteFollow(
  em: Work['em'],
  viewer: Viewer | null,
  kind: 'model' | 'collection',
  id: number,
): Promise<TopicFollowView | null> {
  const feedUri = viewer && (await findFeedUri(em, kind, id));
  if (!feedUri) return null;
  const follow = await em.findOne(Follow, { follower: viewer.id, target: { uri: feedUri } });
  const state = follow?.state === 'accepted' || follow?.state === 'pending' ? follow.state : 'none';
  return { action: `/${kind}s/${id}/follow`, state, count: null, name: '' };
}

/** The actor to follow for news of a public model or collection of another node; null for everything else. */
export async function findFeedUri(em: Work['em'], kind: TopicKind, id: number): Promise<string | null> {
  if (kind === 'tag') return null;
  if (kind === 'collection')
    return (await em.findOne(Collection, { id, uri: { $ne: null }, visibility: 'public' }))?.feedUri ?? null;
  const model = await em.findOne(Model, { id, isLocal: false, listedAt: { $ne: null } });
  return model?.feedUri ?? null;
}
