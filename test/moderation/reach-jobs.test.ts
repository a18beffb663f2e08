import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobsOf } from '../../src/wiring.ts';
import { testNode } from '../node.ts';

/** How a job stands to moderation, and where that is shown. A job that is not here makes the test fail. */
const ASKS = {
  standing: 'compares the epoch when it starts, at its steps and at its end (takedown-jobs.test.ts)',
  lists: 'writes what lists read, from the restrictions themselves (outcomes.test.ts, takedown-reach.test.ts)',
  says: 'tells peers what the restrictions let it (takedown-peers.test.ts)',
  publishes: 'publishes what moderation does not keep back (publish-scheduled in lifecycle tests)',
  takes: 'takes bytes in; names and hashes that are locked are refused (de-attribution.test.ts)',
  fetches: 'asks before it fetches for something that was taken down here',
  copies: 'keeps copies of files that nobody forbids (copies/rules.ts)',
  decides: 'is a decision itself, written by restrict() and startTakedown()',
  none: 'touches nothing that a decision can be about, or only removes',
} as const;

const JOBS: Readonly<Record<string, keyof typeof ASKS>> = {
  ...{ 'accounts.send-mail': 'none', 'accounts.delete-account': 'none', 'accounts.follow-along': 'none' },
  'accounts.sweep': 'none',
  // credits alone; a post that is kept back is not listed and earns nothing
  ...{ 'economy.reward-post': 'none', 'economy.close-purse': 'none', 'compute.settle-credits': 'none' },
  'compute.reward-makers': 'none',
  ...{ 'catalogue.finish-upload': 'takes', 'catalogue.strip-file': 'takes', 'catalogue.sweep-uploads': 'none' },
  ...{ 'catalogue.publish-scheduled': 'publishes', 'catalogue.finish-deletion': 'none' },
  // without its bytes a picture is not rendered, and names are masked in the copy that it makes
  ...{ 'gallery.render-image': 'takes', 'gallery.resolve-version': 'takes', 'gallery.resolve-model': 'takes' },
  ...{ 'gallery.refresh-models': 'lists', 'gallery.apply-policy': 'lists', 'gallery.sweep': 'none' },
  ...{ 'gallery.remove-account-content': 'none', 'gallery.publish-scheduled': 'publishes' },
  'gallery.finish-deletion': 'none',
  // a decision about a training goes on through the training's own start
  ...{ 'compute.training-decided': 'standing', 'safety.clear-records': 'none', 'safety.erase-texts': 'none' },
  ...{ 'safety.forget-records': 'none', 'moderation.rescan': 'lists', 'moderation.watch-audit': 'none' },
  // these decide, through restrict() and startTakedown()
  ...{ 'moderation.execute-decision': 'decides', 'moderation.take-in-case': 'decides' },
  ...{ 'moderation.finish-case': 'decides', 'moderation.ring-clock': 'decides', 'moderation.watch-clocks': 'none' },
  ...{ 'federation.tell-host': 'says', 'federation.check-notice': 'none', 'federation.read-list': 'none' },
  'moderation.tell-owner': 'none',
  // rows of the queue, which only staff see
  ...{ 'moderation.open-hold-row': 'none', 'moderation.close-hold-row': 'none', 'moderation.open-hash-row': 'none' },
  ...{ 'moderation.execute-takedown': 'lists', 'moderation.end-upload-lock': 'none' },
  ...{ 'compute.generate': 'standing', 'compute.train-segment': 'standing' },
  ...{ 'compute.forget-training': 'none', 'compute.import-dataset': 'none', 'compute.look-at-pictures': 'none' },
  ...{ 'compute.caption-pictures': 'none', 'compute.finish-dataset-deletion': 'none' },
  ...{ 'compute.forget-generations': 'none', 'compute.purge-generation': 'none', 'compute.forget-inputs': 'none' },
  ...{ 'discovery.index-model': 'lists', 'discovery.index-post': 'lists', 'discovery.index-account': 'lists' },
  ...{ 'discovery.unindex-image': 'none', 'operator.collect-blobs': 'none' },
  ...{ 'federation.deliver': 'none', 'federation.probe-peer': 'none', 'federation.ask-peer': 'none' },
  ...{ 'federation.apply-policy': 'lists', 'federation.end-policy': 'lists', 'federation.sweep-peers': 'none' },
  // ingest writes what lists read by refresh() and relistPost(), which ask
  ...{ 'federation.process-activity': 'lists', 'federation.fetch-shared': 'lists', 'federation.backfill': 'lists' },
  ...{ 'federation.carry-followers': 'none', 'federation.fetch-faces': 'none', 'federation.ask-holder': 'lists' },
  ...{ 'federation.refetch-picture': 'fetches', 'federation.fetch-pictures': 'fetches' },
  ...{ 'federation.copy-file': 'copies', 'federation.plan-copies': 'copies', 'federation.plan-copies-of': 'copies' },
  ...{
    'federation.review-copies': 'copies',
    'federation.evict-media': 'none',
    'federation.purge-bytes': 'none',
    'federation.ask-backfill': 'none',
  },
  ...{ 'federation.announce-model': 'says', 'federation.announce-post': 'says', 'federation.announce-image': 'says' },
  ...{ 'federation.announce-comment': 'says', 'federation.announce-review': 'says' },
  ...{ 'federation.announce-like': 'says', 'federation.announce-unlike': 'none' },
  ...{ 'federation.send-follow': 'none', 'federation.send-accept': 'none', 'federation.send-undo-follow': 'none' },
  ...{ 'federation.send-reject': 'none', 'federation.announce-profile': 'none', 'federation.announce-move': 'none' },
  ...{ 'federation.announce-leaving': 'none', 'federation.announce-pin': 'says', 'federation.announce-share': 'says' },
  ...{ 'federation.announce-unshare': 'none', 'federation.tell-of-thing': 'says', 'federation.tell-of-image': 'says' },
  ...{ 'federation.tell-of-version': 'says', 'federation.tell-of-item': 'says', 'federation.tell-of-topic': 'says' },
  ...{ 'federation.tell-of-collection': 'says', 'federation.tell-of-refusal': 'none' },
};

test('every job is in the table that says how it asks moderation', async (t) => {
  const { node } = await testNode(t);
  const names = jobsOf(node).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => !(name in JOBS)),
    [],
    'a job that the table does not know',
  );
  assert.deepEqual(
    Object.keys(JOBS).filter((name) => !names.includes(name)),
    [],
    'a line of the table without a job',
  );
});
