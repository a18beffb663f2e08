import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { dialectOf, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { assertNotShut } from '../../safety/standing.ts';
import { imageDeleted, postDeleted, postUpdated } from '../events.ts';
import { refreshModelsJob } from '../figures.ts';
import { Comment, Image, Post, PostTag, Reaction } from '../model.ts';
import { Share } from '../shares.ts';
import { removeHolder } from '../talk-pictures/hold.ts';
import { loadOwnPost } from './draft.ts';
import { modelsOf, relistPost } from './relist.ts';

/** How long a deletion can be undone; peers are told when it is over. */
export const UNDO_MS = 15_000;

type Deleting = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** Hides a post at once, and lets go of it for good when the time to undo is over. */
export async function deletePost({ em, viewer, jobs, now }: Deleting, postId: number): Promise<void> {
  await em.transactional(async (tx) => {
    const post = await loadOwnPost({ em: tx, viewer }, postId);
    Object.assign(post, { restoreState: post.state, state: 'deleted', deletedAt: now() });
    await relistPost({ em: tx, jobs }, post);
    jobs.enqueue(tx, finishDeletionJob, { postId }, { delayMs: UNDO_MS });
    await tx.flush();
  });
}

/** Throws `gone` when it is too late. */
export async function restorePost({ em, viewer, jobs }: Deleting, postId: number): Promise<void> {
  await em.transactional(async (tx) => {
    const post = viewer && (await tx.findOne(Post, { id: postId, owner: viewer.id, state: 'deleted' }));
    if (!post?.restoreState) throw new AppError('gone', 'This post is gone; it was deleted too long ago.');
    Object.assign(post, { state: post.restoreState, restoreState: null, deletedAt: null });
    await relistPost({ em: tx, jobs }, post);
    await tx.flush();
  });
}

/** One picture of a post; a published post keeps at least one. */
export async function removeImage({ em, viewer, jobs, now }: Deleting, imageId: number): Promise<number> {
  return em.transactional(async (tx) => {
    const { image, post } = await loadOwnImage({ em: tx, viewer }, imageId);
    const others = await tx.count(Image, { post, deletedAt: null, id: { $ne: imageId } });
    if (others === 0 && post.state !== 'draft') {
      throw new AppError('conflict', 'This is the only picture of the post; delete the post instead.');
    }
    image.deletedAt = now();
    post.updatedAt = now();
    await relistPost({ em: tx, jobs }, post);
    jobs.enqueue(tx, finishDeletionJob, { imageId }, { delayMs: UNDO_MS });
    await tx.flush();
    return post.id;
  });
}

export async function restoreImage({ em, viewer, jobs }: Deleting, imageId: number): Promise<number> {
  return em.transactional(async (tx) => {
    const image = viewer && (await tx.findOne(Image, { id: imageId, owner: viewer.id }, { populate: ['post'] }));
    if (!image) throw new AppError('gone', 'This picture is gone; it was removed too long ago.');
    await assertNotShut(tx, [
      { kind: 'image', id: imageId },
      { kind: 'post', id: image.post.id },
    ]);
    image.deletedAt = null;
    await relistPost({ em: tx, jobs }, image.post.$);
    await tx.flush();
    return image.post.id;
  });
}

/** Throws `not_found` for what is not the viewer's own or was removed. */
export async function loadOwnImage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageId: number,
): Promise<{ image: Image; post: Post }> {
  const image =
    viewer &&
    (await em.findOne(
      Image,
      { id: imageId, owner: viewer.id, deletedAt: null, isLocal: true },
      { populate: ['post'] },
    ));
  // those of words are changed where those are
  if (!image || image.post.$.state === 'deleted' || image.post.$.talkKind != null)
    throw new AppError('not_found', 'There is no such picture.');
  await assertNotShut(em, [
    { kind: 'image', id: imageId },
    { kind: 'post', id: image.post.id },
  ]);
  return { image, post: image.post.$ };
}

