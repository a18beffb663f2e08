import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import { collectionItemChanged, collectionRefused, pinChanged, reviewWritten } from '../gallery/events.ts';
import type { Wiring } from '../kit/events/wiring.ts';
import { defineJob, type JobDefinition } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { KeyBudget } from './actors/key-budget.ts';
import { readDocument } from './actors/load.ts';
import { type Apex, openApex } from './apex.ts';
import { apexStore } from './apex-store.ts';
import { boundFetches } from './bound-fetches.ts';
import { planCopies } from './copies/ask.ts';
import { COPY_ATTEMPTS, copyFile } from './copies/copy-file.ts';
import { reviewCopies } from './copies/drop.ts';
import type { Federation, FederationSettings } from './deps.ts';
import { askHolder } from './holders/ask.ts';
import { fetchShared } from './inbox/announce.ts';
import { Intake } from './inbox/intake.ts';
import { CarryFollowers, carryFollowers } from './inbox/move.ts';
import { PROCESS_ATTEMPTS, processItem } from './inbox/process.ts';
import { askBackfill, backfill } from './ingest/backfill.ts';
import { evictMedia, scheduleEviction } from './ingest/evict-media.ts';
import { fetchFaces } from './ingest/fetch-faces.ts';
import { fetchPictures } from './ingest/fetch-pictures.ts';
import { refetchPicture } from './ingest/refetch-picture.ts';
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
import { announceReview } from './outbox/announce-review.ts';
import { announceShare, announceUnshare } from './outbox/announce-share.ts';
import { announceComment, announceReaction, announceUnlike } from './outbox/announce-talk.ts';
import { deliverTo } from './outbox/deliver.ts';
import { applyPolicy } from './peers/apply.ts';
import { endPolicy } from './peers/decide.ts';
import { askPeer } from './peers/software.ts';
import { schedulePeerSweep, sweepPeers } from './peers/sweep.ts';
import { announceCollection } from './topics/announce-collection.ts';
import { tellOfRefusal } from './topics/refusals.ts';
import { tellOfImage, tellOfItem, tellOfThing, tellOfTopic, tellOfVersion } from './topics/tell.ts';
import { wiringOf } from './wiring.ts';

export interface OpenFederation extends Federation {
  readonly jobList: readonly JobDefinition[];
  readonly wiring: Wiring;
  /** What the clock of this room does from now on. */
  readonly schedule: (work: Pick<Work, 'em' | 'jobs' | 'now'>) => Promise<void>;
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
    keyBudget: new KeyBudget(settings.limits),
    lookUpsUnderWay: new Map(),
    intake: new Intake(settings.openWork, jobs.process),
  };
  const local = localJobs();
  const jobList = [...Object.values(federation.jobs), ...Object.values(local)] as readonly JobDefinition[];
  return {
    ...federation,
    jobList,
    wiring: settings.mode === 'off' ? [] : wiringOf(local),
    async schedule(work) {
      await scheduleEviction(work, local.evict);
      await schedulePeerSweep(work, federation);
    },
  };

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
        payload: z.object({ host: z.string() }),
        attempts: 10,
        run: (work, { host }, handle) => deliverTo(work, federation, host, handle),
      }),
      probe: defineJob({
        name: 'federation.probe-peer',
        lane: 'delivery',
        payload: z.object({ host: z.string() }),
        attempts: 10,
        partitionLimit: 8,
        run: (work, { host }, handle) => deliverTo(work, federation, host, handle),
      }),
      askPeer: defineJob({
        name: 'federation.ask-peer',
        lane: 'delivery',
        payload: z.object({ host: z.string() }),
        attempts: 1,
        partitionLimit: 2,
        run: (work, { host }) => askPeer(work, federation, host),
      }),
      applyPolicy: defineJob({
        name: 'federation.apply-policy',
        lane: 'clock',
        payload: z.object({ host: z.string() }),
        attempts: 8,
        run: (work, { host }) => applyPolicy(work, host),
      }),
      endPolicy: defineJob({
        name: 'federation.end-policy',
        lane: 'clock',
        payload: z.object({ host: z.string() }),
        attempts: 8,
        run: (work, { host }) => endPolicy(work, federation, host),
      }),
      sweepPeers: defineJob({
        name: 'federation.sweep-peers',
        lane: 'clock',
        payload: z.object({}),
        attempts: 3,
        run: (work) => sweepPeers(work, federation),
      }),
      process: defineJob({
        name: 'federation.process-activity',
        lane: 'inbox',
        payload: z.object({ itemId: z.string() }),
        attempts: PROCESS_ATTEMPTS,
        run: async (work, { itemId }, handle) => {
          await federation.intake.whenQuiet();
          return processItem(work, federation, itemId, handle);
        },
      }),
      fetchShared: defineJob({
        name: 'federation.fetch-shared',
        lane: 'inbox',
        payload: z.object({ itemId: z.string() }),
        attempts: 4,
        run: (work, { itemId }) => fetchShared(work, boundFetches(federation, MOST_FETCHES), itemId),
      }),
      carryFollowers: defineJob({
        name: 'federation.carry-followers',
        lane: 'inbox',
        payload: CarryFollowers,
        attempts: 10,
        run: (work, ends) => carryFollowers(work, federation, ends),
      }),
      backfill: defineJob({
        name: 'federation.backfill',
        lane: 'inbox',
        payload: z.object({ accountId: z.int() }),
        attempts: 3,
        run: (work, payload, { signal }) => backfill(work, federation, payload, signal),
      }),
      refetchPicture: defineJob({
        name: 'federation.refetch-picture',
        lane: 'media',
        payload: z.object({ imageId: z.int() }),
        attempts: 3,
        run: (work, { imageId }, { signal }) => refetchPicture(work, federation, imageId, signal),
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

  function evictJob() {
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
      evict: evictJob(),
    };
  }
}

/** Reading what a boost names costs at most this many requests. */
const MOST_FETCHES = 20;

const isLocalFollower = async (em: Work['em'], accountId: number): Promise<boolean> =>
  (await em.count(Account, { id: accountId, host: '' })) > 0;
