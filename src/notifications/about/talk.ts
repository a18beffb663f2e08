import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import type { Sight } from '../../gallery/access.ts';
import { Comment, Mention, Reaction } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { Share } from '../../gallery/shares.ts';
import { subjectOf } from '../../gallery/talk/comments.ts';
import { isSeenBy, type Subject } from '../../gallery/talk/target.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { forget, type Notice, tellPeople } from '../tell.ts';

type Telling = Pick<Work, 'em' | 'jobs' | 'now'>;

export const tellOfCommentJob = defineJob({
  name: 'notifications.tell-of-comment',
  lane: 'clock',
  payload: z.object({ commentId: z.uuid() }),
  attempts: 5,
  run: (work, { commentId }) => tellOfComment(work, commentId),
});

/** Whom it names, whom it answers, and whose page it is: each is told once, by the first of these that they are. */
async function tellOfComment(work: Telling, commentId: string): Promise<void> {
  const { em } = work;
  const comment = await em.findOne(
    Comment,
    { id: commentId, deletedAt: null, withheldAt: null },
    { populate: ['parent'] },
  );
  if (!comment || !isNew(comment.createdAt, work.now())) return;
  const page = subjectOf(comment);
  const named = await em.find(Mention, { comment: commentId }, { fields: ['account'] });
  const tell = async (kind: Notice['kind'], accountIds: readonly number[], groupKey: string) => {
    const seeing = await whoSee(work, accountIds, { kind: 'comment', id: commentId });
    const actorId = comment.author.id;
    await tellPeople(work, { kind, actorId, subject: page, commentId, key: `comment:${commentId}`, groupKey }, seeing);
  };
  // a narrow comment names everybody who may read it, also whom it answers and whose page it is
  const parent = comment.parent?.$;
  const ownerId = await ownerOf(em, page);
  const concerned = new Set([parent?.author.id, ownerId]);
  const called = named
    .map(({ account }) => account.id)
    .filter((id) => comment.audience === 'page' || !concerned.has(id));
  await tell('mention', called, `mention:${commentId}`);
  if (parent) await tell('reply', [parent.author.id], `reply:${parent.id}`);
  if (ownerId !== null) await tell('comment', [ownerId], `comment:${page.kind}:${page.id}`);
}

/** What comes from a peer may be years old, and what was said long ago may be changed today. */
const NEW_FOR_MS = 7 * 86_400_000;
const isNew = (at: Date, now: Date): boolean => now.getTime() - at.getTime() < NEW_FOR_MS;

/** Those of these people who are of this node and may see it. */
async function whoSee({ em }: Telling, accountIds: readonly number[], target: Sight): Promise<number[]> {
  if (accountIds.length === 0) return [];
  const seeing: number[] = [];
  for (const { id, permissions } of await em.find(Account, { id: { $in: [...accountIds] }, host: '' })) {
    if (await isSeenBy(em, { id, permissions }, target)) seeing.push(id);
  }
  return seeing;
}

/** Whose a thing is. */
async function ownerOf(em: Work['em'], { kind, id }: Sight): Promise<number | null> {
  const column = kind === 'comment' || kind === 'review' ? 'author_id' : 'owner_id';
  const [found] = await rows<{ owner: number }>(em, `select ${column} as owner from ${kind} where id = ?`, [id]);
  return found?.owner ?? null;
}

export const tellOfReactionJob = defineJob({
  name: 'notifications.tell-of-reaction',
  lane: 'clock',
  payload: z.object({ reactionId: z.uuid() }),
  attempts: 5,
  run: (work, { reactionId }) => tellOfReaction(work, reactionId),
});

export const likeKey = (kind: string, id: string | number, accountId: number): string =>
  `like:${kind}:${id}:${accountId}`;

