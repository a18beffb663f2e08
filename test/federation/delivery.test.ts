import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { followAccount } from '../../src/accounts/follow.ts';
import { Account, Follow } from '../../src/accounts/model.ts';
import { resolveAccount } from '../../src/federation/actors/resolve.ts';
import { OutboxItem, PeerHost } from '../../src/federation/model.ts';
import { postPublished } from '../../src/gallery/events.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenPost } from '../factories/content.ts';
import { peerNode } from './nodes.ts';
import { post, stranger } from './strangers.ts';

const DELIVER = 'federation.deliver';

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
  const deliveries = () => em().find(Job, { name: DELIVER, state: { $ne: 'done' } });
  return { n, v, alice, em, publish, deliveries };
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

test('what is busy is tried again later, what refuses is not', async (t) => {
  const { n, v, publish, deliveries } = await given(t);
  v.inboxStatus = 503;
  await publish();
  const [waiting] = await deliveries();
  assert.equal(waiting?.state, 'queued');
  assert.equal(v.received.length, 1);
  v.inboxStatus = 202;
  n.clock.pass(3_600_000);
  await n.settle();
  assert.equal(v.received.length, 2);
  assert.deepEqual(await deliveries(), []);
  v.inboxStatus = 410;
  await publish();
  assert.deepEqual(await deliveries(), [], '410 is for good');
});

test('only who is signed in makes the node ask for a handle, and that brings the newest posts; a follow asks for them no second time', async (t) => {
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
  assert.equal(await em().count(Post, { isLocal: false }), 19, 'the list and nineteen of it: twenty requests');
  const read = v.asked.length;
  assert.equal(await post(n, zoe, { type: 'Accept', object: sent?.body ?? {} }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(Follow, follow.id)).state, 'accepted');
  assert.equal(await em().count(Post, { isLocal: false }), 19);
  assert.equal(v.asked.length, read, 'not again today');
  assert.equal(await em().count(Comment), 0);
});
