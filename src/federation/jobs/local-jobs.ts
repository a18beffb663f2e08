import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { collectionItemChanged, collectionRefused, pinChanged, reviewWritten } from '../../gallery/events.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { planCopies } from '../copies/ask.ts';
import { reviewCopies } from '../copies/drop.ts';
import type { Federation } from '../deps.ts';
import { askBackfill } from '../ingest/backfill.ts';
import { evictMedia, scheduleEviction } from '../ingest/evict-media.ts';
import { announceMove } from '../moving/announce-move.ts';
import { announceImage, announceModel, announcePost } from '../outbox/announce-content.ts';
import {
  announceLeaving,
  announceProfile,
  sendAccept,
  sendFollow,
  sendReject,
  sendUndoFollow,
} from '../outbox/announce-follow.ts';
import { announcePin } from '../outbox/announce-pin.ts';
import { announceReview } from '../outbox/announce-review.ts';
import { announceShare, announceUnshare } from '../outbox/announce-share.ts';
import { announceComment, announceReaction, announceUnlike } from '../outbox/announce-talk.ts';
import { announceCollection } from '../topics/announce-collection.ts';
import { tellOfRefusal } from '../topics/refusals.ts';
import { tellOfImage, tellOfItem, tellOfThing, tellOfTopic, tellOfVersion } from '../topics/tell.ts';

const ends = z.object({ followId: z.string(), followerId: z.int(), targetId: z.int() });
const gone = ends.extend({ uri: z.string().nullable() });

function evictJob(federation: Federation): JobDefinition {
  const evict: JobDefinition = defineJob({
    name: 'federation.evict-media',
    lane: 'clock',
    payload: z.object({}),
    attempts: 3,
    async run(work, _payload, { signal }) {
      await evictMedia(work, federation, signal);
      await scheduleEviction(work, evict);
    },
  });
  return evict;
}

/** What this node says to others after something happened here, and its clock's work. */
export function localJobs(federation: Federation) {
  const job = <Payload extends z.ZodType>(
    name: string,
    payload: Payload,
    run: JobDefinition<Payload>['run'],
    lane: JobDefinition['lane'] = 'delivery',
  ) => defineJob({ name: `federation.${name}`, lane, payload, attempts: 10, run });
  const accountId = z.object({ accountId: z.int() });
  const commentId = z.object({ commentId: z.string() });
  const reactionGone = z.object({ reactionId: z.string(), accountId: z.int() });
  return {
    model: job('announce-model', z.object({ modelId: z.int() }), (work, { modelId }) =>
      announceModel(work, federation, modelId),
    ),
    post: job('announce-post', z.object({ postId: z.int() }), (work, { postId }) =>
      announcePost(work, federation, postId),
    ),
    image: job('announce-image', z.object({ imageId: z.int() }), (work, { imageId }) =>
      announceImage(work, federation, imageId),
    ),
    comment: job('announce-comment', commentId, (work, payload) =>
      announceComment(work, federation, payload.commentId),
    ),
    review: job('announce-review', reviewWritten.payload, (work, { reviewId }) =>
      announceReview(work, federation, reviewId),
    ),
    like: job('announce-like', z.object({ reactionId: z.string() }), (work, { reactionId }) =>
      announceReaction(work, federation, reactionId),
    ),
    unlike: job('announce-unlike', reactionGone, (work, payload) => announceUnlike(work, federation, payload)),
    follow: job('send-follow', ends, (work, payload) => sendFollow(work, federation, payload)),
    accept: job('send-accept', ends, (work, payload) => sendAccept(work, federation, payload)),
    undoFollow: job('send-undo-follow', gone, (work, payload) => sendUndoFollow(work, federation, payload)),
    reject: job('send-reject', gone, (work, payload) => sendReject(work, federation, payload)),
    profile: job('announce-profile', accountId, (work, payload) =>
      announceProfile(work, federation, payload.accountId),
    ),
    move: job('announce-move', accountId, (work, payload) => announceMove(work, federation, payload.accountId)),
    leaving: job('announce-leaving', accountId, (work, payload) =>
      announceLeaving(work, federation, payload.accountId),
    ),
    pin: job('announce-pin', pinChanged.payload, (work, payload) => announcePin(work, federation, payload)),
    share: job('announce-share', z.object({ shareId: z.string() }), (work, { shareId }) =>
      announceShare(work, federation, shareId),
    ),
    unshare: job('announce-unshare', z.object({ shareId: z.string(), accountId: z.int() }), (work, payload) =>
      announceUnshare(work, federation, payload),
    ),
    tellThing: job(
      'tell-of-thing',
      z.object({ kind: z.enum(['model', 'post', 'image']), id: z.int() }),
      (work, payload) => tellOfThing(work, federation, payload),
    ),
    tellImage: job('tell-of-image', z.object({ imageId: z.int() }), (work, { imageId }) =>
      tellOfImage(work, federation, imageId),
    ),
    tellVersion: job('tell-of-version', z.object({ modelId: z.int(), versionId: z.int() }), (work, payload) =>
      tellOfVersion(work, federation, payload),
    ),
    tellItem: job('tell-of-item', collectionItemChanged.payload, (work, payload) =>
      tellOfItem(work, federation, payload),
    ),
    tellTopic: job(
      'tell-of-topic',
      z.object({ kind: z.enum(['model', 'collection']), id: z.int() }),
      async (work, { kind, id }) => {
        // the note goes first: where the topic ends, so do those who follow it
        if (kind === 'collection') await announceCollection(work, federation, { collectionId: id, mayBegin: false });
        await tellOfTopic(work, federation, { kind, id });
      },
    ),
    tellCollection: job('tell-of-collection', z.object({ collectionId: z.int() }), (work, { collectionId }) =>
      announceCollection(work, federation, { collectionId, mayBegin: true }),
    ),
    tellRefusal: job('tell-of-refusal', collectionRefused.payload, (work, payload) =>
      tellOfRefusal(work, federation, payload),
    ),
    planCopies: job('plan-copies', z.object({ modelId: z.int() }), (work, payload) =>
      planCopies(work, federation, payload),
    ),
    planCopiesOf: job('plan-copies-of', z.object({ ownerId: z.int() }), (work, payload) =>
      planCopies(work, federation, payload),
    ),
    reviewCopies: job('review-copies', z.object({}), (work) => reviewCopies(work, federation)),
    askBackfill: job(
      'ask-backfill',
      z.object({ followerId: z.int(), targetId: z.int() }),
      async (work, { followerId, targetId }) => {
        if (await isLocalFollower(work.em, followerId)) await askBackfill(work, federation, targetId);
      },
      'inbox',
    ),
    evict: evictJob(federation),
  };
}

const isLocalFollower = async (em: Work['em'], accountId: number): Promise<boolean> =>
  (await em.count(Account, { id: accountId, host: '' })) > 0;
