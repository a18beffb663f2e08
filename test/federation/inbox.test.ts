import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Block, Follow } from '../../src/accounts/model.ts';
import { Model } from '../../src/catalogue/model.ts';
import { ApObject, InboxItem, RemoteActor } from '../../src/federation/model.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Comment, Post, Reaction } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel, givenPost, NOW } from '../factories/content.ts';
import { peerNode } from './nodes.ts';
import { nextId, post, send, stranger } from './strangers.ts';
import { note } from './world.ts';

/** Node N with alice; the honest V with vic, the hostile E with mallory (spec/federation.md, section 4). */
async function world(t: TestContext, env: Record<string, string> = {}) {
  const n = await peerNode(t, '127.0.0.1', env);
  const [v, e] = [await stranger(t, '127.0.0.2'), await stranger(t, '127.0.0.3')];
  const [vic, mallory] = [await v.actor('vic'), await e.actor('mallory')];
  const alice = await givenMember(n.em, 'alice');
  const em = () => n.node.orm.em.fork();
  return { n, v, e, vic, mallory, alice, em, aliceUri: `${n.origin}/users/alice` };
}

type World = Awaited<ReturnType<typeof world>>;

/** Vic is known here and followed by alice, as after a follow that was accepted. */
async function alicefollowsVic({ n, vic, aliceUri, em }: World) {
  assert.equal(await post(n, vic, { type: 'Follow', object: aliceUri }), 202);
  await n.settle();
  const work = em();
  const target = await work.findOneOrFail(Account, { uri: vic.id });
  const follower = await work.findOneOrFail(Account, { host: '', name: 'alice' });
  const uri = `${aliceUri}#follow-1`;
  work.create(Follow, { id: newId(), follower, target, state: 'accepted', uri, createdAt: NOW }, { persist: true });
  await work.flush();
  return { target, follower, uri };
}

test('S01 S02 S06 S13 S16 what is unsigned, changed, for another path or by another host is 401, and opens no connection', async (t) => {
  const { n, v, e, vic, mallory, aliceUri, em } = await world(t);
  const follow = { type: 'Follow', object: aliceUri };
  const plain = { 'content-type': 'application/activity+json' };
  const unsigned = JSON.stringify({ '@context': `${e.origin}/context`, id: `${vic.id}#1`, actor: vic.id, ...follow });
  for (const path of ['/inbox', '/users/alice/inbox']) assert.equal(await send(n, path, 'POST', plain, unsigned), 401);
  assert.equal(await post(n, vic, follow, { otherBody: unsigned }), 401, 'another body than was signed');
  assert.equal(await post(n, vic, follow, { key: mallory }), 401, 'the key of another host');
  const own = { keyId: `${aliceUri}#main-key`, keys: mallory.keys };
  assert.equal(await post(n, mallory, { ...follow, actor: aliceUri }, { key: own }), 401, 'in the name of our own');
  assert.deepEqual([...v.asked, ...e.asked], []);
  assert.equal(await post(n, vic, follow, { path: '/users/alice/inbox', signedPath: '/inbox' }), 401);
  assert.deepEqual(v.asked, ['/users/vic'], 'only the key was asked for, once');
  assert.equal(await em().count(InboxItem), 0);
});

test('S11 R05 an activity that comes twenty times, to both inboxes, has one effect', async (t) => {
  const { n, v, vic, aliceUri, em } = await world(t);
  const follow = { id: nextId(vic), type: 'Follow', object: aliceUri };
  const paths = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? '/inbox' : '/users/alice/inbox'));
  const statuses = await Promise.all(paths.map((path) => post(n, vic, follow, { path })));
  assert.deepEqual(new Set(statuses), new Set([202]));
  await n.settle();
  assert.equal(await em().count(InboxItem), 1);
  assert.equal(await em().count(Follow), 1);
  const accepts = v.received.filter(({ body }) => body.type === 'Accept');
  assert.equal(accepts.length, 1, 'and one answer');
});

