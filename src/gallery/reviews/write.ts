import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { type Model, ModelVersion } from '../../catalogue/model.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { registrableDomain } from '../../kit/net/domain.ts';
import type { Work } from '../../kit/work.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { reviewDeleted, reviewEdited, reviewWritten, wordsWithheld } from '../events.ts';
import { findKnown, resolveMentions, setMentions } from '../posts/mentions.ts';
import { sayingOf, withCaptions } from '../talk/comments.ts';
import { assertNoBlock, loadSubject, type Speaker } from '../talk/target.ts';
import { type GivenPictures, hasThese, setPictures } from '../talk-pictures/hold.ts';
import { Review } from './model.ts';
import { REVIEW_COUNT } from './review-count.ts';

const MOST_CHARACTERS = 10_000;
const MOST_REMOTE_CHARACTERS = 100_000;

/** Reviews of one model that the servers of one domain may add in a day: more of them wait for a moderator (A03). */
const COUNTED_FROM_DOMAIN = 20;
/** Of those that wait; more are not kept at all. */
const KEPT_FROM_DOMAIN = 200;
const DAY_MS = 86_400_000;

export const ReviewForm = z.object({
  verdict: z.enum(['up', 'down'], 'Choose a thumb first.'),
  text: z.string().trim().max(MOST_CHARACTERS, 'A review has at most 10,000 characters.').default(''),
});

export interface NewReview {
  readonly isRecommended: boolean;
  /** Markdown; of a peer, HTML as it came. */
  readonly text: string;
  /** Of a peer. */
  readonly remote?: { readonly uri: string; readonly createdAt: Date; readonly host: string };
  /** Without them they stay. */
  readonly pictures?: GivenPictures | undefined;
}

/**
 * Says what somebody found of a version, or says it anew: an account has one review of each. Federation calls it for
 * people elsewhere, the web for ours. Throws `not_found` for what the author may not see or is not published, and
 * `forbidden` for the author's own model and across a block.
 */
export async function writeReview(
  { em, words, now }: Pick<Work, 'em' | 'words' | 'now'>,
  author: Speaker,
  versionId: number,
  review: NewReview,
): Promise<string> {
  const model = await loadReviewed(em, author, versionId);
  const { isRecommended, remote, pictures } = review;
  const text = review.text.replaceAll('\u0000', '').slice(0, remote ? MOST_REMOTE_CHARACTERS : MOST_CHARACTERS);
  const writtenAt = remote && remote.createdAt < now() ? remote.createdAt : now();
  const stands = await em.findOne(Review, { author: author.id, version: versionId, text, deletedAt: null });
  const isSame = stands && (!pictures || (await hasThese(em, { kind: 'review', id: stands.id }, pictures)));
  const saying = sayingOf(author, text, remote !== undefined);
  const heldFor = isSame ? null : await words.read(await withCaptions(em, saying, pictures));
  const named = remote ? null : (await resolveMentions(text, findKnown(em))).accountIds;
  return em.transactional(async (tx) => {
    const uri = remote?.uri ?? null;
    const known = uri === null ? null : await tx.findOne(Review, { uri });
    if (known && (known.author.id !== author.id || known.version.id !== versionId)) {
      throw new AppError('forbidden', 'A review stays with its author and its version.');
    }
    const isLate = remote && !known && (await isFlood(tx, model.id, remote.host, now()));
    const withheldAt = isLate || heldFor !== null ? now() : null;
    const [made] = await rows<{ id: string }>(
      tx,
      `insert into review (id, author_id, version_id, model_id, is_recommended, text, is_local, uri, created_at, received_at, withheld_at)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (author_id, version_id) do nothing returning id`,
      [
        ...[newId(), author.id, versionId, model.id, isRecommended, text],
        ...[remote === undefined, uri, writtenAt, now(), withheldAt],
      ],
    );
    const reviewId = made?.id ?? (await rewrite(tx, author.id, versionId));
    if (made && pictures) await setPictures({ em: tx, now: () => writtenAt }, wordsOf(reviewId), pictures);
    if (named) await setMentions(tx, { review: reviewId }, author.id, named);
    if (heldFor !== null) await holdWords(tx, { kind: 'review', id: reviewId }, author.id, heldFor, now());
    if (made) record(tx, reviewWritten, { reviewId });
    await tx.flush();
    await countReviews(tx, versionId);
    return reviewId;
  });

  function wordsOf(id: string) {
    return { kind: 'review' as const, id, authorId: author.id };
  }

  async function rewrite(tx: EntityManager, authorId: number, version: number): Promise<string> {
    const known = await tx.findOneOrFail(Review, { author: authorId, version }, { refresh: true });
    if (heldFor !== null) known.withheldAt = now();
    const hasOthers = pictures !== undefined && (await setPictures({ em: tx, now }, wordsOf(known.id), pictures));
    if (known.deletedAt != null) {
      const anew = { deletedAt: null, editedAt: null, createdAt: writtenAt, receivedAt: now() };
      Object.assign(known, { isRecommended, text, uri: remote?.uri ?? null, ...anew });
      record(tx, reviewWritten, { reviewId: known.id });
    } else if (
      hasOthers ||
      known.isRecommended !== isRecommended ||
      known.text !== text ||
      known.uri !== (remote?.uri ?? null)
    ) {
      // a second one by the same actor takes the place of the first (A03)
      Object.assign(known, { isRecommended, text, uri: remote?.uri ?? null, editedAt: now() });
      record(tx, reviewEdited, { reviewId: known.id });
    }
    return known.id;
  }
}

