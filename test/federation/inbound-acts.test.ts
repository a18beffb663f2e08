import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, Block, Follow } from '../../src/accounts/model.ts';
import { InboxItem, PeerReport } from '../../src/federation/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { Pin } from '../../src/gallery/pins.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenPost, NOW } from '../factories/content.ts';
import { nextId, post, type StrangeActor, type Stranger } from './strangers.ts';
import { note, world } from './world.ts';

const serve = (host: Stranger, actor: StrangeActor, more: object) => {
  const path = new URL(actor.id).pathname;
  host.documents.set(path, { ...actor.document, ...more });
};

test('O21 Add and Remove pin what is the actor’s own, on their own list, and nothing else', async (t) => {
  const { n, v, vic, mallory, em, follows } = await world(t);
  serve(v, vic, { featured: `${vic.id}/featured` });
  await follows(vic);
  const told = note(vic.id, '/notes/1');
  await post(n, vic, { type: 'Create', object: told });
  await n.settle();
  const isPinned = async () => (await em().count(Pin, { post: { uri: told.id } })) === 1;
  const target = `${vic.id}/featured`;
  for (const [actor, activity] of [
    [mallory, { type: 'Add', object: told.id, target }],
    [mallory, { type: 'Add', object: told.id, target: `${mallory.id}/featured` }],
    [vic, { type: 'Add', object: told.id, target: `${mallory.id}/featured` }],
    [vic, { type: 'Add', object: told.id, target: `${n.origin}/users/alice/featured` }],
    [vic, { type: 'Add', object: told.id }],
    [vic, { type: 'Update', object: { id: target, type: 'OrderedCollection', orderedItems: [told.id] } }],
  ] as const) {
    assert.ok([202, 403].includes(await post(n, actor, activity)));
  }
  await n.settle();
  assert.equal(await isPinned(), false);
  assert.equal(await post(n, vic, { type: 'Add', object: told.id, target }), 202);
  await n.settle();
  assert.equal(await isPinned(), true);
  assert.equal(await post(n, mallory, { type: 'Remove', object: told.id, target }), 202);
  await n.settle();
  assert.equal(await isPinned(), true);
  const bob = await n.member('bob');
  const work = em();
  const kept = await work.findOneOrFail(Post, { uri: told.id });
  givenImage(work, { post: kept, owner: kept.owner, isLocal: false, altText: 'The pinned one' });
  // its picture, as if it had been fetched
  Object.assign(kept, { listedAt: NOW, shownAt: NOW, level: 1, imageCount: 1 });
  await work.flush();
  assert.match((await bob.browser.get(`/@vic@${new URL(vic.id).host}`)).text, /Pinned[\s\S]*The pinned one/);
  assert.equal(await post(n, vic, { type: 'Remove', object: told.id, target }), 202);
  await n.settle();
  assert.equal(await isPinned(), false);
});

test('A05 A06 a Flag becomes a report in plain text, bounded for each host; one about nothing here is dropped', async (t) => {
  const { n, v, e, mallory, vic, alice, em, aliceUri } = await world(t);
  const work = em();
  const open = givenPost(work, { owner: work.getReference(Account, alice.id) });
  await work.flush();
  const object = [aliceUri, `${n.origin}/posts/${open.id}`];
  const said = { type: 'Flag', object, content: '<b>Stolen</b> <script>x</script>', reportCode: 'copyright' };
  assert.equal(await post(n, vic, said), 202);
  for (const about of [`${e.origin}/notes/1`, `${n.origin}/posts/999`, `${n.origin}/users/nobody`, []]) {
    assert.equal(await post(n, mallory, { type: 'Flag', object: about, content: 'x' }), 202);
  }
  // an outcome is for whoever reported, and nothing was reported from here
  for (const type of ['Accept', 'Reject']) await post(n, mallory, { type, object: { ...said, id: nextId(vic) } });
  await n.settle();
  const [report, ...others] = await em().find(PeerReport, {});
  assert.equal(others.length, 0);
  assert.deepEqual(
    [report?.host, report?.objectUris, report?.reason, report?.code, report?.closedAt],
    [new URL(v.origin).host, object, '<b>Stolen</b> <script>x</script>', 'copyright', null],
  );
  assert.equal((await em().findOneOrFail(Post, open.id)).state, 'published', 'nothing is removed by it');
  const many = em();
  for (let i = 0; i < 200; i += 1) {
    const facts = { id: newId(), uri: `${mallory.id}#f${i}`, reporterUri: mallory.id, host: new URL(e.origin).host };
    many.create(PeerReport, { ...facts, objectUris: [], createdAt: NOW }, { persist: true });
  }
  await many.flush();
  assert.equal(await post(n, mallory, { type: 'Flag', object: aliceUri }), 202);
  await n.settle();
  assert.equal(await em().count(PeerReport, { host: new URL(e.origin).host }), 200);
});

