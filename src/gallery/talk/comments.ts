import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { Model } from '../../catalogue/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Saying, Work } from '../../kit/work.ts';
import { RATING } from '../../safety/ratings.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { commentCreated, commentDeleted, commentEdited, wordsWithheld } from '../events.ts';
import { Comment, Image, Mention, Post } from '../model.ts';
import { findKnown, resolveMentions, setMentions } from '../posts/mentions.ts';
import { Review } from '../reviews/model.ts';
import { captionsOf, type GivenPictures, hasThese, setPictures } from '../talk-pictures/hold.ts';
import { COMMENT_COUNT } from './comment-count.ts';
import { assertNoBlock, isSeenBy, loadSubject, type Speaker, type Subject } from './target.ts';

const MOST_CHARACTERS = 10_000;
/** HTML of a peer may be longer than what it says. */
const MOST_REMOTE_CHARACTERS = 100_000;

const uuid = /^[0-9a-f-]{36}$/;

export const CommentForm = z.object({
  text: z
    .string()
    .trim()
    .min(1, 'Say something first.')
    .max(MOST_CHARACTERS, 'A comment has at most 10,000 characters.'),
  parent: z.string().regex(uuid).optional().catch(undefined),
});

export interface NewComment {
  /** Markdown; of a peer, HTML as it came. */
  readonly text: string;
  readonly parentId?: string | undefined;
  /** Of a peer. The same uri again returns the comment that is there. */
  readonly remote?: { readonly uri: string; readonly createdAt: Date };
  readonly pictures?: GivenPictures | undefined;
}

/**
 * Says something under a model, post, picture or review. Federation calls it for people elsewhere, the web for ours. Throws
 * `not_found` for what the speaker may not see, `forbidden` across a block, `invalid` for a parent that is elsewhere.
 */
export async function addComment(
  { em, words, now }: Pick<Work, 'em' | 'words' | 'now'>,
  speaker: Speaker,
  subject: Subject,
  { text, parentId, remote, pictures }: NewComment,
): Promise<string> {
  const { ownerId } = await loadSubject(em, speaker, subject);
  const parent = parentId ? await loadParent(em, speaker, parentId, subject) : null;
  await assertNoBlock(em, speaker.id, parent ? [ownerId, parent.author.id] : [ownerId]);
  const heldFor = await words.read(await withCaptions(em, sayingOf(speaker, text, remote !== undefined), pictures));
  const named = remote ? [] : await namedIn(em, text);
  return em.transactional(async (tx) => {
    const known = remote && (await tx.findOne(Comment, { uri: remote.uri }));
    if (known) return known.id;
    const comment = tx.create(
      Comment,
      {
        id: newId(),
        author: tx.getReference(Account, speaker.id),
        ...subjectColumns(tx, subject),
        parent: parent && tx.getReference(Comment, parent.id),
        // who answers what only they and few others read answers those
        audience: parent && parent.audience !== 'page' ? 'direct' : 'page',
        text: text.replaceAll('\u0000', '').slice(0, remote ? MOST_REMOTE_CHARACTERS : MOST_CHARACTERS),
        isLocal: !remote,
        uri: remote?.uri ?? null,
        createdAt: remote && remote.createdAt < now() ? remote.createdAt : now(),
        withheldAt: heldFor === null ? null : now(),
      },
      { persist: true },
    );
    if (heldFor === null) record(tx, commentCreated, { commentId: comment.id });
    else await holdWords(tx, { kind: 'comment', id: comment.id }, speaker.id, heldFor, now());
    await tx.flush();
    if (pictures) await setPictures({ em: tx, now: () => comment.createdAt }, wordsOf(comment), pictures);
    if (parent && comment.audience !== 'page') await nameThoseOf(tx, comment, parent, ownerId);
    else if (named.length > 0) await setMentions(tx, { comment: comment.id }, speaker.id, named);
    await countComments(tx, comment);
    return comment.id;
  });
}