test('S14 O04 a document that poses as somebody else changes nobody’s key', async (t) => {
  const { n, e, vic, mallory, aliceUri, em } = await world(t);
  assert.equal(await post(n, vic, { type: 'Follow', object: aliceUri }), 202);
  await n.settle();
  const before = (await em().findOneOrFail(RemoteActor, { account: { uri: vic.id } })).keys;
  const keyId = `${e.origin}/users/posing#main-key`;
  const publicKey = { id: keyId, owner: vic.id, publicKeyPem: mallory.keys.rsaPublicPem };
  e.documents.set('/users/posing', { ...vic.document, publicKey });
  assert.equal(await post(n, vic, { type: 'Like', object: aliceUri }, { key: { keyId, keys: mallory.keys } }), 401);
  const inline = { ...vic.document, publicKey: { ...publicKey, id: vic.keyId } };
  assert.equal(await post(n, mallory, { type: 'Announce', object: inline }), 202);
  await post(n, mallory, { type: 'Create', object: inline });
  await n.settle();
  assert.deepEqual((await em().findOneOrFail(RemoteActor, { account: { uri: vic.id } })).keys, before);
  assert.equal(await post(n, vic, { type: 'Like', object: aliceUri }), 202, 'the true one is still heard');
});

test('O01 O03 ids on other hosts and words in the mouth of others are refused', async (t) => {
  const { n, vic, mallory, aliceUri, em } = await world(t);
  assert.equal(await post(n, mallory, { id: `${vic.id}#1`, type: 'Follow', object: aliceUri }), 403);
  assert.equal(await post(n, mallory, { id: `${n.origin}/x`, type: 'Follow', object: aliceUri }), 403);
  const mine = `${new URL(mallory.id).origin}/notes/1`;
  for (const attributedTo of [vic.id, aliceUri, [mallory.id, vic.id], 1, 'alice', {}]) {
    const status = await post(n, mallory, {
      type: 'Create',
      object: { ...note(mallory.id, '/notes/1'), attributedTo },
    });
    assert.ok([400, 403].includes(status), `${JSON.stringify(attributedTo)}: ${status}`);
  }
  await n.settle();
  assert.equal(await em().count(ApObject, { uri: mine }), 0);
  assert.equal(await em().count(Follow), 0);
});

test('O02 O06 O09 only its own origin changes or deletes a thing, judged by the stored row', async (t) => {
  const w = await world(t);
  const { n, v, vic, mallory, em, alice } = w;
  await alicefollowsVic(w);
  const work = em();
  const model = givenModel(work, { owner: work.getReference(Account, alice.id), name: 'Alice’s' });
  await work.flush();
  const modelUri = `${n.origin}/models/${model.id}`;
  const told = note(vic.id, '/notes/1');
  assert.equal(await post(n, vic, { type: 'Create', object: told }), 202);
  await n.settle();
  assert.equal(await em().count(Post, { uri: told.id }), 1);

  const forged = { ...told, attributedTo: mallory.id, content: '<p>Forged</p>' };
  assert.equal(await post(n, mallory, { type: 'Update', object: forged }), 403);
  assert.equal(await post(n, mallory, { type: 'Update', object: note(mallory.id, '/x', { id: modelUri }) }), 403);
  assert.equal(
    await post(n, mallory, { type: 'Update', object: { ...mallory.document, id: `${n.origin}/users/alice` } }),
    403,
  );
  assert.equal(
    await post(n, mallory, { type: 'Update', object: { ...mallory.document, id: `${n.origin}/actor` } }),
    403,
  );
  for (const object of [told.id, modelUri, `${n.origin}/users/alice`]) {
    assert.equal(await post(n, mallory, { type: 'Delete', object }), 202);
  }
  // somebody else's object inside is a reference at most
  const asked = v.asked.length;
  assert.ok([202, 403].includes(await post(n, mallory, { type: 'Create', object: note(vic.id, '/notes/2') })));
  await n.settle();
  assert.equal(v.asked.length, asked, 'nobody here waits for it, so nobody is asked');
  const kept = await em().findOneOrFail(Post, { uri: told.id });
  assert.deepEqual([kept.state, kept.caption], ['published', '<p>Look</p>']);
  assert.equal((await em().findOneOrFail(Model, model.id)).state, 'published');
  assert.equal((await em().findOneOrFail(Account, alice.id)).state, 'active');
});

