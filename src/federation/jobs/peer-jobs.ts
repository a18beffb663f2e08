import { z } from 'zod';
import { defineJob } from '../../kit/queue/define.ts';
import { renewList } from '../blocklists/lists.ts';
import { boundFetches } from '../bound-fetches.ts';
import { COPY_ATTEMPTS, copyFile } from '../copies/copy-file.ts';
import type { Federation } from '../deps.ts';
import { askHolder } from '../holders/ask.ts';
import { fetchShared } from '../inbox/announce.ts';
import { CarryFollowers, carryFollowers } from '../inbox/move.ts';
import { PROCESS_ATTEMPTS, processItem } from '../inbox/process.ts';
import { backfill } from '../ingest/backfill.ts';
import { fetchFaces } from '../ingest/fetch-faces.ts';
import { fetchPictures } from '../ingest/fetch-pictures.ts';
import { refetchPicture } from '../ingest/refetch-picture.ts';
import { checkNotice } from '../notices/check.ts';
import { TellHost } from '../notices/step.ts';
import { tellHost } from '../notices/tell-host.ts';
import { deliverTo } from '../outbox/deliver.ts';
import { applyPolicy } from '../peers/apply.ts';
import { endPolicy } from '../peers/decide.ts';
import { askPeer } from '../peers/software.ts';
import { sweepPeers } from '../peers/sweep.ts';

/** Reading what a boost names costs at most this many requests. */
const MOST_FETCHES = 20;

/** What is done for and about peers, by whoever asks for it. `federation` is there when the first of them runs. */
export function peerJobs(open: () => Federation): Federation['jobs'] {
  return {
    deliver: defineJob({
      name: 'federation.deliver',
      lane: 'delivery',
      payload: z.object({ host: z.string() }),
      attempts: 10,
      run: (work, { host }, handle) => deliverTo(work, open(), host, handle),
    }),
    probe: defineJob({
      name: 'federation.probe-peer',
      lane: 'delivery',
      payload: z.object({ host: z.string() }),
      attempts: 10,
      partitionLimit: 8,
      run: (work, { host }, handle) => deliverTo(work, open(), host, handle),
    }),
    askPeer: defineJob({
      name: 'federation.ask-peer',
      lane: 'delivery',
      payload: z.object({ host: z.string() }),
      attempts: 1,
      partitionLimit: 2,
      run: (work, { host }) => askPeer(work, open(), host),
    }),
    applyPolicy: defineJob({
      name: 'federation.apply-policy',
      lane: 'clock',
      payload: z.object({ host: z.string() }),
      attempts: 8,
      run: (work, { host }) => applyPolicy(work, open(), host),
    }),
    endPolicy: defineJob({
      name: 'federation.end-policy',
      lane: 'clock',
      payload: z.object({ host: z.string() }),
      attempts: 8,
      run: (work, { host }) => endPolicy(work, open(), host),
    }),
    tellHost: defineJob({
      name: 'federation.tell-host',
      lane: 'delivery',
      payload: TellHost,
      attempts: 10,
      run: (work, { peerId }) => tellHost(work, open(), peerId),
    }),
    checkNotice: defineJob({
      name: 'federation.check-notice',
      lane: 'clock',
      payload: TellHost,
      attempts: 3,
      run: (work, { peerId }) => checkNotice(work, open(), peerId),
    }),
    readList: defineJob({
      name: 'federation.read-list',
      lane: 'clock',
      payload: z.object({ listId: z.string() }),
      attempts: 1,
      run: (work, { listId }) => renewList(work, open(), listId),
    }),
    sweepPeers: defineJob({
      name: 'federation.sweep-peers',
      lane: 'clock',
      payload: z.object({}),
      attempts: 3,
      run: (work) => sweepPeers(work, open()),
    }),
    process: defineJob({
      name: 'federation.process-activity',
      lane: 'inbox',
      payload: z.object({ itemId: z.string() }),
      attempts: PROCESS_ATTEMPTS,
      run: async (work, { itemId }, handle) => {
        await open().intake.whenQuiet();
        return processItem(work, open(), itemId, handle);
      },
    }),
    fetchShared: defineJob({
      name: 'federation.fetch-shared',
      lane: 'inbox',
      payload: z.object({ itemId: z.string() }),
      attempts: 4,
      run: (work, { itemId }) => fetchShared(work, boundFetches(open(), MOST_FETCHES), itemId),
    }),
    carryFollowers: defineJob({
      name: 'federation.carry-followers',
      lane: 'inbox',
      payload: CarryFollowers,
      attempts: 10,
      run: (work, ends) => carryFollowers(work, open(), ends),
    }),
    backfill: defineJob({
      name: 'federation.backfill',
      lane: 'inbox',
      payload: z.object({ accountId: z.int() }),
      attempts: 3,
      run: (work, payload, { signal }) => backfill(work, open(), payload, signal),
    }),
    refetchPicture: defineJob({
      name: 'federation.refetch-picture',
      lane: 'media',
      payload: z.object({ imageId: z.int() }),
      attempts: 3,
      run: (work, { imageId }, { signal }) => refetchPicture(work, open(), imageId, signal),
    }),
    fetchPictures: defineJob({
      name: 'federation.fetch-pictures',
      lane: 'media',
      payload: z.object({ postId: z.int() }),
      attempts: 8,
      run: (work, { postId }, { signal }) => fetchPictures(work, open(), postId, signal),
    }),
    copyFile: defineJob({
      name: 'federation.copy-file',
      lane: 'media',
      payload: z.object({ fileId: z.int() }),
      attempts: COPY_ATTEMPTS,
      run: (work, { fileId }, handle) => copyFile(work, open(), fileId, handle),
    }),
    askHolder: defineJob({
      name: 'federation.ask-holder',
      lane: 'delivery',
      payload: z.object({ hash: z.string(), host: z.string() }),
      attempts: 1,
      run: (work, payload) => askHolder(work, open(), payload),
    }),
    fetchFaces: defineJob({
      name: 'federation.fetch-faces',
      lane: 'media',
      payload: z.object({ accountId: z.int() }),
      attempts: 3,
      run: (work, { accountId }) => fetchFaces(work, open(), accountId),
    }),
  };
}
