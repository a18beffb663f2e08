import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import type { Jobs } from '../../kit/queue/jobs.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { RATING } from '../../safety/ratings.ts';
import { refreshModelsJob } from '../figures.ts';
import { Image, Post } from '../model.ts';

/**
 * Makes the columns that lists read agree with a post, its pictures and what moderation says of them. Called in the
 * transaction of every change, after which the caller flushes; also enqueues the recount of the models concerned.
 */
export async function relistPost({ em, jobs }: { em: EntityManager; jobs: Jobs }, post: Post): Promise<void> {
  const images = await em.find(Image, { post }, { orderBy: { position: 'asc', id: 'asc' } });
  const withheld = await withheldOf(em, post, images);
  const isShownAtAll = post.state === 'published' && !withheld.post;
  const isListed = post.visibility === 'public' && !withheld.isUnlisted;
  const shown = images.filter(isShown);
  for (const image of images) {
    const isOpen = isShownAtAll && isShown(image) && !withheld.images.has(image.id);
    image.shownAt = isOpen ? (post.publishedAt ?? null) : null;
    image.listedAt = isListed ? image.shownAt : null;
  }
  post.level = shown.reduce((levels, { level }) => levels | level, 0);
  post.imageCount = shown.length;
  post.shownAt = images.some(({ shownAt }) => shownAt != null) ? (post.publishedAt ?? null) : null;
  post.listedAt = isListed ? post.shownAt : null;
  await em.flush();
  const modelIds = await modelsOf(em, post.id);
  if (modelIds.length > 0) jobs.enqueue(em, refreshModelsJob, { modelIds }, { dedupeKey: `models:${modelIds}` });
}

/** A picture that its author rated and did not remove. */
export const isShown = (image: Pick<Image, 'level' | 'deletedAt'>): boolean =>
  image.deletedAt == null && image.level > 0 && image.level < RATING.blocked;

async function withheldOf(
  em: EntityManager,
  post: Post,
  images: readonly Image[],
): Promise<{ post: boolean; isUnlisted: boolean; images: ReadonlySet<number> }> {
  const ids = images.map(({ id }) => id);
  const states = await rows<{ target_kind: string; target_id: number; restrictions: number }>(
    em,
    `select target_kind, target_id, restrictions from policy_state
     where (target_kind = 'post' and target_id = ?) or (target_kind = 'account' and target_id = ?)
       or (target_kind = 'image' and target_id in (${inList(ids)}))`,
    [post.id, post.owner.id, ...ids],
  );
  const hidden = states.filter(({ restrictions }) => (restrictions & (RESTRICTION.view | RESTRICTION.removed)) !== 0);
  return {
    post: hidden.some(({ target_kind }) => target_kind !== 'image'),
    isUnlisted: states.some(
      ({ target_kind, restrictions }) => target_kind !== 'image' && (restrictions & RESTRICTION.list) !== 0,
    ),
    images: new Set(hidden.filter(({ target_kind }) => target_kind === 'image').map(({ target_id }) => target_id)),
  };
}

/** Models in whose gallery the post stands, or that its pictures were made with. */
export async function modelsOf(em: EntityManager, postId: number): Promise<number[]> {
  const found = await rows<{ model_id: number }>(
    em,
    `select v.model_id from post p join model_version v on v.id = p.version_id where p.id = ?
     union select r.model_id from image i join resource_use r on r.image_id = i.id
       where i.post_id = ? and r.model_id is not null`,
    [postId, postId],
  );
  return found.map(({ model_id }) => model_id).sort((a, b) => a - b);
}

/** A post that moderation restricted, or no longer: lists must know. */
export async function relistAfterPolicy(
  work: { em: EntityManager; jobs: Jobs },
  kind: 'post' | 'image' | 'account',
  targetId: number,
): Promise<void> {
  const where =
    kind === 'post'
      ? { id: targetId }
      : kind === 'account'
        ? { owner: targetId }
        : { id: await postOf(work.em, targetId) };
  for (const post of await work.em.find(Post, where)) {
    await relistPost(work, post);
    await work.em.flush();
  }
}

async function postOf(em: EntityManager, imageId: number): Promise<number> {
  return (await em.findOne(Image, imageId, { fields: ['post'] }))?.post.id ?? 0;
}
