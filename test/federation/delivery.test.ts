import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { followAccount } from '../../src/accounts/follow.ts';
import { Account, Follow } from '../../src/accounts/model.ts';
import { loadKeyPair, rotateKeys } from '../../src/federation/actors/keys.ts';
import { resolveAccount } from '../../src/federation/actors/resolve.ts';
import { ActorKeyPair, Delivery, OutboxItem, PeerHost } from '../../src/federation/model.ts';
import { postPublished } from '../../src/gallery/events.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenPost } from '../factories/content.ts';
import { peerNode } from './nodes.ts';
import { post, stranger } from './strangers.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Alice with two followers on one server, which share its inbox. */
async function given(t: TestContext) {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const alice = await givenMember(n.em, 'alice');
  for (const name of ['vic', 'fan']) {
    const actor = await v.actor(name);
    Object.assign(actor.document, { endpoints: { sharedInbox: `${v.origin}/inbox` } });
    assert.equal(await post(n, actor, { type: 'Follow', object: `${n.origin}/users/alice` }), 202);
  }
  await n.settle();
  v.received.length = 0;
  const em = () => n.node.orm.em.fork();
  const publish = async () => {
    const work = em();
    const owner = work.getReference(Account, alice.id);
    const picture = givenPost(work, { owner });
    givenImage(work, { post: picture, owner });
    await work.flush();
    record(work, postPublished, { postId: picture.id });
    await work.flush();
    await n.settle();
    return picture;
  };
  const deliveries = () => em().find(Delivery, {}, { orderBy: { id: 'asc' } });
  const peer = () => em().findOneOrFail(PeerHost, new URL(v.origin).host);
  const later = async (ms: number) => {
    n.clock.pass(ms);
    await n.settle();
  };
  return { n, v, alice, em, publish, deliveries, peer, later };
}

test('many followers of one server get one delivery, signed, said once however often the event is told', async (t) => {
  const { n, v, em, publish } = await given(t);
  const picture = await publish();
  const again = em();
  record(again, postPublished, { postId: picture.id });
  await again.flush();
  await n.settle();
  assert.deepEqual(
    v.received.map(({ path, body }) => [path, body.type]),
    [['/inbox', 'Create']],
  );
  const peer = await em().findOneOrFail(PeerHost, new URL(v.origin).host);
  assert.ok(peer.lastOkAt);
  assert.doesNotMatch(JSON.stringify(await em().find(OutboxItem, {})), /PRIVATE/);
});

test('what a host cannot take now waits and comes later, in its order; what it refuses is over', async (t) => {
  const { v, publish, deliveries, peer, later } = await given(t);
  v.inboxStatus = 503;
  const first = await publish();
  const second = await publish();
  assert.equal((await deliveries()).length, 2);
  assert.equal(v.received.length, 1, 'a host that fails is not asked by each delivery');
  assert.deepEqual([(await peer()).lastError, (await peer()).failureCount], ['503', 1]);
  v.inboxStatus = 202;
  await later(HOUR);
  assert.deepEqual(
    v.received.slice(1).map(({ body }) => (body.object as { id: string }).id.split('/').pop()),
    [first, second].map(({ id }) => String(id)),
  );
  assert.deepEqual(await deliveries(), []);
  assert.deepEqual(
    (await peer()).turns.map(({ kind }) => kind),
    ['back', 'failing'],
  );
  v.inboxStatus = 400;
  await publish();
  assert.deepEqual(await deliveries(), []);
  assert.equal((await peer()).failingSince, null, 'who refuses is up');
});

test('while a host fails one probe knocks at growing intervals, until after a week nothing waits any more', async (t) => {
  const { v, alice, em, publish, deliveries, peer, later } = await given(t);
  v.inboxStatus = 502;
  await publish();
  await publish();
  const gaps: number[] = [];
  for (let knocks = 1; knocks <= 5; knocks += 1) {
    const { nextAttemptAt, triedAt } = await peer();
    gaps.push((nextAttemptAt?.getTime() ?? 0) - (triedAt?.getTime() ?? 0));
    assert.equal(v.received.length, knocks);
    await later(gaps.at(-1) ?? 0);
  }
  for (const [n, gap] of gaps.entries()) {
    const ceiling = MINUTE * 2 ** n;
    assert.ok(gap >= ceiling / 2 && gap <= ceiling, `${gap} is between half and all of ${ceiling}`);
  }
  await later(8 * DAY);
  assert.deepEqual(await deliveries(), []);
  assert.equal(await em().count(Follow, { target: alice.id }), 2, 'the followers stay');
  await publish();
  assert.deepEqual(await deliveries(), [], 'nothing is written down for a host that was given up');
  assert.equal(await em().count(Job, { state: 'queued', lane: 'delivery' }), 0);
});

