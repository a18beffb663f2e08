import type { EntityManager } from '@mikro-orm/core';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { COMMENT_COUNT } from '../../gallery/talk/comment-count.ts';
import { rows } from '../../kit/database/sql.ts';
import { readOwnUri } from '../addresses.ts';

/** A row that peers may like, answer or delete. */
export interface Target {
  readonly kind: 'model' | 'post' | 'image' | 'comment';
  readonly id: number | string;
  readonly ownerId: number;
  readonly isLocal: boolean;
  /** Everybody may see it: only then is anything taken from strangers about it (O20). */
  readonly isPublic: boolean;
}

/** The row that an id names, ours or a peer's; null when there is none. A version stands for its model. */
export async function findTarget(em: EntityManager, origin: string, uri: string): Promise<Target | null> {
  const own = readOwnUri(origin, uri);
  if (own?.kind === 'account') return null;
  if (own) return own.kind === 'comment' ? findComment(em, { id: own.id }) : findNumbered(em, own.kind, Number(own.id));
  const where = { uri };
  const model = await em.findOne(Model, where);
  if (model) return modelTarget(model);
  const version = await em.findOne(ModelVersion, where, { populate: ['model'] });
  if (version) return modelTarget(version.model.$);
  const post = await em.findOne(Post, where);
  if (post) return postTarget(post);
  const image = await em.findOne(Image, where, { populate: ['post'] });
  if (image) return imageTarget(image, image.post.$);
  return findComment(em, where);
}

async function findNumbered(
  em: EntityManager,
  kind: 'model' | 'version' | 'post' | 'image',
  id: number,
): Promise<Target | null> {
  const local = { id, isLocal: true };
  if (kind === 'model') {
    const model = await em.findOne(Model, local);
    return model && modelTarget(model);
  }
  if (kind === 'version') {
    const version = await em.findOne(ModelVersion, { id, uri: null }, { populate: ['model'] });
    return version && modelTarget(version.model.$);
  }
  if (kind === 'post') {
    const post = await em.findOne(Post, local);
    return post && postTarget(post);
  }
  const image = await em.findOne(Image, local, { populate: ['post'] });
  return image && imageTarget(image, image.post.$);
}

const modelTarget = (model: Model): Target => ({
  ...{ kind: 'model', id: model.id, ownerId: model.owner.id, isLocal: model.isLocal },
  isPublic: model.state === 'published' && model.listedAt != null,
});

const isOpen = (post: Post): boolean =>
  post.state === 'published' && (post.visibility === 'public' || post.visibility === 'unlisted');

const postTarget = (post: Post): Target => ({
  ...{ kind: 'post', id: post.id, ownerId: post.owner.id, isLocal: post.isLocal },
  isPublic: isOpen(post),
});

const imageTarget = (image: Image, post: Post): Target => ({
  ...{ kind: 'image', id: image.id, ownerId: image.owner.id, isLocal: image.isLocal },
  isPublic: isOpen(post) && image.deletedAt == null && image.level > 0,
});

async function findComment(em: EntityManager, where: { id: string } | { uri: string }): Promise<Target | null> {
  const comment = await em.findOne(Comment, where);
  if (!comment) return null;
  return {
    ...{ kind: 'comment', id: comment.id, ownerId: comment.author.id, isLocal: comment.isLocal },
    isPublic: comment.deletedAt == null && comment.withheldAt == null,
  };
}

/** Counts the likes and comments of a row anew, so that running anything twice harms nothing. */
export async function recount(em: EntityManager, { kind, id }: Pick<Target, 'kind' | 'id'>): Promise<void> {
  const likes = kind === 'model' ? 'thumbs_up_count' : 'like_count';
  const sets = [`${likes} = (select count(*) from reaction r where r.${kind}_id = ${kind}.id)`];
  if (kind !== 'comment') sets.push(COMMENT_COUNT[kind]);
  await rows(em, `update ${kind} set ${sets.join(', ')} where id = ? returning id`, [id]);
}