const wordsOf = ({ id, author }: Comment) => ({ kind: 'comment' as const, id, authorId: author.id });

function subjectColumns(em: EntityManager, { kind, id }: Subject) {
  return {
    model: kind === 'model' ? em.getReference(Model, id) : null,
    post: kind === 'post' ? em.getReference(Post, id) : null,
    image: kind === 'image' ? em.getReference(Image, id) : null,
    review: kind === 'review' ? em.getReference(Review, id) : null,
    bounty: kind === 'bounty' ? id : null,
  };
}

/** Whom words name, among those who are known here. */
const namedIn = async (em: EntityManager, text: string): Promise<readonly number[]> =>
  (await resolveMentions(text, findKnown(em))).accountIds;

/** An answer to a narrow comment is for its author, whom that names, and whose page it is. */
async function nameThoseOf(em: EntityManager, comment: Comment, parent: Comment, pageOwnerId: number): Promise<void> {
  const named = await em.find(Mention, { comment: parent.id }, { fields: ['account'] });
  const accountIds = [parent.author.id, pageOwnerId, ...named.map(({ account }) => account.id)];
  await setMentions(em, { comment: comment.id }, comment.author.id, accountIds);
}

async function loadParent(em: EntityManager, speaker: Speaker, parentId: string, subject: Subject): Promise<Comment> {
  const parent = await em.findOne(Comment, {
    id: parentId,
    [subject.kind]: subject.id,
    deletedAt: null,
    withheldAt: null,
  });
  const isSeen =
    parent?.audience === 'page' || (parent && (await isSeenBy(em, speaker, { kind: 'comment', id: parentId })));
  if (!parent || !isSeen) throw new AppError('invalid', 'What you answer to is not there any more.');
  return parent;
}

/** In the transaction of the change, so that the number and the rows never disagree. */
async function countComments(em: EntityManager, comment: Comment): Promise<void> {
  const { kind, id } = subjectOf(comment);
  await rows(em, `update ${kind} set ${COMMENT_COUNT[kind]} where id = ? returning id`, [id]);
}

export const subjectOf = (comment: Comment): Subject => {
  if (comment.model) return { kind: 'model', id: comment.model.id };
  if (comment.post) return { kind: 'post', id: comment.post.id };
  if (comment.review) return { kind: 'review', id: comment.review.id };
  if (comment.bounty != null) return { kind: 'bounty', id: comment.bounty };
  return { kind: 'image', id: comment.image?.id ?? 0 };
};

/** Throws `not_found` for what was deleted or withheld. */
export async function loadComment(em: EntityManager, commentId: string): Promise<Comment> {
  const comment = await em.findOne(Comment, { id: commentId, deletedAt: null, withheldAt: null });
  if (!comment) throw new AppError('not_found', 'There is no such comment.');
  return comment;
}

/** What people say to each other, as it is read. */
export const sayingOf = (author: Speaker, text: string, isRemote: boolean): Saying => ({
  ...{ author, isRemote, level: RATING.pg },
  texts: [{ scope: 'prose', text, field: 'text' }],
});

/** With what is said of the pictures beside them. */
export async function withCaptions(
  em: EntityManager,
  saying: Saying,
  given: GivenPictures | undefined,
): Promise<Saying> {
  if (!given || given.pictures.length === 0) return saying;
  const { level, texts } = await captionsOf(em, given.pictures);
  return { ...saying, level: saying.level | level, texts: [...saying.texts, ...texts] };
}

