import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { Upload } from '../../src/catalogue/uploads/model.ts';
import { DigestTombstone, SentNotice } from '../../src/federation/notices/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { RateLimits } from '../../src/kit/web/rate-limit.ts';
import { claimFormOf } from '../../src/moderation/cases/intake/form.ts';
import { submitClaim } from '../../src/moderation/cases/intake/submit.ts';
import { makeTicket } from '../../src/moderation/cases/intake/ticket.ts';
import { withdrawCase } from '../../src/moderation/cases/threads/withdraw.ts';
import { HashBlock } from '../../src/safety/hashes/model.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { answersFor } from '../moderation/cases/desk.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';

/** Bob on one node follows Alice on the other. */
async function given(t: TestContext) {
  const home = await peerNode(t, '127.0.0.1');
  const away = await peerNode(t, '127.0.0.2');
  const alice = await home.member('alice');
  const bob = await away.member('bob');
  await followAccount(away, bob.browser, home, 'alice', [home, away]);
  const later = async (ms: number) => {
    for (const peer of [home, away]) peer.clock.pass(ms);
    await settleAll(home, away);
  };
  return { home, away, alice: alice.browser, bob: bob.browser, later };
}

function upload(browser: Browser, bytes: Buffer) {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(bytes)]), 'another-name.safetensors');
  return browser.postForm('/upload', form);
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;
const fork = ({ em }: Peer) => em.fork();

test('a file that a notice took down is refused at uploads on both nodes, until the notice is taken back', async (t) => {
  const { home, away, alice, bob, later } = await given(t);
  const bytes = kohyaLoraSd1({ name: 'inkwash' });
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await upload(alice, bytes)).location) ?? [];
  await settleAll(home);
  await alice.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', name: 'Ink Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
  });
  await settleAll(home, away);
  const { model } = await fork(home).findOneOrFail(ModelVersion, Number(versionId));
  const { sha256 } = await fork(home).findOneOrFail(ModelFile, { version: Number(versionId) });
  const copy = await fork(away).findOneOrFail(Model, { uri: `${home.origin}/models/${model.id}` });
  const target = { kind: 'model', id: model.id } as const;
  const takedown = await carryOut(home, { target, outcome: 'remove', parameters: { block: true } });
  await settleAll(home, away);

  assert.equal(await fork(away).count(DigestTombstone, { digest: sha256 }), 1);
  const block = await fork(away).findOneOrFail(HashBlock, { kind: 'file', hash: sha256 });
  assert.match(block.sourceCaseId ?? '', /^notice:/);
  const eve = await home.member('eve');
  await upload(eve.browser, bytes);
  await upload(bob, bytes);
  await settleAll(home, away);
  for (const peer of [home, away]) {
    const [refused] = await fork(peer).find(Upload, { state: 'refused' });
    assert.deepEqual([refused?.isWithheld, refused?.sha256], [true, null]);
    assert.equal(await fork(peer).count(ModelFile, { sha256, isStored: true }), 0);
  }

  await later(60_000);
  await carryOut(home, { target, outcome: 'undo', parameters: { undoes: takedown } });
  await settleAll(home, away);
  assert.equal(await fork(away).count(DigestTombstone, { digest: sha256 }), 0);
  assert.ok((await fork(away).findOneOrFail(HashBlock, block.id)).liftedAt);
  assert.equal(await statusOf(`${home.origin}/models/${model.id}`), 200, 'what the block withheld is shown again');
  assert.equal(await statusOf(`${away.origin}/models/${copy.id}`), 200);
  await upload(bob, bytes);
  await settleAll(away);
  assert.equal(await fork(away).count(ModelFile, { sha256, isStored: true }), 1, 'and it may be uploaded');
});

test('a change tells the file that was replaced, and the one in its place is shown and taken', async (t) => {
  const { home, away, alice, later } = await given(t);
  const bytes = kohyaLoraSd1({ name: 'jane doe' });
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await upload(alice, bytes)).location) ?? [];
  await settleAll(home);
  await alice.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', name: 'Jane Doe ink', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
  });
  await settleAll(home, away);
  const old = await fork(home).findOneOrFail(ModelFile, { version: Number(versionId) });
  const { model } = await fork(home).findOneOrFail(ModelVersion, Number(versionId));
  const copy = await fork(away).findOneOrFail(Model, { uri: `${home.origin}/models/${model.id}` });
  await later(60_000);
  await carryOut(home, {
    target: { kind: 'model', id: model.id },
    ...{ outcome: 'de_attribute', category: 'style', parameters: { names: ['Jane Doe'] } },
  });
  await settleAll(home, away);
  const notice = await fork(home).findOneOrFail(SentNotice, { targetId: model.id });
  assert.deepEqual([notice.digests, notice.effects], [[old.sha256], ['de_attribute', 'block_hash', 'flag_derived']]);
  const blocked = (await fork(away).find(HashBlock, { liftedAt: null })).map(({ hash }) => hash);
  assert.deepEqual(blocked, [old.sha256]);
  assert.equal(await statusOf(`${away.origin}/models/${copy.id}`), 200);
  assert.doesNotMatch((await fork(away).findOneOrFail(Model, copy.id)).name, /jane/i);
});

test('a severe claim hides a picture on both nodes at once, and taking it back shows it on both again', async (t) => {
  const { home, away, alice } = await given(t);
  const { claims, now } = home.node;
  const postId = await postPicture(alice, [home, away], 'A valley');
  const image = await fork(home).findOneOrFail(Image, { post: postId });
  const post = await fork(away).findOneOrFail(Post, { uri: `${home.origin}/posts/${postId}` });
  const copy = await fork(away).findOneOrFail(Image, { post });
  const pages = [`${home.origin}/images/${image.id}`, `${away.origin}/images/${copy.id}`];
  const sent = claimFormOf('ncii').parse({
    ...{ ...answersFor('ncii'), url: pages[0], email: 'mia@example.net' },
    ticket: makeTicket(claims.secretKey, new Date(now().getTime() - 30_000)),
  });
  const { caseId } = await submitClaim(home.workAs(null), claims, new RateLimits(now), { ...sent, ip: '192.0.2.7' });
  await settleAll(home, away);
  for (const url of pages) assert.equal(await statusOf(url), 451, url);

  for (const peer of [home, away]) peer.clock.pass(60_000);
  await withdrawCase(home.workAs(null), claims, caseId);
  await settleAll(home, away);
  for (const url of pages) assert.equal(await statusOf(url), 200, url);
  const kinds = (await fork(home).find(SentNotice, {}, { orderBy: { createdAt: 'asc' } })).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['provisional', 'undo']);
  for (const peer of [home, away]) assert.equal(await fork(peer).count(Job, { state: 'failed' }), 0);
});