export const finishDeletionJob = defineJob({
  name: 'gallery.finish-deletion',
  lane: 'clock',
  payload: z.object({ postId: z.int().optional(), imageId: z.int().optional() }),
  attempts: 10,
  async run(work, { postId, imageId }) {
    const olderThan = new Date(work.now().getTime() - UNDO_MS);
    if (imageId !== undefined) await purgeImage(work, imageId, olderThan);
    if (postId !== undefined) await purgePost(work, postId, olderThan);
  },
});

/** A deletion that was undone, or undone and repeated, is left to its own job. Bytes go with the next sweep of blobs. */
async function purgeImage({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, imageId: number, olderThan: Date) {
  await em.transactional(async (tx) => {
    const image = await tx.findOne(Image, { id: imageId, deletedAt: { $lte: olderThan } }, { populate: ['post'] });
    if (!image) return;
    const post = image.post.$;
    const modelIds = await modelsOf(tx, post.id);
    if (post.state === 'published') {
      record(tx, imageDeleted, { imageId, postId: post.id, uri: image.uri ?? null });
      record(tx, postUpdated, { postId: post.id });
      post.updatedAt = now();
    }
    if (modelIds.length > 0) jobs.enqueue(tx, refreshModelsJob, { modelIds });
    await markImages({ em: tx, now }, { id: imageId });
    await tx.remove(image).flush();
  });
}

async function purgePost(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  postId: number,
  olderThan: Date,
): Promise<void> {
  await em.transactional(async (tx) => {
    const post = await tx.findOne(Post, { id: postId, state: 'deleted', deletedAt: { $lte: olderThan } });
    if (!post || (post.restoreState == null && post.isLocal)) return;
    await emptyPost({ em: tx, jobs, now }, post);
  });
}

/** What remains is the mark that something was here. Within the caller's transaction; flushes. */
async function emptyPost({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, post: Post): Promise<void> {
  const modelIds = await modelsOf(em, post.id);
  if (modelIds.length > 0) jobs.enqueue(em, refreshModelsJob, { modelIds });
  if (post.publishedAt != null) {
    record(em, postDeleted, { postId: post.id, ownerId: post.owner.id, uri: post.uri ?? null });
  }
  Object.assign(post, { restoreState: null, title: '', caption: '', version: null, imageCount: 0, level: 0 });
  await em.flush();
  await em.nativeDelete(Comment, { post: post.id });
  await em.nativeDelete(Reaction, { post: post.id });
  await em.nativeDelete(Share, { post: post.id });
  await em.nativeDelete(PostTag, { post: post.id });
  await markImages({ em, now }, { post: post.id });
  await em.nativeDelete(Image, { post: post.id });
}

/** Of what nobody but its author ever saw no mark stays. */
export async function markImages(
  { em, now }: Pick<Work, 'em' | 'now'>,
  where: { readonly id: number } | { readonly post: number },
): Promise<void> {
  const [column, id] = 'id' in where ? ['i.id', where.id] : ['i.post_id', where.post];
  await rows(
    em,
    `insert into image_mark (id, post_id, is_local, deleted_at)
     select i.id, i.post_id, i.is_local, cast(? as ${dialectOf(em) === 'sqlite' ? 'integer' : 'timestamptz'}) from image i
       join post p on p.id = i.post_id where ${column} = ? and p.published_at is not null and i.level > 0
     on conflict (id) do nothing returning id`,
    [now(), id],
  );
}

/** At once and for good: what a peer deleted, what an account that leaves had, what a moderator decided. */
export async function removePost({ em, viewer, jobs, now }: Deleting, postId: number): Promise<void> {
  if (viewer && !can(viewer, 'moderateContent')) throw new AppError('forbidden', 'Only moderators may do this.');
  await em.transactional(async (tx) => {
    const post = await tx.findOne(Post, { id: postId, $or: [{ deletedAt: null }, { restoreState: { $ne: null } }] });
    if (!post) return;
    if (post.talkKind != null) return removeHolder(tx, post.id);
    Object.assign(post, { state: 'deleted', deletedAt: now() });
    await relistPost({ em: tx, jobs }, post);
    await emptyPost({ em: tx, jobs, now }, post);
  });
}