test('O22 Move carries followers to an account that names the old one, in batches, once in a while', async (t) => {
  const { n, v, vic, mallory, em, follows } = await world(t);
  const host = new URL(v.origin).host;
  const home = await v.actor('vic-at-home');
  const target = await follows(vic);
  const work = em();
  for (let i = 0; i < 30; i += 1) {
    const fan = await givenMember(n.em, `fan${i}`);
    const follower = work.getReference(Account, fan.id);
    const former = work.getReference(Account, target.id);
    const uri = `${n.origin}/users/fan${i}#follow`;
    work.create(
      Follow,
      { id: newId(), follower, target: former, state: 'accepted', uri, createdAt: NOW },
      { persist: true },
    );
  }
  await work.flush();
  const of = (actor: StrangeActor) => em().count(Follow, { target: { uri: actor.id } });
  const moved = { type: 'Move', object: vic.id, target: home.id };
  await post(n, mallory, moved);
  await n.settle();
  assert.equal(await of(vic), 31, 'not by somebody else');
  await post(n, vic, moved);
  await n.settle();
  serve(v, vic, { movedTo: home.id });
  await post(n, vic, moved);
  await n.settle();
  assert.equal(await of(vic), 31, 'not without the new account’s word');

  serve(v, home, { alsoKnownAs: [vic.id] });
  n.clock.pass(600_000);
  await post(n, vic, moved);
  await n.settle();
  assert.equal(await of(vic), 6, 'one batch at a time');
  n.clock.pass(11_000);
  await n.settle();
  assert.deepEqual([await of(vic), await of(home)], [0, 31]);
  const follow = await em().findOneOrFail(Follow, { follower: { host: '', name: 'alice' } });
  assert.equal(follow.state, 'pending', 'the new account says itself whether it wants them');
  assert.ok(v.received.some(({ path, body }) => path === '/users/vic-at-home/inbox' && body.type === 'Follow'));

  // back again at once: neither the former nor the new one
  serve(v, vic, { alsoKnownAs: [home.id] });
  serve(v, home, { alsoKnownAs: [vic.id], movedTo: vic.id });
  await em().nativeUpdate(Follow, {}, { state: 'accepted' });
  await post(n, home, { type: 'Move', object: home.id, target: vic.id });
  await n.settle();
  assert.deepEqual([await of(vic), await of(home)], [0, 31]);
  const last = await em().findOneOrFail(InboxItem, { actorUri: home.id, type: 'Move' });
  assert.equal(last.outcome, 'the new account does not say so');
  assert.ok(host);
});

test('O23 Block cuts the follows both ways, is shown to nobody, and its Undo restores nothing', async (t) => {
  const { n, v, vic, em, aliceUri, follows, alice } = await world(t);
  await post(n, vic, { type: 'Follow', object: aliceUri });
  await follows(vic);
  const before = v.received.length;
  const id = nextId(vic);
  assert.equal(await post(n, vic, { id, type: 'Block', object: aliceUri }), 202);
  await n.settle();
  assert.equal(await em().count(Follow), 0);
  assert.equal(await em().count(Block), 0, 'their block is theirs');
  assert.equal(
    await post(n, vic, { type: 'Undo', object: { id, type: 'Block', actor: vic.id, object: aliceUri } }),
    202,
  );
  await n.settle();
  assert.equal(await em().count(Follow), 0);
  assert.equal(v.received.length, before, 'and nothing is said');
  assert.ok(alice);
});

test('FEP-044f a QuoteRequest for a public post is accepted with a stamp that others can look up; for others there is no answer', async (t) => {
  const { n, v, e, vic, mallory, alice, aliceUri, em } = await world(t);
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const open = givenPost(work, { owner });
  const hidden = givenPost(work, { owner, visibility: 'followers', listedAt: null });
  await work.flush();
  const object = `${n.origin}/posts/${open.id}`;
  const ask = { id: nextId(vic), type: 'QuoteRequest', object, instrument: note(vic.id, '/quotes/1') };
  assert.equal(await post(n, vic, ask), 202);
  assert.equal(await post(n, mallory, { ...ask, id: nextId(mallory) }), 202, 'with a post of somebody else');
  const shut = { type: 'QuoteRequest', object: `${n.origin}/posts/${hidden.id}`, instrument: `${v.origin}/quotes/2` };
  assert.equal(await post(n, vic, shut), 202);
  await n.settle();
  const [answer, ...others] = v.received.map(({ body }) => body);
  assert.equal(others.length, 0);
  assert.equal(e.received.length, 0);
  assert.deepEqual([answer?.type, answer?.actor], ['Accept', aliceUri]);
  assert.equal((answer?.object as { id: string } | undefined)?.id, ask.id);
  const stamp = await fetch(String(answer?.result), { headers: { accept: 'application/activity+json' } });
  assert.match(stamp.headers.get('content-type') ?? '', /activity\+json/);
  const { type, attributedTo, interactingObject, interactionTarget } = (await stamp.json()) as Record<string, unknown>;
  assert.deepEqual(
    { type, attributedTo, interactingObject, interactionTarget },
    {
      type: 'QuoteAuthorization',
      attributedTo: aliceUri,
      interactingObject: `${v.origin}/quotes/1`,
      interactionTarget: object,
    },
  );
  const blocking = em();
  const target = await blocking.findOneOrFail(Account, { uri: vic.id });
  const account = blocking.getReference(Account, alice.id);
  blocking.create(Block, { id: newId(), account, target, kind: 'block', createdAt: NOW }, { persist: true });
  await blocking.flush();
  await post(n, vic, { type: 'QuoteRequest', object, instrument: `${v.origin}/quotes/3` });
  await n.settle();
  assert.equal(v.received.at(-1)?.body.type, 'Reject');
});