async function loadReviewed(em: EntityManager, author: Speaker, versionId: number): Promise<Model> {
  const { ownerId } = await loadSubject(em, author, { kind: 'version', id: versionId });
  const version = await em.findOneOrFail(ModelVersion, versionId, { populate: ['model'] });
  const model = version.model.$;
  if (ownerId === author.id) throw new AppError('forbidden', 'This is your own model.');
  // moderators see drafts too, and nobody reviews those
  if (version.state !== 'published' || model.state !== 'published') throw noVersion();
  await assertNoBlock(em, author.id, [ownerId]);
  return model;
}

const noVersion = () => new AppError('not_found', 'There is no such version.');

/** Throws `forbidden` when so many wait already that one more says nothing new. */
async function isFlood(em: EntityManager, modelId: number, host: string, now: Date): Promise<boolean> {
  const domain = registrableDomain(host.replace(/:\d+$/, ''));
  const hosts = [host, domain, `${domain}:%`, `%.${domain}`, `%.${domain}:%`];
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from review r join account a on a.id = r.author_id
     where r.model_id = ? and r.received_at > ? and (a.host = ? or a.host = ? or a.host like ? or a.host like ? or a.host like ?)`,
    [modelId, new Date(now.getTime() - DAY_MS), ...hosts],
  );
  const count = toNumber(found?.n);
  if (count >= COUNTED_FROM_DOMAIN + KEPT_FROM_DOMAIN) {
    throw new AppError('forbidden', 'Too many reviews of this model came from there today.');
  }
  return count >= COUNTED_FROM_DOMAIN;
}

/** In the transaction of the change, so that the thumbs and the rows never disagree. */
async function countReviews(em: EntityManager, versionId: number): Promise<void> {
  await rows(em, `update model_version set ${REVIEW_COUNT} where id = ? returning id`, [versionId]);
}

/** Throws `not_found` for what was deleted. */
async function loadReview(em: EntityManager, reviewId: string): Promise<Review> {
  const review = await em.findOne(Review, { id: reviewId, deletedAt: null });
  if (!review) throw new AppError('not_found', 'There is no such review.');
  return review;
}

/** By its author, or their server: the words are gone. By a moderator: it is withheld, and can be looked at again. */
export async function deleteReview(
  { em, now }: Pick<Work, 'em' | 'now'>,
  speaker: Speaker,
  reviewId: string,
): Promise<Review> {
  const review = await loadReview(em, reviewId);
  const isOwn = review.author.id === speaker.id;
  if (!isOwn && !can(speaker, 'moderateContent')) {
    await loadSubject(em, speaker, { kind: 'review', id: reviewId });
    throw new AppError('forbidden', 'Only its author can delete a review.');
  }
  await em.transactional(async (tx) => {
    const gone = isOwn ? { deletedAt: now(), text: '' } : { withheldAt: now() };
    const wasWithheld = review.withheldAt != null;
    if (!(await takeAway(tx, review, gone)) || isOwn || wasWithheld) return;
    record(tx, wordsWithheld, { kind: 'review', id: reviewId, moderatorId: speaker.id, decisionId: newId() });
    await tx.flush();
  });
  return review;
}

/** `text` goes with what its author deleted. */
interface Gone {
  readonly deletedAt?: Date;
  readonly withheldAt?: Date;
  readonly text?: string;
}

/** False when somebody else was first. */
async function takeAway(tx: EntityManager, review: Review, gone: Gone): Promise<boolean> {
  if ((await tx.nativeUpdate(Review, { id: review.id, deletedAt: null }, gone)) === 0) return false;
  record(tx, reviewDeleted, { reviewId: review.id });
  await tx.flush();
  await countReviews(tx, review.version.id);
  return true;
}

/** By a decision, of which its author is told elsewhere. */
export async function withholdReview({ em, now }: Pick<Work, 'em' | 'now'>, reviewId: string): Promise<void> {
  const review = await loadReview(em, reviewId);
  await em.transactional(async (tx) => {
    await takeAway(tx, review, { withheldAt: now() });
  });
}

/** What was withheld is shown and counted, by a moderator's word. */
export async function restoreReview({ em, viewer }: Pick<Work, 'em' | 'viewer'>, reviewId: string): Promise<Review> {
  if (!can(viewer, 'moderateContent')) throw new AppError('not_found', 'There is no such review.');
  return showReview({ em }, reviewId);
}

/** The same by the node, after somebody looked at its words. */
export async function showReview({ em }: Pick<Work, 'em'>, reviewId: string): Promise<Review> {
  const review = await loadReview(em, reviewId);
  return em.transactional(async (tx) => {
    await tx.nativeUpdate(Review, { id: reviewId }, { withheldAt: null });
    record(tx, reviewEdited, { reviewId });
    await tx.flush();
    await countReviews(tx, review.version.id);
    return review;
  });
}

/** Those of somebody who left, here or elsewhere. */
export async function deleteReviewsOf(work: Pick<Work, 'em' | 'now'>, accountId: number): Promise<void> {
  const author = { id: accountId, permissions: 0 };
  const found = await work.em.find(Review, { author: accountId, deletedAt: null }, { fields: ['id'] });
  for (const { id } of found) await deleteReview(work, author, id);
}
