import { type EntityManager, ref } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Saying, Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { isShut } from '../../safety/standing.ts';
import { Image, Post, type TALK_KINDS } from '../model.ts';
import { isSettled, listImageRestrictions } from '../posts/relist.ts';

export type TalkKind = (typeof TALK_KINDS)[number];

/** How many pictures stand with words of a kind. */
export const MOST_PICTURES: Readonly<Record<TalkKind, number>> = { comment: 4, review: 6, bounty: 6 };

/** What people say, which may have pictures. */
export interface Words {
  readonly kind: TalkKind;
  readonly id: string;
  readonly authorId: number;
}

/** A picture as its author gives it: of a draft of theirs, or there already. */
export interface GivenPicture {
  readonly id: number;
  readonly level?: number | undefined;
  readonly altText?: string | undefined;
}

/** All that the words have, in order; the node takes only these ratings. */
export interface GivenPictures {
  readonly pictures: readonly GivenPicture[];
  readonly allowedLevels: number;
}

const wrong = (message: string): AppError => new AppError('invalid', message, { fields: { pictures: message } });

/**
 * Gives words exactly these pictures: what is new comes out of the author's drafts, what is not named goes, apart from what
 * moderation keeps back. False when nothing changed. Within the caller's transaction. Throws `invalid` at `pictures`.
 */
export async function setPictures(
  { em, now }: Pick<Work, 'em' | 'now'>,
  words: Words,
  { pictures, allowedLevels }: GivenPictures,
): Promise<boolean> {
  const most = MOST_PICTURES[words.kind];
  if (pictures.length > most) throw wrong(t('talk-pictures.too-many', { max: most }));
  const before = await findHolder(em, words);
  const known = before ? await em.find(Image, { post: before.id, deletedAt: null }) : [];
  const found = await findGiven(em, words, pictures, known);
  const hasGone = await dropOthers(em, before, known, pictures);
  if (found.length === 0) {
    if (before && (await em.count(Image, { post: before.id })) === 0) await em.nativeDelete(Post, { id: before.id });
    return hasGone;
  }
  const holder = before ?? (await makeHolder({ em, now }, words));
  const drafts = new Set<number>();
  let hasChanged = hasGone;
  for (const [position, { image, given }] of found.entries()) {
    const old = [image.post.id, image.position, image.level, image.altText].join('\n');
    if (image.post.id !== holder.id) drafts.add(image.post.id);
    const level = await levelOf(em, image, given, allowedLevels);
    const altText = (given.altText ?? image.altText).trim().slice(0, 1500);
    Object.assign(image, { post: ref(holder), position, level, altText });
    hasChanged ||= old !== [holder.id, position, level, altText].join('\n');
  }
  if (hasChanged) holder.updatedAt = now();
  await em.flush();
  await dropEmptied(em, [...drafts]);
  return hasChanged;
}

export const findHolder = (em: EntityManager, { kind, id }: Pick<Words, 'kind' | 'id'>): Promise<Post | null> =>
  em.findOne(Post, { talkKind: kind, talkId: id });

/** Nobody's page: whether a picture is seen is asked of the words. */
export async function makeHolder(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { kind, id, authorId }: Words,
  isLocal = true,
): Promise<Post> {
  const times = { publishedAt: now(), createdAt: now(), updatedAt: now() };
  const post = em.create(
    Post,
    {
      ...{ owner: em.getReference(Account, authorId), talkKind: kind, talkId: id, isLocal },
      ...{ state: 'published', visibility: 'direct', ...times },
    },
    { persist: true },
  );
  await em.flush();
  return post;
}

async function findGiven(
  em: EntityManager,
  { authorId }: Words,
  pictures: readonly GivenPicture[],
  known: readonly Image[],
): Promise<{ readonly image: Image; readonly given: GivenPicture }[]> {
  const ids = [...new Set(pictures.map(({ id }) => id))];
  const own = { owner: authorId, isLocal: true, deletedAt: null };
  const drafts = await em.find(Image, {
    ...own,
    id: { $in: ids },
    post: { state: 'draft', talkKind: null },
  });
  return ids.map((id) => {
    const image = known.find((one) => one.id === id) ?? drafts.find((one) => one.id === id);
    const given = pictures.find((one) => one.id === id);
    if (!image || !given) throw wrong(t('talk-pictures.not-yours'));
    return { image, given };
  });
}