/** By its author only, while what it stands under is there for them. Without `pictures` they stay. */
export async function editComment(
  { em, words, now }: Pick<Work, 'em' | 'words' | 'now'>,
  speaker: Speaker,
  commentId: string,
  text: string,
  pictures?: GivenPictures,
): Promise<void> {
  const comment = await loadComment(em, commentId);
  if (comment.author.id !== speaker.id) throw new AppError('forbidden', 'Only its author can change a comment.');
  await loadSubject(em, speaker, subjectOf(comment));
  const hasSamePictures = !pictures || (await hasThese(em, wordsOf(comment), pictures));
  if (comment.text === text && hasSamePictures) return;
  const heldFor = await words.read(await withCaptions(em, sayingOf(speaker, text, !comment.isLocal), pictures));
  const named = comment.isLocal && comment.audience === 'page' ? await namedIn(em, text) : null;
  await em.transactional(async (tx) => {
    if (pictures) await setPictures({ em: tx, now }, wordsOf(comment), pictures);
    Object.assign(comment, { text: text.slice(0, MOST_REMOTE_CHARACTERS), editedAt: now() });
    if (heldFor !== null) await holdComment(tx, comment, heldFor, now());
    record(tx, heldFor === null ? commentEdited : commentDeleted, { commentId });
    await tx.flush();
    if (named) await setMentions(tx, { comment: commentId }, comment.author.id, named);
    await countComments(tx, comment);
  });
}

/** Its new words are looked at first. Within the caller's transaction. */
export async function holdComment(em: EntityManager, comment: Comment, reason: string, now: Date): Promise<void> {
  comment.withheldAt = now;
  await holdWords(em, { kind: 'comment', id: comment.id }, comment.author.id, reason, now);
}

/**
 * By its author or whoever owns the page: the words are gone. By a moderator: they are withheld, and can be looked at
 * again. What a peer said stays away by the word of whose page it is, also when its own server gives it back. What was
 * answered to it stays.
 */
export async function deleteComment(
  { em, now }: Pick<Work, 'em' | 'now'>,
  speaker: Speaker,
  commentId: string,
): Promise<Subject> {
  const comment = await loadComment(em, commentId);
  const subject = subjectOf(comment);
  const isModerator = can(speaker, 'moderateContent');
  const isAuthor = comment.author.id === speaker.id;
  const isOwn = isAuthor || (!isModerator && (await loadSubject(em, speaker, subject)).ownerId === speaker.id);
  if (!isOwn && !isModerator) throw new AppError('forbidden', 'Only its author can delete a comment.');
  await em.transactional(async (tx) => {
    const isForGood = isAuthor || comment.isLocal ? {} : { withheldAt: now() };
    const gone = isOwn ? { deletedAt: now(), text: '', ...isForGood } : { withheldAt: now() };
    if (!(await takeAway(tx, comment, gone)) || isOwn) return;
    record(tx, wordsWithheld, { kind: 'comment', id: commentId, moderatorId: speaker.id, decisionId: newId() });
    await tx.flush();
  });
  return subject;
}

/** `text` goes with what its author deleted. */
interface Gone {
  readonly deletedAt?: Date;
  readonly withheldAt?: Date;
  readonly text?: string;
}

/** False when somebody else was first. */
async function takeAway(tx: EntityManager, comment: Comment, gone: Gone): Promise<boolean> {
  const count = await tx.nativeUpdate(Comment, { id: comment.id, deletedAt: null, withheldAt: null }, gone);
  if (count === 0) return false;
  record(tx, commentDeleted, { commentId: comment.id });
  await tx.flush();
  await countComments(tx, comment);
  return true;
}

/** By a decision, of which its author is told elsewhere. */
export async function withholdComment({ em, now }: Pick<Work, 'em' | 'now'>, commentId: string): Promise<void> {
  const comment = await loadComment(em, commentId);
  await em.transactional(async (tx) => {
    await takeAway(tx, comment, { withheldAt: now() });
  });
}

/** What a moderator withheld is shown again. */
export async function restoreComment({ em }: Pick<Work, 'em'>, commentId: string): Promise<void> {
  await em.transactional(async (tx) => {
    const comment = await tx.findOne(Comment, { id: commentId, deletedAt: null, withheldAt: { $ne: null } });
    if (!comment) return;
    comment.withheldAt = null;
    record(tx, commentEdited, { commentId });
    await tx.flush();
    await countComments(tx, comment);
  });
}
