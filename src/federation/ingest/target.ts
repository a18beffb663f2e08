import type { EntityManager } from '@mikro-orm/core';
import type { Account } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../../catalogue/model.ts';
import { lookAt, type Sight } from '../../gallery/access.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { COMMENT_COUNT } from '../../gallery/talk/comment-count.ts';
import { isSeenBy } from '../../gallery/talk/target.ts';
import { rows } from '../../kit/database/sql.ts';
import { readOwnUri } from '../addresses.ts';

/** A row that peers may like, answer or delete. */
export interface Target {
  readonly kind: 'model' | 'post' | 'image' | 'comment' | 'review';
  readonly id: number | string;
  readonly ownerId: number;
  readonly isLocal: boolean;
  /** Everybody may see it. About the rest, only those whom it is for are heard: see `isFor`. */
  readonly isPublic: boolean;
}

/** The row that an id names, ours or a peer's; null when there is none. A version stands for its model. */
export async function findTarget(em: EntityManager, origin: string, uri: string): Promise<Target | null> {
  const named = await findNamed(em, origin, uri);
  if (!named) return null;
  const look = await lookAt(em, null, sightOf(named));
  return { ...named, isPublic: look?.verdict.allowed ?? false };
}

/** May this account say something about it? Strangers learn nothing of what is not for them (O20). */
export const isFor = async (em: EntityManager, account: Account, target: Target): Promise<boolean> =>
  target.isPublic || isSeenBy(em, { id: account.id, permissions: 0 }, sightOf(target));

export const sightOf = ({ kind, id }: Pick<Target, 'kind' | 'id'>): Sight =>
  kind === 'comment' || kind === 'review' ? { kind, id: String(id) } : { kind, id: Number(id) };

type Named = Omit<Target, 'isPublic'>;

async function findNamed(em: EntityManager, origin: string, uri: string): Promise<Named | null> {
  const own = readOwnUri(origin, uri);
  if (own?.kind === 'account') return null;
  if (own?.kind === 'comment') return findSaid(em, 'comment', { id: own.id });
  if (own?.kind === 'review') return findSaid(em, 'review', { id: own.id });
  if (own) return findNumbered(em, own.kind, Number(own.id));
  const where = { uri };
  const model = await em.findOne(Model, where);
  if (model) return namedOf('model', model);
  const version = await em.findOne(ModelVersion, where, { populate: ['model'] });
  if (version) return namedOf('model', version.model.$);
  const post = await em.findOne(Post, where);
  if (post) return namedOf('post', post);
  const image = await em.findOne(Image, where);
  if (image) return namedOf('image', image);
  return (await findSaid(em, 'comment', where)) ?? findSaid(em, 'review', where);
}

async function findNumbered(
  em: EntityManager,
  kind: 'model' | 'version' | 'post' | 'image',
  id: number,
): Promise<Named | null> {
  const local = { id, isLocal: true };
  if (kind === 'version') {
    const version = await em.findOne(ModelVersion, { id, uri: null }, { populate: ['model'] });
    return version && namedOf('model', version.model.$);
  }
  if (kind === 'model') return namedOf(kind, await em.findOne(Model, local));
  if (kind === 'post') return namedOf(kind, await em.findOne(Post, local));
  return namedOf(kind, await em.findOne(Image, local));
}

interface Owned {
  readonly id: number;
  readonly owner: { readonly id: number };
  readonly isLocal: boolean;
}

function namedOf(kind: 'model' | 'post' | 'image', row: Owned | null): Named | null {
  return row && { kind, id: row.id, ownerId: row.owner.id, isLocal: row.isLocal };
}

async function findSaid(
  em: EntityManager,
  kind: 'comment' | 'review',
  where: { id: string } | { uri: string },
): Promise<Named | null> {
  const row =
    kind === 'comment' ? await em.findOne(Comment, { ...where, bounty: null }) : await em.findOne(Review, where);
  return row && { kind, id: row.id, ownerId: row.author.id, isLocal: row.isLocal };
}

/** Counts the likes and comments of a row anew, so that running anything twice harms nothing. */
export async function recount(em: EntityManager, { kind, id }: Pick<Target, 'kind' | 'id'>): Promise<void> {
  const likes = kind === 'model' ? 'thumbs_up_count' : 'like_count';
  const sets = [`${likes} = (select count(*) from reaction r where r.${kind}_id = ${kind}.id)`];
  if (kind !== 'comment') sets.push(COMMENT_COUNT[kind]);
  await rows(em, `update ${kind} set ${sets.join(', ')} where id = ? returning id`, [id]);
}
