import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { loadSigningKey } from '../../src/federation/actors/keys.ts';
import { FileCopy } from '../../src/federation/copies/model.ts';
import { findPeerFile, mayKeep } from '../../src/federation/copies/rules.ts';
import { NODE_ACTOR } from '../../src/federation/model.ts';
import { NoticePeer } from '../../src/federation/notices/model.ts';
import { DomainPolicy, PolicyDraft } from '../../src/federation/peers/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { get } from './cast.ts';
import { peerNode, settleAll } from './nodes.ts';
import { takeDown } from './notices.ts';
import { followAccount, postPicture } from './people.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Alice on A and Bob on B follow each other. B can be made to take everything and do nothing. */
async function given(t: TestContext) {
  const [a, b] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const [alice, bob] = [await a.member('alice'), await b.member('bob')];
  const olga = await a.member('olga', 'admin');
  await followAccount(b, bob.browser, a, 'alice', [a, b]);
  await followAccount(a, alice.browser, b, 'bob', [a, b]);
  const at = () => a.em.fork();
  /** Of the running nodes: those whose queue is not closed. */
  const running = [a, b];
  const pass = async (ms: number) => {
    for (const peer of [a, b]) peer.clock.pass(ms);
    await settleAll(...running);
  };
  const deafen = async () => {
    running.pop();
    await b.node.queue.close();
  };
  /** Takes down a post of Alice's as intimate, and lets the day pass in which B was to heed it. */
  const takeDownUnheard = async (postId: number) => {
    await takeDown(a, { kind: 'post', id: postId }, 'remove', 'ncii');
    await settleAll(...running);
    // a busy machine may let B time out once
    for (let tries = 0; tries < 5 && (await at().count(NoticePeer, { state: 'queued' })) > 0; tries += 1) {
      await pass(120_000);
    }
    for (let hours = 0; hours < 26; hours += 13) await pass(13 * HOUR);
  };
  const overdue = () => at().count(NoticePeer, { host: b.host, state: 'overdue' });
  return {
    a,
    b,
    alice: alice.browser,
    bob: bob.browser,
    olga: olga.browser,
    at,
    running,
    pass,
    deafen,
    takeDownUnheard,
    overdue,
  };
}

async function publishModel(browser: Browser, name: string, settle: () => Promise<void>): Promise<number> {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name }))]), `${name}.safetensors`);
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await browser.postForm('/upload', form)).location) ?? [];
  await settle();
  const words = { act: 'publish', name, type: 'LORA', versionName: 'v1', baseModel: 'SD 1.5', tags: 'ink' };
  const saved = await browser.post(`/versions/${versionId}/edit`, {
    ...words,
    description: 'Ink.',
    trainedWords: 'ink',
  });
  assert.equal(saved.status, 302, saved.text.slice(0, 500));
  await settle();
  return Number(versionId);
}

test('a server that let a severe notice pass gets no file and none of its files is kept, until it complies', async (t) => {
  const { a, b, alice, bob, olga, at, pass, deafen, takeDownUnheard, overdue, running } = await given(t);
  const settle = () => settleAll(...running);
  await olga.post('/admin/copies', { rule: 'request', mostGigabytes: '1' });
  const versionId = await publishModel(alice, 'inkwash', settle);
  await publishModel(bob, 'charcoal', settle);
  await publishModel(bob, 'gouache', settle);
  const [kept, other] = await at().find(ModelFile, { remoteUrl: { $ne: null } }, { orderBy: { id: 1 } });
  assert.ok(kept && other);
  await olga.post(`/files/${kept.id}/copy`);
  await settle();
  assert.equal((await at().findOneOrFail(FileCopy, kept.id)).state, 'kept');
  const postId = await postPicture(alice, [a, b], 'Soon gone');
  const copy = await b.em.fork().findOneOrFail(Post, { uri: `${a.origin}/posts/${postId}` });
  const key = await loadSigningKey(b.node.federation, b.em.fork(), NODE_ACTOR);
  const download = async (signer: typeof key | null) =>
    (await get(a, `/api/download/models/${versionId}`, signer, '*/*')).status;
  assert.deepEqual([await download(key), await download(null)], [200, 200]);

  await deafen();
  await takeDownUnheard(postId);
  assert.equal(await overdue(), 1);
  assert.deepEqual([await download(key), await download(null)], [403, 200], 'nothing is served to it');
  assert.equal(await at().count(FileCopy, { fileId: kept.id }), 0, 'what was kept of it is gone');
  assert.equal(await a.node.files.has(kept.sha256), false);
  const found = await findPeerFile({ em: at() }, other.id);
  assert.ok(found);
  assert.equal(await mayKeep({ em: at() }, a.node.federation, found), false);
  await olga.post(`/files/${other.id}/copy`);
  await settle();
  assert.notEqual((await at().findOne(FileCopy, other.id))?.state, 'kept', 'nothing new is kept of it');
  assert.equal(await at().count(DomainPolicy, { host: b.host }), 0, 'nobody blocked it');
  assert.equal(await at().count(AuditEntry, { action: 'notice.overdue' }), 1);

  // B takes it down at last, and is looked at again after a week
  await b.em.fork().nativeUpdate(Post, { id: copy.id }, { state: 'deleted' });
  await pass(8 * DAY);
  assert.equal(await overdue(), 0);
  assert.equal((await at().findOneOrFail(NoticePeer, { host: b.host })).state, 'verified');
  const late = await findPeerFile({ em: at() }, other.id);
  assert.ok(late && (await mayKeep({ em: at() }, a.node.federation, late)));
  assert.equal(await download(key), 200);
  assert.ok(await at().findOne(ModelVersion, versionId));
  assert.equal(await at().count(Job, { state: 'failed', name: { $like: 'federation.%notice%' } }), 0);
});

test('three severe notices that passed within ninety days make a draft of a limit, which holds when a person accepts it', async (t) => {
  const { a, b, alice, olga, at, pass, deafen, takeDownUnheard, overdue } = await given(t);
  const posts: number[] = [];
  for (const caption of ['one', 'two', 'three', 'four']) posts.push(await postPicture(alice, [a, b], caption));
  const [first = 0, second = 0, third = 0, fourth = 0] = posts;
  await deafen();
  await takeDownUnheard(first);
  await pass(91 * DAY);
  await takeDownUnheard(second);
  await takeDownUnheard(third);
  assert.equal(await overdue(), 3);
  assert.equal(await at().count(PolicyDraft), 0, 'the first is too long ago');
  await takeDownUnheard(fourth);
  assert.equal(await overdue(), 4);
  const [draft, ...others] = await at().find(PolicyDraft, {});
  assert.deepEqual([draft?.host, draft?.source, others.length], [b.host, 'overdue', 0]);
  assert.equal(await at().count(DomainPolicy, { host: b.host }), 0, 'a draft is no rule');

  // three months later she signs in anew
  await olga.signIn('olga');
  const page = await olga.get('/admin/federation/lists');
  assert.match(page.text, new RegExp(b.host));
  assert.equal((await olga.post('/admin/federation/lists/overdue/acceptance', {})).status, 302);
  const { isLimited, forbidsMirror, stance } = await at().findOneOrFail(DomainPolicy, { host: b.host });
  assert.deepEqual([isLimited, forbidsMirror, stance ?? null], [true, true, null]);
  assert.equal(await at().count(PolicyDraft), 0);
});
