import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ModelFile } from '../../src/catalogue/model.ts';
import { OutboxItem } from '../../src/federation/model.ts';
import { Reaction } from '../../src/gallery/model.ts';
import { Pin } from '../../src/gallery/pins.ts';
import { Share } from '../../src/gallery/shares.ts';
import { rows } from '../../src/kit/database/sql.ts';
import type { JobDefinition } from '../../src/kit/queue/define.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { jobsOf } from '../../src/wiring.ts';
import { Browser } from '../accounts/browser.ts';
import type { Painter } from '../gallery/painter.ts';
import { testNode } from '../node.ts';
import { MARK, type Things } from './reach.ts';
import { reachSite } from './reach-site.ts';
import { blobsOf, carryOut } from './takedowns.ts';

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
  leaves: 'leaves out what is kept back, and nothing of it goes out after a newer decision (transfer/export.test.ts)',
  tells: 'tells people here of what they may see, and is asked again when they look (notifications.test.ts)',
  none: 'touches nothing that a decision can be about, or only removes',
} as const;

const JOBS: Readonly<Record<string, keyof typeof ASKS>> = {
  ...{ 'accounts.send-mail': 'none', 'accounts.delete-account': 'none', 'accounts.follow-along': 'none' },
  'accounts.sweep': 'none',
  ...{ 'notifications.tell-of-comment': 'tells', 'notifications.tell-of-reaction': 'tells' },
  ...{ 'notifications.tell-of-review': 'tells', 'notifications.tell-of-share': 'tells' },
  ...{ 'notifications.tell-of-follow': 'none', 'notifications.tell-of-tip': 'tells' },
  ...{ 'notifications.tell-of-model': 'tells', 'notifications.tell-of-version': 'tells' },
  ...{ 'notifications.tell-of-post': 'tells', 'notifications.tell-of-collected': 'tells' },
  ...{ 'notifications.tell-of-entry': 'tells', 'notifications.tell-of-award': 'tells' },
  'notifications.tell-of-rights': 'tells',
  ...{ 'notifications.tell-of-licence': 'tells', 'notifications.tell-of-search': 'tells' },
  ...{ 'notifications.tell-of-invitation': 'tells', 'notifications.tell-of-submission': 'tells' },
  ...{ 'notifications.tell-of-decision': 'tells', 'notifications.tell-of-contest': 'tells' },
  ...{ 'gallery.tell-of-contest': 'none' },
  ...{ 'notifications.tell-of-work': 'none', 'notifications.forget': 'none', 'notifications.forget-people': 'none' },
  ...{ 'notifications.spread-push': 'none', 'notifications.send-push': 'tells', 'notifications.digest': 'tells' },
  // a message holds names and addresses of what is shown, for who published it or runs the node
  ...{ 'api.announce-to-webhooks': 'tells', 'api.deliver-webhook': 'none' },
  // credits alone; a post that is kept back is not listed and earns nothing
  ...{ 'economy.reward-post': 'none', 'economy.close-purse': 'none', 'compute.settle-credits': 'none' },
  'compute.reward-makers': 'none',
  // says of a public picture which one it was taken from; who may see neither is shown neither
  'compute.link-remixes': 'none',
  // what is kept back is not paid for: the buyers of a version and of a bounty get theirs back (economy/*.test.ts)
  ...{ 'economy.open-early': 'lists', 'economy.return-early': 'lists', 'economy.end-bounty': 'none' },
  ...{ 'economy.bounty-decided': 'decides', 'economy.end-dealings': 'none' },
  ...{ 'catalogue.finish-upload': 'takes', 'catalogue.strip-file': 'takes', 'catalogue.sweep-uploads': 'none' },
  ...{ 'catalogue.publish-scheduled': 'publishes', 'catalogue.finish-deletion': 'none' },
  // without its bytes a picture is not rendered, and names are masked in the copy that it makes
  ...{ 'gallery.render-image': 'takes', 'gallery.resolve-version': 'takes', 'gallery.resolve-model': 'takes' },
  ...{ 'gallery.refresh-models': 'lists', 'gallery.apply-policy': 'lists', 'gallery.sweep': 'none' },
  ...{ 'gallery.remove-account-content': 'none', 'gallery.publish-scheduled': 'publishes' },
  ...{ 'gallery.finish-deletion': 'none', 'gallery.clear-talk-pictures': 'none', 'gallery.count-collections': 'none' },
  // numbers for the owner alone
  'discovery.count-days': 'none',
  'gallery.show-words': 'decides',
  // a decision about a training goes on through the training's own start
  ...{ 'compute.training-decided': 'standing', 'safety.clear-records': 'none', 'safety.erase-texts': 'none' },
  ...{ 'safety.forget-records': 'none', 'moderation.rescan': 'lists', 'moderation.watch-audit': 'none' },
  // these decide, through restrict() and startTakedown()
  ...{ 'moderation.execute-decision': 'decides', 'moderation.take-in-case': 'decides' },
  ...{ 'moderation.check-artist': 'none', 'moderation.note-withheld': 'none' },
  ...{ 'moderation.finish-case': 'decides', 'moderation.ring-clock': 'decides', 'moderation.watch-clocks': 'none' },
  ...{ 'federation.tell-host': 'says', 'federation.check-notice': 'none', 'federation.read-list': 'none' },
  ...{ 'moderation.tell-owner': 'none', 'moderation.end-rights': 'none' },
  // rows of the queue, which only staff see
  ...{ 'moderation.open-hold-row': 'none', 'moderation.close-hold-row': 'none', 'moderation.open-hash-row': 'none' },
  ...{ 'moderation.execute-takedown': 'lists', 'moderation.end-upload-lock': 'none' },
  ...{ 'compute.generate': 'standing', 'compute.train-segment': 'standing', 'compute.merge': 'standing' },
  'compute.forget-merges': 'none',
  ...{ 'compute.forget-training': 'none', 'compute.import-dataset': 'none', 'compute.look-at-pictures': 'none' },
  ...{ 'compute.caption-pictures': 'none', 'compute.finish-dataset-deletion': 'none' },
  ...{ 'compute.forget-generations': 'none', 'compute.purge-generation': 'none', 'compute.forget-inputs': 'none' },
  ...{ 'discovery.index-model': 'lists', 'discovery.index-post': 'lists', 'discovery.index-account': 'lists' },
  // places of what is liked; the lists in that order ask
  ...{ 'discovery.count-like': 'lists', 'discovery.discount-like': 'lists', 'discovery.recount-likes': 'lists' },
  // an index, tags, and how many of a list are new: what is found by them is listed by the lists, which ask
  ...{ 'discovery.fill-looks': 'none', 'discovery.look-for-new': 'none', 'gallery.spread-synonym': 'none' },
  'discovery.forget-finder': 'none',
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
  ...{ 'transfer.export-account': 'leaves', 'transfer.end-export': 'none' },
  ...{ 'transfer.look-into-source': 'none', 'transfer.take-things': 'takes' },
  ...{ 'transfer.let-go-of-archive': 'none', 'transfer.forget-account': 'none' },
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

/** End the owner's things by themselves, so that nothing would be left to look at. */
const ENDS: ReadonlySet<string> = new Set([
  ...['accounts.delete-account', 'gallery.remove-account-content', 'federation.announce-leaving'],
  'discovery.unindex-image',
]);

/** Names of these things by the keys of payloads, once for each kind: whatever a job is about, it is about one of them. */
async function givenNames({ em, address }: Painter, things: Things): Promise<readonly object[]> {
  const browser = new Browser(address);
  await browser.signIn('eve');
  await browser.post(`/models/${things.modelId}/shares`, { on: '1' });
  await browser.post(`/posts/${things.postId}/shares`, { on: '1' });
  for (const kind of ['models', 'posts', 'images'] as const) {
    const id = { models: things.modelId, posts: things.postId, images: things.imageId }[kind];
    await browser.post(`/${kind}/${id}/likes`, { on: '1' });
  }
  const fork = em.fork();
  const file = await fork.findOneOrFail(ModelFile, { version: things.versionId });
  const [reactions, shares, pins] = [
    await fork.find(Reaction, {}),
    await fork.find(Share, {}),
    await fork.find(Pin, {}),
  ];
  const { owner, modelId, versionId, postId, imageId, collectionId, reviewId } = things;
  const all = {
    ...{ modelId, modelIds: [modelId], versionId, postId, imageId, collectionId, reviewId, fileId: file.id },
    ...{ accountId: owner.id, ownerId: owner.id, itemUri: null, isPinned: true, isIn: true, at: 1 },
  };
  const kinds = [
    { kind: 'model', id: modelId, targetId: modelId, commentId: things.comments.model },
    { kind: 'version', id: versionId, targetId: versionId, commentId: things.comments.model },
    { kind: 'post', id: postId, targetId: postId, commentId: things.comments.post },
    { kind: 'image', id: imageId, targetId: imageId, commentId: things.comments.image },
  ];
  return Array.from({ length: Math.max(kinds.length, reactions.length) }, (_, n) => ({
    ...{ ...all, ...kinds[n % kinds.length] },
    ...{ reactionId: reactions[n % reactions.length]?.id, shareId: shares[n % shares.length]?.id },
    ...{ pinId: pins[n % pins.length]?.id },
  }));
}

/** Each job once for each payload that can name one of the things; those that can name none are left out. */
function listRuns(jobs: readonly JobDefinition[], names: readonly object[]) {
  return jobs.flatMap((job) => {
    if (ENDS.has(job.name)) return [];
    const payloads = names.flatMap((name) => {
      const parsed = job.payload.safeParse(name);
      return parsed.success ? [JSON.stringify(parsed.data)] : [];
    });
    const own = [...new Set(payloads)].filter((payload) => payload !== '{}');
    return own.map((payload) => ({ job, payload: JSON.parse(payload) as never }));
  });
}

async function begin(t: TestContext) {
  const { site, things, follower } = await reachSite(t);
  await follower('127.0.0.2');
  const names = await givenNames(site, things);
  await site.settle();
  const runs = listRuns(jobsOf(site.node), names);
  const own = [`/models/${things.modelId}"`, `/posts/${things.postId}"`, `/images/${things.imageId}"`, MARK];
  /** Runs it as if nothing had been said before. Returns what it says of the things, but that they are gone. */
  const run = async ({ job, payload }: (typeof runs)[number]): Promise<string[]> => {
    await site.em.fork().nativeDelete(OutboxItem, {});
    const { em, jobs } = site.workAs(null);
    jobs.enqueue(em, job, payload);
    await em.flush();
    await site.settle();
    const items = await site.em.fork().find(OutboxItem, {});
    return items
      .map(({ document }) => document as Record<string, unknown>)
      .filter(({ type }) => !['Delete', 'Undo', 'Remove'].includes(String(type)))
      .filter((document) => own.some((name) => JSON.stringify(document).includes(name)))
      .map(({ type, id }) => `${type} ${id}`);
  };
  return { site, things, runs, run };
}

/** Shown by their own tests: their payloads name hosts, activities and notices, and no thing. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'moderation.execute-takedown': 'takedown.test.ts',
  'federation.tell-host': 'takedown-peers.test.ts',
  'federation.apply-policy': 'domain-policy.test.ts',
  'federation.end-policy': 'domain-policy.test.ts',
  'federation.ask-holder': 'holders.test.ts',
  'federation.process-activity': 'tombstones.test.ts',
  'federation.fetch-shared': 'tombstones.test.ts',
};

test('before any decision the jobs say and list these things, so that the silence below means something', async (t) => {
  const { site, things, runs, run } = await begin(t);
  const names = new Set(runs.map(({ job }) => job.name));
  const wanted = Object.keys(JOBS).filter((name) => ['lists', 'says', 'publishes'].includes(JOBS[name] ?? ''));
  assert.deepEqual(
    wanted.filter((name) => !names.has(name) && !(name in ELSEWHERE)),
    [],
    'a job that no payload here can start',
  );
  const speakers = new Set<string>();
  for (const one of runs) {
    if ((await run(one)).length > 0) speakers.add(one.job.name);
  }
  const silent = wanted.filter((name) => JOBS[name] === 'says' && !speakers.has(name) && !(name in ELSEWHERE));
  // a like is for its owner, who is here; topics-hidden.test.ts has those who follow a tag
  assert.deepEqual(silent, ['federation.announce-like', 'federation.tell-of-thing', 'federation.tell-of-image']);
  assert.deepEqual(await listed(site, things), ['model', 'post', 'image', 'search for models', 'search for images']);
});

/** What of them lists, search or the store still have. */
async function listed({ em, visitor }: Painter, { modelId, postId, imageId }: Things): Promise<string[]> {
  const found = await rows<{ what: string }>(
    em.fork(),
    `select 'model' as what from model where id = ? and (listed_at is not null or shown_at is not null)
     union all select 'post' from post where id = ? and (listed_at is not null or shown_at is not null)
     union all select 'image' from image where id = ? and (listed_at is not null or shown_at is not null)`,
    [modelId, postId, imageId],
  );
  const searched = ['models', 'images'].map(async (kind) => {
    const { text } = await visitor.get(`/search?q=${MARK}&kind=${kind}`);
    return new RegExp(`/models/${modelId}/|/media/\\d+/${imageId}\\.`).test(text) ? [`search for ${kind}`] : [];
  });
  return [...found.map(({ what }) => what), ...(await Promise.all(searched)).flat()];
}

for (const outcome of ['quarantine', 'remove'] as const) {
  test(`after “${outcome}” no job that is started for one of the things lists it, says it to peers or brings bytes back`, async (t) => {
    const { site, things, runs, run } = await begin(t);
    for (const target of [
      { kind: 'model', id: things.modelId },
      { kind: 'post', id: things.postId },
    ] as const)
      await carryOut(site, { target, outcome, category: 'ncii' });
    const before = await blobsOf(site);
    for (const one of runs) {
      const label = `${one.job.name} ${JSON.stringify(one.payload)}`;
      assert.deepEqual(await run(one), [], `${label} says it`);
      assert.deepEqual(await listed(site, things), [], `${label} lists it`);
    }
    assert.deepEqual(
      [...(await blobsOf(site))].filter((sha256) => !before.has(sha256)),
      [],
    );
    assert.equal(await site.em.fork().count(Job, { state: 'failed' }), 0);
  });
}