test('O08 O10 an older Update changes nothing, a moderator of the same host may delete, and what comes late stays deleted', async (t) => {
  const w = await world(t);
  const { n, v, vic, em } = w;
  await alicefollowsVic(w);
  const told = note(vic.id, '/notes/1', { updated: '2026-01-02T03:00:00Z', content: '<p>New</p>' });
  await post(n, vic, { type: 'Create', object: told });
  await post(n, vic, { type: 'Update', object: { ...told, updated: '2026-01-02T02:00:00Z', content: '<p>Old</p>' } });
  await n.settle();
  assert.equal((await em().findOneOrFail(Post, { uri: told.id })).caption, '<p>New</p>');
  const moderator = await v.actor('moderator');
  assert.equal(await post(n, moderator, { type: 'Update', object: { ...told, attributedTo: moderator.id } }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(Post, { uri: told.id })).caption, '<p>New</p>', 'but not change it');
  assert.equal(await post(n, moderator, { type: 'Delete', object: told.id }), 202);
  await post(n, vic, { type: 'Create', object: told });
  await n.settle();
  assert.equal((await em().findOneOrFail(Post, { uri: told.id })).state, 'deleted');
  assert.equal(await em().count(ApObject, { uri: told.id }), 0);
});

test('O13 O15 O16 nobody takes back or grants what is another’s', async (t) => {
  const w = await world(t);
  const { n, vic, mallory, em, aliceUri, alice } = w;
  const { uri } = await alicefollowsVic(w);
  await em().nativeUpdate(Follow, { uri }, { state: 'pending' });
  const vicsFollow = await em().findOneOrFail(Follow, { target: alice.id });
  const ask = { type: 'Follow', actor: aliceUri, object: mallory.id };
  for (const activity of [
    { type: 'Accept', object: uri },
    { type: 'Reject', object: uri },
    { type: 'Accept', object: { ...ask, id: `${aliceUri}#follow-never` } },
    { type: 'Accept', object: { ...ask, id: uri, object: vic.id } },
    { type: 'Undo', object: { id: vicsFollow.uri, type: 'Follow', actor: vic.id, object: aliceUri } },
    { type: 'Undo', object: vicsFollow.uri },
  ]) {
    assert.ok([202, 403].includes(await post(n, mallory, activity)), JSON.stringify(activity));
  }
  await n.settle();
  assert.equal(await em().count(Follow, { target: alice.id, state: 'accepted' }), 1);
  assert.equal((await em().findOneOrFail(Follow, { uri })).state, 'pending');
  assert.equal(await em().count(Follow), 2);
  assert.equal(
    await post(n, vic, { type: 'Accept', object: { id: uri, type: 'Follow', actor: aliceUri, object: vic.id } }),
    202,
  );
  await n.settle();
  assert.equal((await em().findOneOrFail(Follow, { uri })).state, 'accepted', 'whom it went to may');
});

test('O17 O18 a follow names one open account; a locked one is asked first', async (t) => {
  const { n, v, vic, em, aliceUri, alice } = await world(t);
  await em().nativeUpdate(Account, { id: alice.id }, { isLocked: true });
  for (const object of [
    [aliceUri, `${n.origin}/users/bob`],
    `${n.origin}/users/nobody`,
    vic.id,
    `${n.origin}/models/1`,
  ]) {
    assert.ok([202, 400, 404].includes(await post(n, vic, { type: 'Follow', object })));
  }
  await n.settle();
  assert.equal(await em().count(Follow), 0);
  await post(n, vic, { type: 'Follow', object: aliceUri });
  await n.settle();
  assert.equal((await em().findOneOrFail(Follow, { target: alice.id })).state, 'pending');
  assert.equal(v.received.length, 0, 'no Accept before she says so');
});

