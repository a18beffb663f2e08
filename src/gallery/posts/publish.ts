import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { isShut, standingOf } from '../../safety/standing.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { postPublished, postUnpublished } from '../events.ts';
import { Image, Mention, Post } from '../model.ts';
import { assertMayPost, loadOwnPost } from './draft.ts';
import { assertNamed, findKnown, resolveMentions } from './mentions.ts';
import { relistPost } from './relist.ts';
import { readPost } from './words.ts';

const MOST_DAYS_AHEAD = 365;

/** Makes a post public, or sends it to those it is for. Throws `invalid` while a picture is not rated or there is none. */
export async function publishPost(
  { em, viewer, jobs, words, now }: Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>,
  postId: number,
): Promise<void> {
  assertMayPost(viewer);
  const heldFor = await readOwn({ em, viewer, words }, viewer, postId);
  await em.transactional(async (tx) => {
    const post = await loadOwnPost({ em: tx, viewer }, postId);
    if (post.state === 'published') throw new AppError('conflict', 'This post is already public.');
    await openPost({ em: tx, jobs, now }, post, heldFor);
  });
}

/** Apart from the entities of the transaction that follows, which reads them anew. */
async function readOwn(
  { em, viewer, words }: Pick<Work, 'em' | 'viewer' | 'words'>,
  author: Viewer,
  postId: number,
): Promise<string | null> {
  const look = em.fork();
  return readPost({ em: look, words }, author, await loadOwnPost({ em: look, viewer }, postId));
}

/** Within the caller's transaction. Throws `withheld` for what moderation keeps out of the lists. */
async function openPost(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  post: Post,
  heldFor: string | null,
): Promise<void> {
  await assertReady(em, post);
  const { restrictions } = await standingOf(em, [
    { kind: 'post', id: post.id },
    { kind: 'account', id: post.owner.id },
  ]);
  if (isShut(restrictions)) throw new AppError('withheld', 'A moderation decision keeps this from being published.');
  post.state = 'published';
  // a post that comes back keeps its place in time
  post.publishedAt ??= now();
  post.publishAt = null;
  post.updatedAt = now();
  if (heldFor !== null) await holdWords(em, { kind: 'post', id: post.id }, post.owner.id, heldFor, now());
  await relistPost({ em, jobs }, post);
  record(em, postPublished, { postId: post.id });
  await em.flush();
}

async function assertReady(em: Work['em'], post: Post): Promise<void> {
  const images = await em.find(Image, { post, deletedAt: null });
  if (images.length === 0) throw new AppError('invalid', 'Add a picture first.');
  const { unknown } = await resolveMentions(post.caption, findKnown(em));
  const named = await em.find(Mention, { post }, { fields: ['account'] });
  assertNamed(post.visibility, { accountIds: named.map(({ account }) => account.id), unknown });
  const unrated = images.filter(({ level }) => level === 0);
  if (unrated.length === 0) return;
  const fields = Object.fromEntries(unrated.map(({ id }) => [`rating-${id}`, 'Choose a rating for this picture.']));
  throw new AppError('invalid', 'Rate each picture first: nobody sees it before.', { fields });
}

export const ScheduleForm = z.object({
  publishAt: z
    .string()
    .min(1, 'Choose a day and a time.')
    // a date and time field has no zone; ours says that it is UTC
    .transform((text) => new Date(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`))
    .refine((date) => !Number.isNaN(date.getTime()), 'Choose a day and a time.'),
});

/** Has a post published later. Again moves the time. Throws `invalid` for a past time and as `publishPost`. */
export async function schedulePost(
  { em, viewer, jobs, words, now }: Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>,
  postId: number,
  { publishAt }: z.output<typeof ScheduleForm>,
): Promise<void> {
  assertMayPost(viewer);
  const delayMs = publishAt.getTime() - now().getTime();
  const refusal =
    delayMs <= 0
      ? 'That time has passed.'
      : delayMs > MOST_DAYS_AHEAD * 86_400_000
        ? 'That is more than a year ahead.'
        : null;
  if (refusal) throw new AppError('invalid', refusal, { fields: { publishAt: refusal } });
  // what is doubtful is held when its time comes; what is refused is said while somebody is there to change it
  await readOwn({ em, viewer, words }, viewer, postId);
  await em.transactional(async (tx) => {
    const post = await loadOwnPost({ em: tx, viewer }, postId);
    if (post.state === 'published') throw new AppError('conflict', 'This post is already public.');
    await assertReady(tx, post);
    Object.assign(post, { state: 'scheduled', publishAt, updatedAt: now() });
    jobs.enqueue(tx, publishScheduledJob, { postId }, { delayMs });
    await tx.flush();
  });
}

export const publishScheduledJob = defineJob({
  name: 'gallery.publish-scheduled',
  lane: 'clock',
  payload: z.object({ postId: z.int() }),
  attempts: 5,
  run: (work, { postId }) => publishScheduled(work, postId),
});

/** The job of a time that was moved finds the new time not yet come, and leaves it to its own job. */
async function publishScheduled(
  { em, jobs, words, now }: Pick<Work, 'em' | 'jobs' | 'words' | 'now'>,
  postId: number,
): Promise<void> {
  const look = em.fork();
  const waiting = await look.findOne(Post, { id: postId, state: 'scheduled' }, { populate: ['owner'] });
  if (!waiting) return;
  let heldFor: string | null;
  try {
    heldFor = await readPost({ em: look, words }, waiting.owner.$, waiting);
  } catch (error) {
    if (!(error instanceof AppError) || (error.kind !== 'invalid' && error.kind !== 'forbidden')) throw error;
    // rules that came meanwhile: it is a draft again, and whoever publishes it is told why not
    const draft = { state: 'draft', publishAt: null, updatedAt: now() } as const;
    await look.nativeUpdate(Post, { id: postId, state: 'scheduled', publishAt: { $lte: now() } }, draft);
    return;
  }
  await em.transactional(async (tx) => {
    const post = await tx.findOne(Post, { id: postId, state: 'scheduled', publishAt: { $lte: now() } });
    if (!post) return;
    const standing = await standingOf(tx, [
      { kind: 'post', id: post.id },
      { kind: 'account', id: post.owner.id },
    ]);
    // a decision meanwhile: it stays its owner's alone
    if (!isShut(standing.restrictions)) await openPost({ em: tx, jobs, now }, post, heldFor);
  });
}

/** Takes a post back to where only its owner sees it; a scheduled one becomes a draft again. */
export async function unpublishPost(
  { em, viewer, jobs, now }: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  postId: number,
): Promise<void> {
  await em.transactional(async (tx) => {
    const post = await loadOwnPost({ em: tx, viewer }, postId);
    if (post.state === 'scheduled') Object.assign(post, { state: 'draft', publishAt: null, updatedAt: now() });
    if (post.state === 'published') {
      Object.assign(post, { state: 'unpublished', updatedAt: now() });
      await relistPost({ em: tx, jobs }, post);
      record(tx, postUnpublished, { postId });
    }
    await tx.flush();
  });
}
