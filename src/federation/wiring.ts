import {
  accountDeleted,
  accountMoved,
  accountProfileChanged,
  followAccepted,
  followRejected,
  followRequested,
  followUndone,
} from '../accounts/events.ts';
import { modelDeleted, modelPublished, modelUnpublished, modelUpdated, versionPublished } from '../catalogue/events.ts';
import {
  collectionArranged,
  collectionChanged,
  collectionItemChanged,
  collectionRefused,
  commentCreated,
  commentDeleted,
  commentEdited,
  imageDeleted,
  imageRendered,
  pinChanged,
  postDeleted,
  postPublished,
  postUnpublished,
  postUpdated,
  reactionCreated,
  reactionRemoved,
  reviewDeleted,
  reviewEdited,
  reviewWritten,
  shareCreated,
  shareRemoved,
} from '../gallery/events.ts';
import { on, type Wiring } from '../kit/events/wiring.ts';
import type { JobDefinition } from '../kit/queue/define.ts';

type LocalJobs = Readonly<
  Record<
    | 'model'
    | 'post'
    | 'image'
    | 'comment'
    | 'review'
    | 'like'
    | 'unlike'
    | 'follow'
    | 'accept'
    | 'undoFollow'
    | 'reject'
    | 'profile'
    | 'move'
    | 'leaving'
    | 'pin'
    | 'share'
    | 'unshare'
    | 'tellThing'
    | 'tellVersion'
    | 'tellImage'
    | 'tellItem'
    | 'tellTopic'
    | 'tellCollection'
    | 'tellRefusal'
    | 'askBackfill'
    | 'planCopies'
    | 'planCopiesOf'
    | 'reviewCopies',
    JobDefinition
  >
>;

const REST_MS = 120_000;

/** Every job looks at the rows as they are then, and leaves what is not ours to tell. */
export function wiringOf(local: LocalJobs): Wiring {
  const model = ({ modelId }: { modelId: number }) => ({ modelId });
  const post = ({ postId }: { postId: number }) => ({ postId });
  const thingOfPost = ({ postId }: { postId: number }) => ({ kind: 'post' as const, id: postId });
  const collection = ({ collectionId }: { collectionId: number }) => ({ collectionId });
  /** Somebody who fills or arranges a collection says so once and not with each thing. */
  const atRest = ({ collectionId }: { collectionId: number }) => ({
    ...{ dedupeKey: `collection at rest ${collectionId}`, delayMs: REST_MS },
  });
  return [
    ...[modelPublished, modelUpdated, modelUnpublished, modelDeleted].map((event) => on(event, local.model, model)),
    on(versionPublished, local.model, model),
    ...[modelPublished, modelUpdated].map((event) => on(event, local.planCopies, model)),
    on(versionPublished, local.planCopies, model),
    on(followAccepted, local.planCopiesOf, ({ targetId }) => ({ ownerId: targetId })),
    ...[modelUpdated, modelUnpublished, modelDeleted].map((event) => on(event, local.reviewCopies, () => ({}))),
    ...[postPublished, postUpdated, postUnpublished].map((event) => on(event, local.post, post)),
    on(postDeleted, local.post, post),
    on(imageRendered, local.image),
    ...[modelPublished, modelUpdated, modelUnpublished, modelDeleted].flatMap((event) => [
      on(event, local.tellThing, ({ modelId: id }) => ({ kind: 'model' as const, id })),
      on(event, local.tellTopic, ({ modelId: id }) => ({ kind: 'model' as const, id })),
    ]),
    on(versionPublished, local.tellVersion, ({ modelId, versionId }) => ({ modelId, versionId })),
    ...[postPublished, postUpdated, postUnpublished].map((event) => on(event, local.tellThing, thingOfPost)),
    on(postDeleted, local.tellThing, thingOfPost),
    on(imageRendered, local.tellImage),
    on(collectionItemChanged, local.tellItem),
    on(collectionChanged, local.tellTopic, ({ collectionId: id }) => ({ kind: 'collection' as const, id })),
    ...[collectionChanged, collectionArranged, collectionItemChanged].map((event) =>
      on(event, local.tellCollection, collection, atRest),
    ),
    on(imageDeleted, local.tellThing, ({ imageId: id }) => ({ kind: 'image' as const, id })),
    on(collectionRefused, local.tellRefusal),
    ...[commentCreated, commentEdited, commentDeleted].map((event) => on(event, local.comment)),
    ...[reviewWritten, reviewEdited, reviewDeleted].map((event) => on(event, local.review)),
    on(reactionCreated, local.like),
    on(reactionRemoved, local.unlike, ({ reactionId, accountId }) => ({ reactionId, accountId })),
    on(followRequested, local.follow),
    on(followAccepted, local.accept),
    on(followAccepted, local.askBackfill, ({ followerId, targetId }) => ({ followerId, targetId })),
    on(shareCreated, local.share),
    on(shareRemoved, local.unshare),
    on(followUndone, local.undoFollow),
    on(followRejected, local.reject),
    on(accountProfileChanged, local.profile),
    on(accountMoved, local.move, (payload) => ({ accountId: payload.accountId })),
    on(accountDeleted, local.leaving),
    on(pinChanged, local.pin),
  ];
}
