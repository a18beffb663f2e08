import { z } from 'zod';
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
  commentCreated,
  commentDeleted,
  commentEdited,
  imageRendered,
  pinChanged,
  postDeleted,
  postPublished,
  postUnpublished,
  postUpdated,
  reactionCreated,
  reactionRemoved,
} from '../gallery/events.ts';
import { on, type Wiring } from '../kit/events/wiring.ts';
import { defineJob, type JobDefinition } from '../kit/queue/define.ts';
import { readDocument } from './actors/load.ts';
import { type Apex, openApex } from './apex.ts';
import { apexStore } from './apex-store.ts';
import { planCopies } from './copies/ask.ts';
import { COPY_ATTEMPTS, copyFile } from './copies/copy-file.ts';
import { reviewCopies } from './copies/drop.ts';
import type { Federation, FederationSettings } from './deps.ts';
import { askHolder } from './holders/ask.ts';
import { Intake } from './inbox/intake.ts';
import { processItem } from './inbox/process.ts';
import { backfill } from './ingest/backfill.ts';
import { fetchFaces } from './ingest/fetch-faces.ts';
import { fetchPictures } from './ingest/fetch-pictures.ts';
import { announceMove } from './moving/announce-move.ts';
import { announceImage, announceModel, announcePost } from './outbox/announce-content.ts';
import {
  announceLeaving,
  announceProfile,
  sendAccept,
  sendFollow,
  sendReject,
  sendUndoFollow,
} from './outbox/announce-follow.ts';
import { announcePin } from './outbox/announce-pin.ts';
import { announceComment, announceReaction, announceUnlike } from './outbox/announce-talk.ts';
import { DELIVERY_ATTEMPTS, DELIVERY_BACK_OFF, deliver } from './outbox/deliver.ts';

export interface OpenFederation extends Federation {
  readonly jobList: readonly JobDefinition[];
  readonly wiring: Wiring;
}

const ends = z.object({ followId: z.string(), followerId: z.int(), targetId: z.int() });
const gone = ends.extend({ uri: z.string().nullable() });

/** Federation of this process: its jobs, what follows from which event, and what its routes lean on. */
export function openFederation(settings: FederationSettings): OpenFederation {
  const { origin, host } = settings.publicUrl;
  let apex: Apex | null = null;
  const jobs = peerJobs();
  const federation: Federation = {
    ...settings,
    origin,
    host,
    jobs,
    apex: () => (apex ??= openParts()),
    keysUnderWay: new Map(),
    lookUpsUnderWay: new Map(),
    intake: new Intake(settings.openWork, jobs.process),
  };
  const local = localJobs();
  const jobList = [...Object.values(federation.jobs), ...Object.values(local)] as readonly JobDefinition[];
  return { ...federation, jobList, wiring: settings.mode === 'off' ? [] : wiringOf(local) };

  function openParts(): Apex {
    const requestObject = async (uri: string) =>
      (await readDocument(settings.openWork(), federation, uri))?.object ?? null;
    return openApex({ ownOrigin: origin, store: apexStore(() => settings.openWork().em), requestObject });
  }

  function peerJobs(): Federation['jobs'] {
    return {
      deliver: defineJob({
        name: 'federation.deliver',
        lane: 'delivery',
        payload: z.object({ itemId: z.string(), inboxUri: z.string() }),
        attempts: DELIVERY_ATTEMPTS,
        backOff: DELIVERY_BACK_OFF,
        run: (work, payload, handle) => deliver(work, federation, payload, handle),
      }),
      process: defineJob({
        name: 'federation.process-activity',
        lane: 'inbox',
        payload: z.object({ itemId: z.string() }),
        attempts: 8,
        run: async (work, { itemId }) => {
          await federation.intake.whenQuiet();
          return processItem(work, federation, itemId);
        },
      }),
      fetchPictures: defineJob({
        name: 'federation.fetch-pictures',
        lane: 'media',
        payload: z.object({ postId: z.int() }),
        attempts: 8,
        run: (work, { postId }, { signal }) => fetchPictures(work, federation, postId, signal),
      }),
      copyFile: defineJob({
        name: 'federation.copy-file',
        lane: 'media',
        payload: z.object({ fileId: z.int() }),
        attempts: COPY_ATTEMPTS,
        run: (work, { fileId }, handle) => copyFile(work, federation, fileId, handle),
      }),
      askHolder: defineJob({
        name: 'federation.ask-holder',
        lane: 'delivery',
        payload: z.object({ hash: z.string(), host: z.string() }),
        attempts: 1,
        run: (work, payload) => askHolder(work, federation, payload),
      }),
      fetchFaces: defineJob({
        name: 'federation.fetch-faces',
        lane: 'media',
        payload: z.object({ accountId: z.int() }),
        attempts: 3,
        run: (work, { accountId }) => fetchFaces(work, federation, accountId),
      }),
    };
  }

  function localJobs() {
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
      planCopies: job('plan-copies', z.object({ modelId: z.int() }), (work, payload) =>
        planCopies(work, federation, payload),
      ),
      planCopiesOf: job('plan-copies-of', z.object({ ownerId: z.int() }), (work, payload) =>
        planCopies(work, federation, payload),
      ),
      reviewCopies: job('review-copies', z.object({}), (work) => reviewCopies(work, federation)),
      backfill: job(
        'backfill',
        z.object({ followerId: z.int(), targetId: z.int() }),
        (work, payload, { signal }) => backfill(work, federation, payload, signal),
        'inbox',
      ),
    };
  }
}

type LocalJobs = Readonly<
  Record<
    | 'model'
    | 'post'
    | 'image'
    | 'comment'
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
    | 'backfill'
    | 'planCopies'
    | 'planCopiesOf'
    | 'reviewCopies',
    JobDefinition
  >
>;

/** Every job looks at the rows as they are then, and leaves what is not ours to tell. */
function wiringOf(local: LocalJobs): Wiring {
  const model = ({ modelId }: { modelId: number }) => ({ modelId });
  const post = ({ postId }: { postId: number }) => ({ postId });
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
    ...[commentCreated, commentEdited, commentDeleted].map((event) => on(event, local.comment)),
    on(reactionCreated, local.like),
    on(reactionRemoved, local.unlike, ({ reactionId, accountId }) => ({ reactionId, accountId })),
    on(followRequested, local.follow),
    on(followAccepted, local.accept),
    on(followAccepted, local.backfill, ({ followerId, targetId }) => ({ followerId, targetId })),
    on(followUndone, local.undoFollow),
    on(followRejected, local.reject),
    on(accountProfileChanged, local.profile),
    on(accountMoved, local.move, (payload) => ({ accountId: payload.accountId })),
    on(accountDeleted, local.leaving),
    on(pinChanged, local.pin),
  ];
}