test('O20 P08 likes and answers reach only what is public, and nobody who blocks their author', async (t) => {
  const w = await world(t);
  const { n, vic, em, alice, aliceUri } = w;
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const draft = givenPost(work, { owner, state: 'draft', listedAt: null, publishedAt: null });
  const hidden = givenPost(work, { owner, visibility: 'followers', listedAt: null });
  const open = givenPost(work, { owner });
  await work.flush();
  const answer = (id: number, n2: number) =>
    note(vic.id, `/notes/${n2}`, { attachment: [], inReplyTo: `${n.origin}/posts/${id}` });
  for (const [i, { id }] of [draft, hidden, open].entries()) {
    assert.equal(await post(n, vic, { type: 'Like', object: `${n.origin}/posts/${id}` }), 202);
    assert.equal(await post(n, vic, { type: 'Create', object: answer(id, i + 1) }), 202);
  }
  await n.settle();
  assert.deepEqual(
    (await em().find(Reaction, {})).map(({ post: one }) => one?.id),
    [open.id],
  );
  assert.deepEqual(
    (await em().find(Comment, {})).map(({ post: one }) => one?.id),
    [open.id],
  );

  const blocking = em();
  const target = await blocking.findOneOrFail(Account, { uri: vic.id });
  const account = blocking.getReference(Account, alice.id);
  blocking.create(Block, { id: newId(), account, target, kind: 'block', createdAt: NOW }, { persist: true });
  await blocking.flush();
  assert.equal(await post(n, vic, { type: 'Follow', object: aliceUri }), 202, 'who is blocked is not told');
  assert.equal(await post(n, vic, { type: 'Create', object: answer(open.id, 9) }), 202);
  await n.settle();
  assert.equal(await em().count(Follow), 0);
  assert.equal(await em().count(Comment), 1);
});

test('posts of people whom nobody follows are not taken in; a Delete of an unknown actor asks nobody', async (t) => {
  const { n, v, vic, em } = await world(t);
  assert.equal(await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1') }), 202);
  await n.settle();
  assert.equal(await em().count(Post), 0);
  const asked = v.asked.length;
  const unknown = await v.actor('unknown');
  assert.equal(await post(n, unknown, { type: 'Delete', object: unknown.id }), 202);
  assert.equal(v.asked.length, asked);
  assert.equal(await em().count(Account, { uri: unknown.id }), 0);
});

test('R09 F12 inboxes take POST of ActivityPub JSON of a sane size, and nothing else', async (t) => {
  const { n, vic, aliceUri } = await world(t);
  const follow = { type: 'Follow', object: aliceUri };
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/html',
  ]) {
    assert.equal(await post(n, vic, follow, { headers: { 'content-type': type } }), 415, type);
  }
  assert.equal(await post(n, vic, follow, { method: 'PUT' }), 405);
  assert.equal(await send(n, '/inbox', 'GET', {}, ''), 405);
  assert.equal(await post(n, vic, { ...follow, content: 'x'.repeat(1_000_001) }), 413);
  assert.equal(await post(n, vic, follow, { path: '/users/nobody/inbox' }), 404);
  assert.equal(await post(n, vic, follow, { otherBody: '{' }), 401);
});

test('an actor’s own Delete removes the account with everything it had here', async (t) => {
  const w = await world(t);
  const { n, vic, em, alice } = w;
  await alicefollowsVic(w);
  await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/1') });
  await n.settle();
  assert.equal(await post(n, vic, { type: 'Delete', object: vic.id }), 202);
  await n.settle();
  assert.equal((await em().findOneOrFail(Account, { uri: vic.id })).state, 'deleted');
  assert.equal((await em().findOneOrFail(Post, { uri: `${new URL(vic.id).origin}/notes/1` })).state, 'deleted');
  assert.equal(await em().count(Follow, { follower: alice.id }), 0);
  await post(n, vic, { type: 'Create', object: note(vic.id, '/notes/2') });
  await n.settle();
  assert.equal(await em().count(Post, { state: 'published' }), 0, 'nothing comes back');
});

test('with FEDERATION=allowlist only listed hosts are heard; with off there is no inbox', async (t) => {
  const { n, v, vic, mallory, em, aliceUri } = await world(t, { FEDERATION: 'allowlist' });
  const work = em();
  work.create(DomainPolicy, { host: new URL(vic.id).host, stance: 'allowed', since: NOW }, { persist: true });
  await work.flush();
  assert.equal(await post(n, mallory, { type: 'Follow', object: aliceUri }), 202, 'told nothing');
  assert.equal(await post(n, vic, { type: 'Follow', object: aliceUri }), 202);
  await n.settle();
  assert.equal(await em().count(Follow), 1);
  assert.equal(v.received.length, 1);
  const off = await world(t, { FEDERATION: 'off' });
  assert.equal(await post(off.n, off.vic, { type: 'Follow', object: off.aliceUri }), 404);
});