test('a host that was given up comes back at the first signed word from it', async (t) => {
  const { n, v, publish, peer, later, deliveries } = await given(t);
  v.inboxStatus = 502;
  await publish();
  await later(8 * DAY);
  await later(DAY);
  assert.ok((await peer()).givenUpAt);
  v.inboxStatus = 202;
  v.received.length = 0;
  const vic = await v.actor('zoe');
  assert.equal(await post(n, vic, { type: 'Follow', object: `${n.origin}/users/alice` }), 202);
  await n.settle();
  assert.equal((await peer()).givenUpAt, null);
  await publish();
  await n.settle();
  assert.ok(v.received.some(({ body }) => body.type === 'Create'));
  assert.deepEqual(await deliveries(), []);
  assert.equal((await peer()).failingSince, null);
});

test('Retry-After is heeded, and at most for a day', async (t) => {
  const { v, publish, peer, later, n } = await given(t);
  v.inboxAnswer = () => ({ status: 429, headers: { 'retry-after': '7200' } });
  await publish();
  assert.equal((await peer()).nextAttemptAt?.getTime(), n.clock.now().getTime() + 2 * HOUR);
  assert.equal((await peer()).failingSince, null, 'it is busy, not down');
  v.inboxAnswer = null;
  await later(HOUR);
  assert.equal(v.received.length, 1);
  await later(HOUR);
  assert.equal(v.received.length, 2);
  v.inboxAnswer = () => ({ status: 429, headers: { 'retry-after': 'Fri, 01 Jan 2027 00:00:00 GMT' } });
  await publish();
  assert.equal((await peer()).nextAttemptAt?.getTime(), n.clock.now().getTime() + DAY);
});

test('410 of a shared inbox leads to the own inboxes, 410 of an own inbox ends the follow', async (t) => {
  const { v, alice, em, publish, deliveries } = await given(t);
  v.inboxAnswer = ({ url }) => ({ status: url === '/inbox' || url === '/users/vic/inbox' ? 410 : 202 });
  await publish();
  assert.deepEqual(await deliveries(), []);
  assert.equal(await em().count(Follow, { target: alice.id }), 2);
  v.received.length = 0;
  await publish();
  assert.deepEqual(v.received.map(({ path }) => path).sort(), ['/users/fan/inbox', '/users/vic/inbox']);
  const left = await em().find(Follow, { target: alice.id }, { populate: ['follower'] });
  assert.deepEqual(
    left.map(({ follower }) => follower.$.name),
    ['fan'],
  );
});

test('an inbox that is not there is tried for some hours, then let be; the host counts as up', async (t) => {
  const { v, alice, em, publish, deliveries, peer, later } = await given(t);
  v.inboxStatus = 404;
  await publish();
  assert.equal((await deliveries()).length, 1);
  assert.equal((await peer()).failingSince, null);
  for (let tries = 1; tries < 6; tries += 1) await later(HOUR);
  assert.deepEqual(await deliveries(), []);
  assert.equal(v.received.length, 6);
  assert.equal(await em().count(Follow, { target: alice.id }), 2);
});

test('the signature that a host understands is remembered, and found again when it changes its mind', async (t) => {
  const { v, publish, peer } = await given(t);
  const schemes: string[] = [];
  let wanted = 'rfc9421';
  v.inboxAnswer = ({ headers }) => {
    const scheme = headers['signature-input'] === undefined ? 'cavage' : 'rfc9421';
    schemes.push(scheme);
    return { status: scheme === wanted ? 202 : 403 };
  };
  await publish();
  await publish();
  assert.deepEqual(schemes, ['cavage', 'rfc9421', 'rfc9421']);
  assert.equal((await peer()).scheme, 'rfc9421');
  wanted = 'cavage';
  await publish();
  await publish();
  assert.deepEqual(schemes.slice(3), ['rfc9421', 'cavage', 'cavage']);
  wanted = 'neither';
  await publish();
  assert.equal((await peer()).scheme, 'cavage');
});

test('a host whose port refuses is written down as failing, and the others get theirs', async (t) => {
  const { n, v, alice, em, publish, peer } = await given(t);
  const silent = await stranger(t, '127.0.0.3');
  const sam = await silent.actor('sam');
  assert.equal(await post(n, sam, { type: 'Follow', object: `${n.origin}/users/alice` }), 202);
  await n.settle();
  // its server is gone: the port refuses
  await silent.close();
  await publish();
  assert.equal(v.received.length, 1);
  assert.equal((await peer()).failingSince, null);
  const dead = await em().findOneOrFail(PeerHost, new URL(silent.origin).host);
  assert.ok(dead.failingSince && dead.nextAttemptAt);
  assert.equal(await em().count(Delivery, { host: dead.host }), 1);
  assert.equal(await em().count(Follow, { target: alice.id }), 3);
});

