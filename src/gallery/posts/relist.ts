import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import type { Jobs } from '../../kit/queue/jobs.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { RATING } from '../../safety/ratings.ts';
import { isForbidden, isShut, standingOf } from '../../safety/standing.ts';
import { refreshModelsJob } from '../figures.ts';
import { Image, type Post } from '../model.ts';

/**
 * Makes the columns that lists read agree with a post, its pictures and what moderation says of them. Called in the
 * transaction of every change, after which the caller flushes; also enqueues the recount of the models concerned.
 */
export async function relistPost({ em, jobs }: { em: EntityManager; jobs: Jobs }, post: Post): Promise<void> {
  const images = await em.find(Image, { post }, { orderBy: { position: 'asc', id: 'asc' } });
  const withheld = await withheldOf(em, post, images);
  // what only holds the pictures of words stands in no list
  const isShownAtAll = post.state === 'published' && post.talkKind == null && !isShut(withheld.post);
  const isListed = post.visibility === 'public' && !isForbidden(withheld.post, 'list');
  const forbids = (image: Image) => withheld.post | (withheld.images.get(image.id) ?? 0);
  const shown = shownOf(images, withheld);
  for (const image of images) {
    const isOpen = isShownAtAll && shown.includes(image);
    image.shownAt = isOpen ? (post.publishedAt ?? null) : null;
    image.listedAt = isListed && !isForbidden(forbids(image), 'list') ? image.shownAt : null;
  }
  post.level = shown.reduce((levels, { level }) => levels | level, 0);
  post.imageCount = shown.length;
  post.shownAt = images.some(({ shownAt }) => shownAt != null) ? (post.publishedAt ?? null) : null;
  post.listedAt = isListed && images.some(({ listedAt }) => listedAt != null) ? post.shownAt : null;
  await em.flush();
  const modelIds = await modelsOf(em, post.id);
  if (modelIds.length > 0) jobs.enqueue(em, refreshModelsJob, { modelIds }, { dedupeKey: `models:${modelIds}` });
}

/** Nobody sees it; or it may be shown at PG alone, and is rated above. */
export const isKeptBack = (restrictions: number, level: number): boolean =>
  isShut(restrictions) || ((restrictions & RESTRICTION.explicit) !== 0 && level > RATING.pg);

type Withheld = Awaited<ReturnType<typeof withheldOf>>;

/** Those that moderation does not keep back, of those that their author rated. */
const shownOf = (images: readonly Image[], { post, images: bits }: Withheld): Image[] =>
  images.filter((image) => isShown(image) && !isKeptBack(post | (bits.get(image.id) ?? 0), image.level));

/** Whether `relistPost` would show it, wherever its columns are. */
export async function wouldShow(em: EntityManager, post: Post): Promise<boolean> {
  const images = await em.find(Image, { post });
  const withheld = await withheldOf(em, post, images);
  return post.state === 'published' && !isShut(withheld.post) && shownOf(images, withheld).length > 0;
}

/** A picture that its author rated and did not remove. */
export const isShown = (image: Pick<Image, 'level' | 'deletedAt'>): boolean =>
  image.deletedAt == null && image.level > 0 && image.level < RATING.blocked;

async function withheldOf(
  em: EntityManager,
  post: Post,
  images: readonly Image[],
): Promise<{ post: number; images: ReadonlyMap<number, number> }> {
  const ids = images.map(({ id }) => id);
  const states = await rows<{ target_kind: string; target_id: number; restrictions: number }>(
    em,
    `select target_kind, target_id, restrictions from policy_state
     where (target_kind = 'post' and target_id = ?) or (target_kind = 'account' and target_id = ?)
       or (target_kind = 'image' and target_id in (${inList(ids)}))`,
    [post.id, post.owner.id, ...ids],
  );
  const ofPost = states.filter(({ target_kind }) => target_kind !== 'image');
  return {
    post: ofPost.reduce((bits, { restrictions }) => bits | restrictions, 0),
    images: new Map(
      states.flatMap((row) => (row.target_kind === 'image' ? [[row.target_id, row.restrictions] as const] : [])),
    ),
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

/** What moderation says of single pictures of a post, by their ids; it may say more of the post. */
export async function listImageRestrictions(em: EntityManager, postId: number): Promise<ReadonlyMap<number, number>> {
  const found = await rows<{ id: number; restrictions: number }>(
    em,
    `select i.id, s.restrictions from image i join policy_state s on s.target_kind = 'image' and s.target_id = i.id
     where i.post_id = ? and s.restrictions <> 0`,
    [postId],
  );
  return new Map(found.map(({ id, restrictions }) => [id, restrictions]));
}

/** A decision settled the rating of this picture, so its author does not change it. */
export async function isSettled(em: EntityManager, imageId: number, postId: number): Promise<boolean> {
  const { restrictions } = await standingOf(em, [
    { kind: 'image', id: imageId },
    { kind: 'post', id: postId },
  ]);
  return (restrictions & RESTRICTION.edit) !== 0;
}
