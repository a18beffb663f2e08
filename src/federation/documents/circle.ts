import type { EntityManager } from '@mikro-orm/core';
import { unblockedSql } from '../../accounts/block.ts';
import { Account, isLocal } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { type Comment, Image, Mention, Post } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { isOpen, type Visibility } from '../../safety/audience.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { RemoteActor } from '../model.ts';
import type { Audience } from '../vocabulary/audience.ts';
import type { Mention as MentionTag } from '../vocabulary/tags.ts';

type Site = Pick<Federation, 'origin' | 'host'>;

/** What a comment stands under: exactly one of them. */
export type Place = Pick<Comment, 'model' | 'post' | 'image' | 'review'>;

/** Whom a comment answers, and whose page it stands on; with a review's, also whose model that is of. */
export interface Answered {
  readonly owner: Account;
  readonly pageOwner: Account;
  readonly modelOwner?: Account;
}

/** Whom an object of ours is addressed to, and who gets it. */
export interface Circle {
  readonly audience: Audience;
  readonly mentions: readonly MentionTag[];
  /** Accounts whose followers get it. */
  readonly followersOf: readonly number[];
  readonly accountIds: readonly number[];
}

const mentionOf = ({ origin, host }: Site, account: Account): MentionTag => ({
  name: isLocal(account) ? `@${account.name}@${host}` : `@${account.name}@${account.host}`,
  uri: actorUri(origin, account),
});

function circle(
  site: Site,
  visibility: Visibility,
  owner: Account,
  named: readonly Account[],
  collectionUri = followersUri(site.origin, owner.name),
): Circle {
  const mentions = named.map((account) => mentionOf(site, account));
  return {
    audience: { visibility, followersUri: collectionUri, mentionUris: mentions.map(({ uri }) => uri) },
    mentions,
    followersOf: visibility === 'direct' ? [] : [owner.id],
    accountIds: named.map(({ id }) => id),
  };
}

export const circleOfModel = async (site: Site, em: EntityManager, model: Model): Promise<Circle> =>
  circle(site, model.visibility, await em.findOneOrFail(Account, model.owner.id), []);

export async function circleOfPost(site: Site, em: EntityManager, post: Post): Promise<Circle> {
  const owner = await em.findOneOrFail(Account, post.owner.id);
  const all = circle(site, post.visibility, owner, await namedBy(em, { post: post.id }));
  if (!isOpen(post.visibility)) return all;
  const makers = (await makersOf(em, post)).filter(({ id }) => !all.accountIds.includes(id));
  return {
    ...all,
    audience: { ...all.audience, mentionUris: [...all.audience.mentionUris, ...makers.map(({ uri }) => uri)] },
    accountIds: [...all.accountIds, ...makers.map(({ id }) => id)],
  };
}

const MOST_MAKERS = 20;

/**
 * Whose models on other nodes the pictures of a post name: on the page of a model stands what was made with it, also by
 * those whom nobody there follows. They are addressed and not named, which is a word for servers and not a call to them.
 */
const makersOf = (em: EntityManager, { id, owner }: Post): Promise<{ id: number; uri: string }[]> =>
  rows<{ id: number; uri: string }>(
    em,
    `select distinct a.id, a.uri from image i join resource_use r on r.image_id = i.id
       join model_version v on v.id = r.version_id join model m on m.id = v.model_id join account a on a.id = m.owner_id
     where i.post_id = ? and i.shown_at is not null and not i.is_recipe_hidden and v.state = 'published'
       and m.listed_at is not null and a.host <> '' and a.state = 'active'
       and ${unblockedSql('a.id')}
     order by a.id limit ${MOST_MAKERS}`,
    [id, owner.id, owner.id],
  );

async function namedBy(em: EntityManager, where: { post: number } | { words: string }): Promise<Account[]> {
  // ids of comments and reviews are never the same
  const named = 'post' in where ? where : { $or: [{ comment: where.words }, { review: where.words }] };
  const found = await em.find(Mention, named, { populate: ['account'], orderBy: { id: 1 } });
  return found.map(({ account }) => account.$).filter(({ state }) => state === 'active');
}

/**
 * A comment is for those who see what it stands under: on an open page as its author's own posts are, on another one
 * for the followers of whose page it is, or for those whom the page names. `answered` is whom it answers.
 */
export async function circleOfComment(
  site: Site,
  em: EntityManager,
  comment: Pick<Comment, 'id' | 'author' | 'audience'> & Place,
  { owner: answered, pageOwner, modelOwner }: Answered,
): Promise<Circle> {
  const author = await em.findOneOrFail(Account, comment.author.id);
  const others = (accounts: readonly Account[]) =>
    accounts.filter((one, n) => one.id !== author.id && accounts.findIndex(({ id }) => id === one.id) === n);
  const concerned = [answered, pageOwner, ...(modelOwner ? [modelOwner] : [])];
  if (comment.audience !== 'page') return circle(site, 'direct', author, await namedBy(em, { words: comment.id }));
  const { visibility, postId } = await pageOf(em, comment);
  if (isOpen(visibility)) {
    const named = await namedBy(em, { words: comment.id });
    const all = circle(site, visibility, author, others([answered, ...named]));
    const ids = isLocal(pageOwner) ? [author.id, pageOwner.id] : [author.id];
    return { ...all, followersOf: ids, accountIds: others([...concerned, ...named]).map(({ id }) => id) };
  }
  const named = others([...concerned, ...(postId === null ? [] : await namedBy(em, { post: postId }))]);
  const host = modelOwner ?? pageOwner;
  const collectionUri = visibility === 'followers' ? await followersUriOf(site, em, host) : null;
  // a page of elsewhere: its owner's server tells the others
  if (collectionUri === null) return circle(site, 'direct', author, named);
  const followersOf = isLocal(host) ? [host.id] : [];
  return { ...circle(site, 'followers', author, named, collectionUri), followersOf };
}

export async function followersUriOf({ origin }: Site, em: EntityManager, account: Account): Promise<string | null> {
  if (isLocal(account)) return followersUri(origin, account.name);
  return (await em.findOne(RemoteActor, { account }))?.followersUri ?? null;
}

/** For whom the page is that something stands under. */
export async function pageOf(
  em: EntityManager,
  { model, post, image, review }: Place,
): Promise<{ readonly visibility: Visibility; readonly postId: number | null }> {
  if (review)
    return pageOf(em, { ...(await em.findOneOrFail(Review, review.id)), post: null, image: null, review: null });
  if (model) return { visibility: (await em.findOneOrFail(Model, model.id)).visibility, postId: null };
  const postId = image ? (await em.findOneOrFail(Image, image.id)).post.id : (post?.id ?? 0);
  return { visibility: (await em.findOneOrFail(Post, postId)).visibility, postId };
}
