import { Follow, handle } from '../../accounts/model.ts';
import { avatarUrl } from '../../accounts/profile/header.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { TOPIC_KINDS, TopicFollow, type TopicKind } from './model.ts';
import { findTopic } from './topic.ts';

/** One line of the list. */
interface FollowedView {
  readonly title: string;
  readonly name: string;
  /** '' for what is of this node. */
  readonly host: string;
  /** '' for what is hidden by now. */
  readonly url: string;
  readonly avatarUrl: string | null;
  /** Asked for, and not answered yet. */
  readonly isPending: boolean;
  readonly since: string;
  /** Where `on=0` ends it. */
  readonly action: string;
}

export interface FollowingPage {
  readonly groups: readonly { readonly kind: 'people' | TopicKind; readonly items: readonly FollowedView[] }[];
}

const MOST_SHOWN = 500;

/** All that the viewer follows, by kind, the newest first; topics of other nodes are actors there. */
export async function listFollowing({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<FollowingPage> {
  const newest = { orderBy: { createdAt: 'desc', id: 'desc' }, limit: MOST_SHOWN } as const;
  const follower = viewer?.id ?? 0;
  const accounts = await em.find(
    Follow,
    { follower, state: { $ne: 'rejected' }, target: { state: 'active' } },
    { ...newest, populate: ['target'] },
  );
  const topics = await em.find(TopicFollow, { follower }, newest);
  const shown: { kind: 'people' | TopicKind; item: FollowedView }[] = accounts.map((follow) => {
    const target = follow.target.$;
    const item = {
      title: target.displayName || target.name,
      name: target.name,
      host: target.host,
      url: `/${handle(target)}`,
      avatarUrl: avatarUrl(target),
      isPending: follow.state === 'pending',
      since: follow.createdAt.toISOString(),
      action: `/accounts/${target.id}/follow?next=/settings/following`,
    };
    return { kind: target.topic ?? ('people' as const), item };
  });
  for (const follow of topics) shown.push(await topicLine(em, follow));
  const byTime = (a: { item: FollowedView }, b: { item: FollowedView }) => b.item.since.localeCompare(a.item.since);
  return {
    groups: (['people', ...TOPIC_KINDS] as const).map((kind) => ({
      kind,
      items: shown
        .filter((one) => one.kind === kind)
        .sort(byTime)
        .map(({ item }) => item),
    })),
  };
}

/** Of what is not public any more only the kind is told. */
async function topicLine(em: Work['em'], follow: TopicFollow): Promise<{ kind: TopicKind; item: FollowedView }> {
  const kind = follow.model ? 'model' : follow.collection ? 'collection' : 'tag';
  const topic = await findTopic(em, kind, Number((follow.model ?? follow.collection ?? follow.tag)?.id));
  return {
    kind,
    item: {
      ...{ title: topic?.title ?? '', name: topic?.name ?? '', host: '', url: topic?.url ?? '', avatarUrl: null },
      ...{ isPending: false, since: follow.createdAt.toISOString(), action: `/topic-follows/${follow.id}/removal` },
    },
  };
}

/** Also ends what the viewer cannot see any more. Throws `not_found` for somebody else's. */
export async function unfollowTopicById({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  const gone = await em.nativeDelete(TopicFollow, { id, follower: viewer?.id ?? 0 });
  if (gone === 0) throw new AppError('not_found', 'You do not follow this.');
}
