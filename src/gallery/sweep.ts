import { z } from 'zod';
import { Hidden } from '../catalogue/hidden/model.ts';
import { rows } from '../kit/database/sql.ts';
import { defineJob } from '../kit/queue/define.ts';
import { Job } from '../kit/queue/job.ts';
import type { Work } from '../kit/work.ts';
import type { Target } from './access.ts';
import { endCollection } from './collections/edit.ts';
import { Collection } from './collections/model.ts';
import { CollectionEntry, CollectionMember } from './collections/together/model.ts';
import { ContestScore, ContestVote } from './contests/model.ts';
import { repairFigures } from './figures.ts';
import { Comment, Post } from './model.ts';
import { removePost } from './posts/delete.ts';
import { dropEmptyDraft } from './posts/draft.ts';
import { deleteReviewsOf } from './reviews/write.ts';
import { SeenImage, SeenModel } from './seen/model.ts';
import { forgetOldSeen } from './seen/see.ts';
import { Share, unshare } from './shares.ts';
import { deleteComment } from './talk/comments.ts';
import { unlike } from './talk/likes.ts';
import { removeTalkPicturesOf, sweepTalkPictures } from './talk-pictures/clear.ts';
import { TopicFollow } from './topics/model.ts';

const DAY_MS = 86_400_000;

export const sweepGalleryJob = defineJob({
  name: 'gallery.sweep',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  async run(work, _payload, { signal }) {
    await dropOldEmptyDrafts(work);
    await forgetOldSeen(work);
    await sweepTalkPictures(work);
    await repairFigures(work, signal);
    await scheduleGallerySweep(work);
  },
});

/** Once a day from now on. Called at each start too, so it looks whether one waits already. */
export async function scheduleGallerySweep({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: sweepGalleryJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, sweepGalleryJob, {}, { delayMs: DAY_MS, dedupeKey: sweepGalleryJob.name });
  await em.flush();
}

/** A draft is made before its first picture arrives, and some never do. */
async function dropOldEmptyDrafts({ em, now }: Pick<Work, 'em' | 'now'>): Promise<void> {
  const found = await rows<{ id: number }>(
    em,
    `select p.id from post p where p.state = 'draft' and p.updated_at < ?
       and not exists (select 1 from image i where i.post_id = p.id) limit 1000`,
    [new Date(now().getTime() - DAY_MS)],
  );
  for (const { id } of found) await dropEmptyDraft({ em }, id);
}

export const removeAccountContentJob = defineJob({
  name: 'gallery.remove-account-content',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 10,
  run: (work, { accountId }) => removeAccountContent(work, accountId),
});

/** What somebody who left had here: posts, words, likes. Each is gone when it was done, so a second run does the rest. */
export async function removeAccountContent(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  accountId: number,
): Promise<void> {
  const { em } = work;
  for (const { id } of await em.find(
    Post,
    { owner: accountId, state: { $ne: 'deleted' }, talkKind: null },
    { fields: ['id'] },
  )) {
    await removePost({ ...work, viewer: null }, id);
  }
  await removeTalkPicturesOf(work, accountId);
  const speaker = { id: accountId, permissions: 0 };
  for (const { id } of await em.find(
    Comment,
    { author: accountId, deletedAt: null, withheldAt: null },
    { fields: ['id'] },
  )) {
    await deleteComment(work, speaker, id);
  }
  await deleteReviewsOf(work, accountId);
  for (const collection of await em.find(Collection, { owner: accountId, deletedAt: null })) {
    await endCollection(work, collection);
  }
  await em.nativeDelete(CollectionMember, { account: accountId });
  await em.nativeDelete(CollectionEntry, { account: accountId });
  await em.nativeDelete(ContestScore, { judge: accountId });
  await em.nativeDelete(ContestVote, { account: accountId });
  await em.nativeDelete(TopicFollow, { follower: accountId });
  await em.nativeDelete(Hidden, { account: accountId });
  await em.nativeDelete(SeenImage, { account: accountId });
  await em.nativeDelete(SeenModel, { account: accountId });
  const likes = await rows<{
    model_id: number | null;
    post_id: number | null;
    image_id: number | null;
    comment_id: string | null;
    review_id: string | null;
  }>(em, 'select model_id, post_id, image_id, comment_id, review_id from reaction where account_id = ?', [accountId]);
  for (const row of likes) await unlike(work, speaker, targetOf(row));
  for (const { post, model } of await em.find(Share, { account: accountId })) {
    if (post) await unshare(em, accountId, { kind: 'post', id: post.id });
    else if (model) await unshare(em, accountId, { kind: 'model', id: model.id });
  }
}

function targetOf(row: {
  model_id: number | null;
  post_id: number | null;
  image_id: number | null;
  comment_id: string | null;
  review_id: string | null;
}): Target {
  if (row.review_id !== null) return { kind: 'review', id: row.review_id };
  if (row.comment_id !== null) return { kind: 'comment', id: row.comment_id };
  if (row.image_id !== null) return { kind: 'image', id: row.image_id };
  if (row.post_id !== null) return { kind: 'post', id: row.post_id };
  return { kind: 'model', id: row.model_id ?? 0 };
}
