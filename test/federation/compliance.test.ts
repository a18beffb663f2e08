import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { ActorKeyPair, NODE_ACTOR, OutboxItem, RemoteActor, Tombstone } from '../../src/federation/model.ts';
import { checkNotice } from '../../src/federation/notices/check.ts';
import { Exposure, HOW, NoticePeer, ReceivedNotice, SentNotice } from '../../src/federation/notices/model.ts';
import { isFileless } from '../../src/federation/notices/overdue.ts';
import { isProven } from '../../src/federation/notices/proof.ts';
import { tellHost } from '../../src/federation/notices/tell-host.ts';
import { Receipt } from '../../src/federation/notices/wire.ts';
import { sendToInbox } from '../../src/federation/outbox/send.ts';
import { DomainPolicy, PolicyDraft } from '../../src/federation/peers/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { PolicyState } from '../../src/safety/policy.ts';
import { givenPost, NOW } from '../factories/content.ts';
import { until } from '../kit/queue-setup.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { takeDown, tell } from './notices.ts';
import { followAccount, postPicture } from './people.ts';
import { world } from './world.ts';

const HOUR = 3_600_000;

/** Alice posts on A; somebody follows her from each other node. */
async function given(t: TestContext, count: 2 | 3) {
  const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'].slice(0, count);
  const peers: Peer[] = [];
  for (const address of addresses) peers.push(await peerNode(t, address));
  const [a, b, c] = peers as [Peer, Peer, Peer];
  const alice = await a.member('alice');
  const mod = await a.member('mod', 'moderator');
  for (const peer of peers.slice(1)) {
    const reader = await peer.member('reader');
    await followAccount(peer, reader.browser, a, 'alice', peers);
  }
  const postId = await postPicture(alice.browser, peers, 'Soon gone');
  const uri = `${a.origin}/posts/${postId}`;
  const at = (peer: Peer) => peer.node.orm.em.fork();
  const copyAt = (peer: Peer) => at(peer).findOneOrFail(Post, { uri });
  const rowOf = (peer: Peer) => at(a).findOneOrFail(NoticePeer, { host: peer.host }, { orderBy: { queuedAt: 'desc' } });
  const statusOf = async (peer: Peer, path: string) => (await fetch(`${peer.origin}${path}`)).status;
  return { a, b, c, peers, alice, mod, postId, uri, at, copyAt, rowOf, statusOf };
}

test('scenario 18: a removal on A reaches B, whose receipt verifies; C answers 202, goes on serving, and is found out', async (t) => {
  const { a, b, c, postId, uri, at, copyAt, rowOf, statusOf, mod } = await given(t, 3);
  const [atB, atC] = [await copyAt(b), await copyAt(c)];
  const exposed = await at(a).find(Exposure, { subject: `post:${postId}` });
  assert.deepEqual(exposed.map(({ host }) => host).sort(), [b.host, c.host].sort());
  assert.ok(exposed.every(({ how }) => (how & HOW.delivered) !== 0));

  // from now on C takes what comes, and does nothing about it
  await c.node.queue.close();
  const takedownId = await takeDown(a, { kind: 'post', id: postId });
  await settleAll(a, b);
  // a machine that is busy with other tests may let a connection time out once: then A knocks again
  for (let tries = 0; tries < 5 && (await rowOf(b)).state !== 'acknowledged'; tries += 1) {
    a.clock.pass(120_000);
    await settleAll(a, b);
  }

  assert.equal(await statusOf(b, `/posts/${atB.id}`), 410);
  assert.equal(await at(b).count(Image, { post: atB.id }), 0);
  const copies = (await (await fetch(`${b.origin}/notices/copies?of=${encodeURIComponent(uri)}`)).json()) as object;
  assert.deepEqual(copies, { type: 'Collection', totalItems: 1, items: [`${b.origin}/posts/${atB.id}`] });
  assert.equal((await at(b).findOneOrFail(Tombstone, uri)).noticeUri, (await rowOf(b)).activityUri);
  const answered = await rowOf(b);
  assert.equal(answered.state, 'acknowledged');
  assert.equal(answered.isReceiptProven, true);
  const receipt = Receipt.parse(answered.receipt);
  assert.deepEqual([receipt.result, receipt.by], ['done', `${b.origin}/actor`]);
  const { ed25519PublicMultibase } = await at(b).findOneOrFail(ActorKeyPair, NODE_ACTOR);
  assert.equal(isProven(receipt, ed25519PublicMultibase), true, 'anybody can check it later');
  assert.equal(isProven({ ...receipt, result: 'not_held' }, ed25519PublicMultibase), false);

  for (let tries = 0; tries < 5 && (await rowOf(c)).state === 'queued'; tries += 1) {
    a.clock.pass(120_000);
    await settleAll(a, b);
  }
  const silent = await rowOf(c);
  assert.equal(silent.state, 'delivered', 'it answered 202 like the other');
  assert.ok(silent.knownUrls.includes(`${c.origin}/posts/${atC.id}`), 'it had said where it shows it');
  assert.equal(await statusOf(c, `/posts/${atC.id}`), 200);

  // a look that a busy machine did not answer in time is made again, each time later
  for (let tries = 0; tries < 5 && (await rowOf(b)).state === 'acknowledged'; tries += 1) {
    a.clock.pass(2 ** (tries + 1) * HOUR);
    await settleAll(a, b);
  }
  assert.equal((await rowOf(b)).state, 'verified', 'B shows nothing any more');
  assert.equal((await rowOf(c)).state, 'delivered', 'C has time yet');
  a.clock.pass(7 * 24 * HOUR);
  await settleAll(a, b);
  const found = await rowOf(c);
  assert.deepEqual([found.state, found.note], ['overdue', 'it still shows it']);
  const row = await at(a).findOneOrFail(QueueRow, { kind: 'peer', subjectId: `notice:${found.id}` });
  assert.equal(row.state, 'open');

  const page = (await mod.browser.get(`/moderation/takedowns/${takedownId}/peers`)).text;
  assert.match(page, new RegExp(`${b.host}[\\s\\S]*verified`));
  assert.match(page, new RegExp(`${c.host}[\\s\\S]*overdue`));
  for (const peer of [a, b]) {
    assert.ok((await verifyAudit(at(peer))).isWhole);
    assert.equal(await at(peer).count(Job, { state: 'failed' }), 0);
  }
});