test('after a rotation followers are told in the new key, and the old one is kept nowhere', async (t) => {
  const { n, v, alice, em } = await given(t);
  const before = await loadKeyPair(n.node.federation, em(), alice.id);
  await rotateKeys({ em: em(), now: n.clock.now }, n.node.federation, alice.id);
  const raw: { headers: Record<string, string>; target: string }[] = [];
  v.inboxAnswer = ({ headers, url = '' }) => {
    raw.push({ headers: headers as Record<string, string>, target: url });
    return { status: 202 };
  };
  await n.settle();
  const after = await em().findOneOrFail(ActorKeyPair, alice.id);
  assert.notEqual(after.rsaPublicPem, before.rsaPublicPem);
  assert.equal(await em().count(ActorKeyPair, { rsaPublicPem: before.rsaPublicPem }), 0);
  const { body } = v.received.find((one) => one.body.type === 'Update') ?? {};
  const told = body?.object as { publicKey: { publicKeyPem: string } } | undefined;
  assert.equal(told?.publicKey.publicKeyPem, after.rsaPublicPem);
  const [sent] = raw;
  const [, signature = ''] = /signature="([^"]+)"$/.exec(sent?.headers.signature ?? '') ?? [];
  const { host = '', date = '', digest = '' } = sent?.headers ?? {};
  const text = `(request-target): post ${sent?.target}\nhost: ${host}\ndate: ${date}\ndigest: ${digest}`;
  const fits = (pem: string) => verify('sha256', Buffer.from(text), pem, Buffer.from(signature, 'base64'));
  assert.deepEqual([fits(after.rsaPublicPem), fits(before.rsaPublicPem)], [true, false]);
});

test('every hour what waits without a plan is found, and a host that nothing was sent to for a month is forgotten', async (t) => {
  const { n, v, em, publish, deliveries, later } = await given(t);
  v.inboxAnswer = () => ({ status: 429, headers: { 'retry-after': '60' } });
  await publish();
  assert.equal((await deliveries()).length, 1);
  await em().nativeDelete(Job, { lane: 'delivery', state: 'queued' });
  v.inboxAnswer = null;
  await later(30 * MINUTE);
  assert.equal((await deliveries()).length, 1);
  await later(HOUR);
  assert.deepEqual(await deliveries(), []);
  assert.equal(await em().count(PeerHost, { host: new URL(v.origin).host }), 1);
  await later(31 * DAY);
  assert.equal(await em().count(PeerHost, { host: new URL(v.origin).host }), 0);
  await n.settle();
});

test('only who is signed in makes the node ask for a handle; a follow that is accepted brings the newest posts, once', async (t) => {
  const { n, v, em, alice } = await given(t);
  const zoe = await v.actor('zoe');
  const handle = `@zoe@${new URL(v.origin).host}`;
  const asked = v.asked.length;
  assert.equal(await resolveAccount(n.workAs(null), n.node.federation, handle), null);
  assert.equal(v.asked.length, asked);
  const found = await resolveAccount(n.workAs(alice), n.node.federation, handle);
  assert.equal(found?.uri, zoe.id);

  const notes = Array.from({ length: 25 }, (_, i) => `${v.origin}/notes/${i}`);
  for (const [i, id] of notes.entries()) {
    v.documents.set(`/notes/${i}`, {
      ...{ id, type: 'Note', attributedTo: zoe.id, content: `<p>${i}</p>`, published: `2026-01-01T00:00:${i + 10}Z` },
      to: ['https://www.w3.org/ns/activitystreams#Public'],
      attachment: [{ type: 'Image', mediaType: 'image/png', url: `${v.origin}/missing.png` }],
    });
  }
  const orderedItems = notes.map((id) => ({ type: 'Create', actor: zoe.id, object: id }));
  v.documents.set('/users/zoe/outbox', { id: `${zoe.id}/outbox`, type: 'OrderedCollection', orderedItems });
  const follow = await followAccount(n.workAs(alice), found?.id ?? 0);
  await n.settle();
  const sent = v.received.find(({ body }) => body.type === 'Follow');
  assert.equal(sent?.path, '/users/zoe/inbox');
  assert.equal(await em().count(Post, { isLocal: false }), 0);
  assert.equal(await post(n, zoe, { type: 'Accept', object: sent?.body ?? {} }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(Follow, follow.id)).state, 'accepted');
  assert.equal(await em().count(Post, { isLocal: false }), 19, 'the list and nineteen of it: twenty requests');
  const read = v.asked.length;
  assert.equal(await post(n, zoe, { type: 'Accept', object: sent?.body ?? {} }), 202);
  await n.settle();
  assert.equal(v.asked.length, read, 'not again today');
  assert.equal(await em().count(Comment), 0);
});
