import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

const post = z.object({ postId: z.int() });
const comment = z.object({ commentId: z.string() });
const uri = z.string().nullable();

/** A post is public that was not. */
export const postPublished = defineEvent('post.published', post);
/** Of another node, with its pictures: again whenever they are fetched. */
export const postArrived = defineEvent('post.arrived', post);
/** Its words, its pictures or their ratings changed while it is published. */
export const postUpdated = defineEvent('post.updated', post);
/** Only its owner sees it now; it may come back. */
export const postUnpublished = defineEvent('post.unpublished', post);
/** The time to undo is over. The row stays as a mark, without pictures. */
export const postDeleted = defineEvent('post.deleted', post.extend({ ownerId: z.int(), uri }));
/** Its sizes can be had. */
export const imageRendered = defineEvent('image.rendered', z.object({ imageId: z.int() }));
/** One picture of a published post is gone for good; the row too. */
export const imageDeleted = defineEvent('image.deleted', z.object({ imageId: z.int(), postId: z.int(), uri }));

export const commentCreated = defineEvent('comment.created', comment);
export const commentEdited = defineEvent('comment.edited', comment);
/** By its author, by who owns the page, or withheld by a moderator. The row stays, its text does not. */
export const commentDeleted = defineEvent('comment.deleted', comment);

const review = z.object({ reviewId: z.string() });
/** Written, or written again after its author had taken it back. */
export const reviewWritten = defineEvent('review.written', review);
export const reviewEdited = defineEvent('review.edited', review);
/** By its author, or withheld by a moderator. The row stays. */
export const reviewDeleted = defineEvent('review.deleted', review);

export const reactionCreated = defineEvent('reaction.created', z.object({ reactionId: z.string() }));
/** The row is gone, so what a peer needs to be told stands here. */
export const reactionRemoved = defineEvent(
  'reaction.removed',
  z.object({
    reactionId: z.string(),
    accountId: z.int(),
    kind: z.enum(['model', 'post', 'image', 'comment', 'review']),
    /** An integer of a model, post or image, the UUID of a comment or review. */
    targetId: z.union([z.int(), z.string()]),
    uri,
  }),
);

/** Somebody put a thing of theirs at the top of their profile, or took it away from there. */
export const pinChanged = defineEvent(
  'pin.changed',
  z.object({
    pinId: z.string(),
    accountId: z.int(),
    kind: z.enum(['model', 'post']),
    targetId: z.int(),
    isPinned: z.boolean(),
  }),
);
/** Somebody passed something on to their followers. */
export const shareCreated = defineEvent('share.created', z.object({ shareId: z.string() }));
/** The row is gone. */
export const shareRemoved = defineEvent('share.removed', z.object({ shareId: z.string(), accountId: z.int() }));

/** A thing was put into a collection or taken out. */
export const collectionItemChanged = defineEvent(
  'collection.item-changed',
  z.object({
    collectionId: z.int(),
    kind: z.enum(['model', 'post', 'image']),
    targetId: z.int(),
    isIn: z.boolean(),
    /** Milliseconds. */
    at: z.int(),
  }),
);
/** Its words or its audience changed, or it is gone: the row says which. */
export const collectionChanged = defineEvent('collection.changed', z.object({ collectionId: z.int() }));
/** What is in it stands in another order, or another thing is its cover. */
export const collectionArranged = defineEvent('collection.arranged', z.object({ collectionId: z.int() }));
/** Whose thing it is wants it left out of a collection, or no longer. */
export const collectionRefused = defineEvent(
  'collection.refused',
  z.object({
    refusalId: z.string(),
    collectionId: z.int(),
    accountId: z.int(),
    kind: z.enum(['model', 'post', 'image']),
    targetId: z.int(),
    isRefused: z.boolean(),
  }),
);

/** Somebody asked somebody to take part in a collection. */
export const memberInvited = defineEvent('collection.member-invited', z.object({ memberId: z.string() }));
const entry = z.object({ entryId: z.string() });
/** Something waits for whoever keeps a collection. */
export const submissionBrought = defineEvent('collection.submission-brought', entry);
/** `waiting` takes a decision back. */
export const submissionDecided = defineEvent(
  'collection.submission-decided',
  entry.extend({ state: z.enum(['in', 'refused', 'waiting']) }),
);
/** A contest opened, closes soon, closed or has a result. */
export const contestTurned = defineEvent(
  'contest.turned',
  z.object({ collectionId: z.int(), turn: z.enum(['open', 'closing', 'closed', 'ended']) }),
);

/** What a moderator withheld on its page; `decisionId` is of chance, so that what follows happens once. */
export const WithheldWords = z.object({
  kind: z.enum(['comment', 'review']),
  id: z.string(),
  moderatorId: z.int(),
  decisionId: z.string(),
});
export const wordsWithheld = defineEvent('words.withheld', WithheldWords);