test('an instance that says it is done and still shows the thing has refused', async (t) => {
  const { a, b, postId, copyAt, rowOf, at, statusOf } = await given(t, 2);
  const copy = await copyAt(b);
  await takeDown(a, { kind: 'post', id: postId });
  await settleAll(a, b);
  // B puts it up again behind its own word
  await at(b).nativeUpdate(Post, { id: copy.id }, { state: 'published', deletedAt: null });
  await at(b).nativeDelete(PolicyState, { targetKind: 'post', targetId: copy.id });
  assert.equal(await statusOf(b, `/posts/${copy.id}`), 200);
  a.clock.pass(2 * HOUR);
  await settleAll(a, b);
  const row = await rowOf(b);
  assert.deepEqual([row.state, row.note], ['refused', 'it said that it was done, and still shows it']);
});

test('a severe interim hides on the other node and purges nothing; taking it back brings it back', async (t) => {
  const { a, b, postId, copyAt, at, statusOf } = await given(t, 2);
  const copy = await copyAt(b);
  const undoes = await takeDown(a, { kind: 'post', id: postId }, 'quarantine', 'ncii');
  await settleAll(a, b);
  assert.equal(await statusOf(b, `/posts/${copy.id}`), 451);
  assert.equal(await at(b).count(Image, { post: copy.id }), 1, 'nothing is purged');
  const said = await at(a).findOneOrFail(SentNotice, { kind: 'provisional' });
  assert.equal(said.respondBy.getTime() - said.createdAt.getTime(), 24 * HOUR);
  const { '@context': _context, ...sent } = (await at(b).findOneOrFail(ReceivedNotice, { host: a.host }))
    .document as Record<string, unknown>;
  const wire = JSON.stringify(sent);
  for (const secret of ['Valley', 'Soon gone', 'media', copy.uri ?? '']) {
    assert.equal(wire.includes(secret), secret === copy.uri, `a severe notice names ids alone: ${secret}`);
  }
  assert.doesNotMatch(wire, /"hashes"/, 'files are told to listed hosts only');
  await takeDown(a, { kind: 'post', id: postId }, 'undo', 'ncii', { undoes });
  await settleAll(a, b);
  assert.equal(await statusOf(b, `/posts/${copy.id}`), 200);
});

test('a reinstatement undoes the notice: B reads the thing again at its home', async (t) => {
  const { a, b, postId, uri, copyAt, at, statusOf } = await given(t, 2);
  const copy = await copyAt(b);
  const takedownId = await takeDown(a, { kind: 'post', id: postId }, 'remove', 'ncii');
  await settleAll(a, b);
  assert.equal(await statusOf(b, `/posts/${copy.id}`), 410);
  await takeDown(a, { kind: 'post', id: postId }, 'undo', 'ncii', { undoes: takedownId });
  await settleAll(a, b);
  assert.equal(await at(b).count(Tombstone, { uri }), 0);
  assert.equal((await copyAt(b)).state, 'published');
  assert.equal(await statusOf(b, `/posts/${copy.id}`), 200);
  assert.ok((await at(a).findOneOrFail(SentNotice, { takedownId })).endedAt);
});

test('two instances are told of the same thing in the same moment', async (t) => {
  const { n, v, em } = await world(t);
  const document = { id: `${n.origin}/posts/1#notice-1`, type: 'Delete', object: `${n.origin}/posts/1` };
  const inboxes = Array.from({ length: 6 }, (_, k) => `${v.origin}/inboxes/${k}`);
  const told = await Promise.all(
    inboxes.map((inbox) => sendToInbox(n.workAs(null), n.node.federation, NODE_ACTOR, document, inbox)),
  );
  assert.equal(new Set(told).size, 1);
  assert.equal(await em().count(OutboxItem, { uri: document.id }), 1);
});