async function tellOfReaction(work: Telling, reactionId: string): Promise<void> {
  const { em } = work;
  const reaction = await em.findOne(Reaction, reactionId, { populate: ['comment'] });
  if (!reaction) return;
  const comment = reaction.comment?.$;
  const liked: Sight = comment ? { kind: 'comment', id: comment.id } : likedThing(reaction);
  const ownerId = await ownerOf(em, liked);
  if (ownerId === null) return;
  const notice: Notice = {
    ...{ kind: 'like', actorId: reaction.account.id, subject: comment ? subjectOf(comment) : liked },
    ...(comment ? { commentId: comment.id } : {}),
    key: likeKey(liked.kind, liked.id, reaction.account.id),
    groupKey: `like:${liked.kind}:${liked.id}`,
  };
  await tellPeople(work, notice, await whoSee(work, [ownerId], liked));
}

function likedThing({ model, post, review, image }: Reaction): Subject {
  if (model) return { kind: 'model', id: model.id };
  if (post) return { kind: 'post', id: post.id };
  if (review) return { kind: 'review', id: review.id };
  return { kind: 'image', id: image?.id ?? 0 };
}

export const tellOfReviewJob = defineJob({
  name: 'notifications.tell-of-review',
  lane: 'clock',
  payload: z.object({ reviewId: z.uuid() }),
  attempts: 5,
  async run(work, { reviewId }) {
    const review = await work.em.findOne(Review, { id: reviewId, deletedAt: null, withheldAt: null });
    const ownerId = review && (await ownerOf(work.em, { kind: 'model', id: review.model.id }));
    if (!review || ownerId === null || !isNew(review.createdAt, work.now())) return;
    const subject = { kind: 'review', id: reviewId } as const;
    const about = { actorId: review.author.id, subject, key: `review:${reviewId}` };
    const told: Notice = { ...about, kind: 'review', groupKey: `review:${review.model.id}` };
    await tellPeople(work, told, await whoSee(work, [ownerId], subject));
    const named = await work.em.find(Mention, { review: reviewId }, { fields: ['account'] });
    const called = named.map(({ account }) => account.id).filter((id) => id !== ownerId);
    const mention: Notice = { ...about, kind: 'mention', groupKey: `mention:${reviewId}` };
    await tellPeople(work, mention, await whoSee(work, called, subject));
  },
});

export const tellOfShareJob = defineJob({
  name: 'notifications.tell-of-share',
  lane: 'clock',
  payload: z.object({ shareId: z.uuid() }),
  attempts: 5,
  async run(work, { shareId }) {
    const share = await work.em.findOne(Share, shareId);
    const thing = share?.model
      ? ({ kind: 'model', id: share.model.id } as const)
      : ({ kind: 'post', id: share?.post?.id ?? 0 } as const);
    const ownerId = share && (await ownerOf(work.em, thing));
    if (!share || ownerId === null) return;
    const keys = { key: `share:${shareId}`, groupKey: `share:${thing.kind}:${thing.id}` };
    const notice: Notice = { kind: 'share', actorId: share.account.id, subject: thing, ...keys };
    await tellPeople(work, notice, await whoSee(work, [ownerId], thing));
  },
});

/** After what takes something back: nobody is told of it any more. */
export const forgetJob = defineJob({
  name: 'notifications.forget',
  lane: 'clock',
  payload: z.object({ keys: z.array(z.string()).max(10) }),
  attempts: 5,
  async run({ em }, { keys }) {
    for (const key of keys) await forget(em, key);
  },
});

/** After somebody blocked somebody, or left: what the other did is shown to them no more. */
export const forgetPeopleJob = defineJob({
  name: 'notifications.forget-people',
  lane: 'clock',
  payload: z.object({ accountId: z.int(), targetId: z.int().nullable() }),
  attempts: 5,
  run: ({ em }, { accountId, targetId }) => forgetPeople(em, accountId, targetId),
});

/** Without a target, all that is kept for and of this account: it is deleted. */
async function forgetPeople(em: Work['em'], accountId: number, targetId: number | null): Promise<void> {
  if (targetId !== null) {
    await rows(em, 'delete from notification where account_id = ? and actor_id = ? returning id', [
      accountId,
      targetId,
    ]);
    return;
  }
  await rows(em, 'delete from notification where account_id = ? or actor_id = ? returning id', [accountId, accountId]);
  for (const table of ['notification_setting', 'push_subscription']) {
    await rows(em, `delete from ${table} where account_id in (${inList([accountId])}) returning account_id`, [
      accountId,
    ]);
  }
}