async function dropOthers(
  em: EntityManager,
  holder: Post | null,
  known: readonly Image[],
  pictures: readonly GivenPicture[],
): Promise<boolean> {
  if (!holder) return false;
  const restrictions = await listImageRestrictions(em, holder.id);
  const gone = known.filter(
    ({ id }) => !pictures.some((given) => given.id === id) && !isShut(restrictions.get(id) ?? 0),
  );
  for (const image of gone) em.remove(image);
  await em.flush();
  return gone.length > 0;
}

async function levelOf(em: EntityManager, image: Image, given: GivenPicture, allowedLevels: number): Promise<number> {
  const level = given.level ?? image.level;
  if (level === image.level && level > 0) return level;
  if (await isSettled(em, image.id, image.post.id)) return image.level;
  if (!(RATINGS as readonly number[]).includes(level)) throw wrong(t('talk-pictures.unrated'));
  if ((level & allowedLevels) === 0) throw wrong(t('talk-pictures.not-taken', { rating: ratingLabel(level) }));
  const { leastLevel: least, mostLevel: most } = image;
  if (level < least) throw wrong(t('gallery.rating-least', { rating: ratingLabel(least) }));
  if (most > 0 && level > most) throw wrong(t('safety.ceiling', { rating: ratingLabel(most) }));
  return level;
}

/** A draft that was made for these pictures alone has nothing more to say. */
async function dropEmptied(em: EntityManager, postIds: readonly number[]): Promise<void> {
  for (const id of postIds) {
    if ((await em.count(Image, { post: id })) > 0) continue;
    await em.nativeDelete(Post, { id, state: 'draft', title: '', caption: '' });
  }
}

/** Would `setPictures` change nothing? */
export async function hasThese(
  em: EntityManager,
  words: Pick<Words, 'kind' | 'id'>,
  { pictures }: GivenPictures,
): Promise<boolean> {
  const there = await findPictures(em, words);
  return (
    there.length === pictures.length &&
    there.every(({ id, level, altText }, n) => {
      const given = pictures[n];
      return given?.id === id && (given.level ?? level) === level && (given.altText ?? altText) === altText;
    })
  );
}

/** Those that words have, in order, also what moderation keeps back. */
export const findPictures = (em: EntityManager, { kind, id }: Pick<Words, 'kind' | 'id'>): Promise<Image[]> =>
  em.find(Image, { post: { talkKind: kind, talkId: id }, deletedAt: null }, { orderBy: { position: 1, id: 1 } });

/** All of them, when their words go. Within the caller's transaction. */
export async function removePictures(em: EntityManager, words: Pick<Words, 'kind' | 'id'>): Promise<void> {
  const holder = await findHolder(em, words);
  if (holder) await removeHolder(em, holder.id);
}

/** At once and for good, with what holds them. Within the caller's transaction. */
export async function removeHolder(em: EntityManager, holderId: number): Promise<void> {
  await em.nativeDelete(Image, { post: holderId });
  await em.nativeDelete(Post, { id: holderId, talkKind: { $ne: null } });
}

/** What a person reads in the pictures of words: what is said of each, and the highest rating. */
export async function captionsOf(
  em: EntityManager,
  pictures: readonly GivenPicture[],
): Promise<Pick<Saying, 'texts' | 'level'>> {
  const images = await em.find(Image, { id: { $in: pictures.map(({ id }) => id) } }, { fields: ['altText', 'level'] });
  const of = (id: number) => images.find((image) => image.id === id);
  return {
    level: pictures.reduce((levels, { id, level }) => levels | (level ?? of(id)?.level ?? 0), 0),
    texts: pictures.map(({ id, altText }) => ({
      ...{ scope: 'caption', text: altText ?? of(id)?.altText ?? '', field: `alt-${id}` },
    })),
  };
}