test('the same takedown is told once, also when its step runs again', async (t) => {
  const { a, b, postId, at } = await given(t, 2);
  const takedownId = await takeDown(a, { kind: 'post', id: postId });
  const again = await tell(a, takedownId);
  assert.deepEqual(again, { state: 'done', note: 'told already' });
  await settleAll(a, b);
  assert.equal(await at(a).count(NoticePeer), 1);
  assert.equal(await at(b).count(ReceivedNotice), 1);
});

test('scenario 17: a host that answers 202 and goes on serving is found out: no file goes to or comes from it, and an owner gets a draft', async (t) => {
  const { a, b, postId, at, alice, copyAt, statusOf } = await given(t, 2);
  const copy = await copyAt(b);
  const ids = [postId];
  for (const caption of ['second', 'third']) ids.push(await postPicture(alice.browser, [a, b], caption));
  await settleAll(a, b);
  await b.node.queue.close();
  for (const id of ids) await takeDown(a, { kind: 'post', id }, 'remove', 'ncii');
  await settleAll(a);
  for (let tries = 0; tries < 5 && (await at(a).count(NoticePeer, { state: 'queued' })) > 0; tries += 1) {
    a.clock.pass(120_000);
    await settleAll(a);
  }
  assert.equal(await at(a).count(NoticePeer, { state: 'delivered' }), 3, 'it took them');
  assert.equal(await statusOf(b, `/posts/${copy.id}`), 200, 'and serves on');
  assert.equal(await isFileless(at(a), b.host), false, 'it has a day');
  a.clock.pass(25 * HOUR);
  await settleAll(a);
  for (const { id } of await at(a).find(NoticePeer, { state: 'delivered' })) {
    await checkNotice(a.workAs(null), a.node.federation, id);
  }
  const overdue = await at(a).find(NoticePeer, { state: 'overdue' });
  assert.equal(overdue.length, 3);
  assert.ok(overdue.some(({ note }) => note === 'it still shows it'));
  assert.equal(await isFileless(at(a), b.host), true);
  const [draft, ...others] = await at(a).find(PolicyDraft, { source: 'overdue' });
  assert.deepEqual([draft?.host, others.length], [b.host, 0]);
  assert.equal(await at(a).count(DomainPolicy, { host: b.host }), 0, 'a draft is no rule');
  assert.equal((await at(a).count(RemoteActor)) > 0, true);
});

test('an instance that cannot say in that moment what it shows is asked again, and told without after three times', async (t) => {
  const { n, v, vic, alice, em, follows } = await world(t);
  await follows(vic);
  const host = new URL(v.origin).host;
  const given = async () => {
    const work = em();
    const post = givenPost(work, { owner: work.getReference(Account, alice.id) });
    await work.flush();
    const seen = { subject: `post:${post.id}`, host, how: HOW.delivered, firstAt: NOW, lastAt: NOW };
    await work.insert(Exposure, seen);
    return { post, copies: `/notices/copies?of=${encodeURIComponent(`${n.origin}/posts/${post.id}`)}` };
  };
  const told = (postId: number) =>
    v.received.filter(({ body }) => String(body.id).startsWith(`${n.origin}/posts/${postId}#notice-`)).length;
  v.documents.set('/.well-known/nodeinfo', {
    links: [{ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.1', href: `${v.origin}/nodeinfo/2.1` }],
  });
  v.documents.set('/nodeinfo/2.1', { software: { name: 'tessera', version: '1' } });

  const first = await given();
  v.documents.set(first.copies, { items: [`${v.origin}/posts/9`] });
  v.failing.add('/.well-known/nodeinfo').add(first.copies);
  await takeDown(n, { kind: 'post', id: first.post.id });
  const settled = n.settle();
  for (const path of ['/.well-known/nodeinfo', first.copies]) {
    await until('it was asked', () => v.asked.includes(path));
    assert.equal(told(first.post.id), 0, path);
    v.failing.delete(path);
  }
  await settled;
  assert.equal(told(first.post.id), 1);
  const told9 = await em().findOneOrFail(NoticePeer, { host });
  assert.deepEqual(told9.knownUrls, [`${v.origin}/posts/9`]);
  // a run that ended before it was written down that the notice is sent
  await em().nativeUpdate(NoticePeer, { id: told9.id }, { itemId: null });
  v.documents.set(first.copies, { items: [] });
  assert.equal(await tellHost(n.workAs(null), n.node.federation, told9.id), 'done');
  await n.settle();
  const again = await em().findOneOrFail(NoticePeer, { id: told9.id });
  assert.deepEqual([again.knownUrls, again.itemId], [told9.knownUrls, told9.itemId], 'the first answer counts');

  const second = await given();
  v.failing.add(second.copies);
  await takeDown(n, { kind: 'post', id: second.post.id });
  await n.settle();
  assert.equal(v.asked.filter((path) => path === second.copies).length, 3);
  assert.equal(told(second.post.id), 1, 'no notice waits for ever');
});
