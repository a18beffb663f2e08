import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { Model } from '../../src/catalogue/model.ts';
import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { tellCollectionAfterPolicy } from '../../src/gallery/collections/access.ts';
import { createCollection, deleteCollection, editCollection } from '../../src/gallery/collections/edit.ts';
import { Collection, CollectionItem, CollectionRefusal } from '../../src/gallery/collections/model.ts';
import { chooseCover, moveItem } from '../../src/gallery/collections/order.ts';
import { refuse, withdrawRefusal } from '../../src/gallery/collections/refuse.ts';
import { collect } from '../../src/gallery/collections/together/put.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { givenModel, givenVersion, NOW } from '../factories/content.ts';
import { peerNode, settleAll } from './nodes.ts';
import { mastodon, pixelfed } from './peer-readers.ts';
import { followAccount, postPicture } from './people.ts';
import { nextId, post } from './strangers.ts';
import { PUBLIC, world } from './world.ts';

type Json = Record<string, unknown>;
const REST_MS = 120_000;
const WORDS = { name: 'Wash', description: 'All *wet*', visibility: 'public' } as const;

async function read(origin: string, path: string) {
  const reply = await fetch(new URL(path, origin), { headers: { accept: ACTIVITY_JSON }, redirect: 'manual' });
  return { status: reply.status, body: (await reply.json().catch(() => ({}))) as Json };
}

test('a collection is told of once it is public and holds something: a note with words, link and pictures, renewed and taken back', async (t) => {
  const { n, v, vic, alice, em, follows } = await world(t);
  await follows(vic);
  const work = em();
  const [fan, owner] = [await work.findOneOrFail(Account, { uri: vic.id }), work.getReference(Account, alice.id)];
  work.create(
    Follow,
    { id: crypto.randomUUID(), follower: fan, target: owner, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  const model = givenModel(work, { owner, name: 'Ink' });
  await work.flush();
  const as = () => n.workAs(alice);
  const rest = async () => {
    await n.settle();
    n.clock.pass(REST_MS);
    await n.settle();
  };
  const heard = (type: string) =>
    v.received.map(({ body }) => body as Json).filter((body) => body.type === type && ofNote(body));
  const ofNote = ({ object }: Json) => String((object as Json)?.id ?? object).endsWith('/note');

  const made = await createCollection(as(), { ...WORDS, visibility: 'private' });
  await collect(as(), made.id, { kind: 'model', id: model.id });
  await rest();
  assert.equal(heard('Create').length, 0, 'what is private is told to nobody');
  const uri = `${n.origin}/collections/${made.id}`;
  assert.equal((await read(n.origin, `${uri}/note`)).status, 404);
  await editCollection(as(), made.id, WORDS);
  await rest();
  const [create, ...more] = heard('Create');
  assert.equal(more.length, 0);
  const note = create?.object as Json;
  assert.deepEqual(
    [note.id, note.type, note.kind, note.name, note.url, note.context, note.attributedTo],
    [`${uri}/note`, 'Note', 'Collection', 'Wash', uri, uri, `${n.origin}/users/alice`],
  );
  assert.match(String(note.content), /<strong>Wash<\/strong>.*<em>wet<\/em>.*href="[^"]*\/collections\/\d+"/s);
  assert.deepEqual(note.to, [PUBLIC]);
  const served = await read(n.origin, `${uri}/note`);
  assert.equal(served.status, 200);
  for (const name of ['replies', 'likes', 'shares']) {
    const list = await read(n.origin, new URL(String((served.body[name] as Json).id)).pathname);
    assert.deepEqual([list.status, list.body.totalItems], [200, 0], name);
  }
  assert.equal((await fetch(`${uri}/note`, { redirect: 'manual' })).status, 302, 'people are led to the page');

  await editCollection(as(), made.id, { ...WORDS, name: 'Drier' });
  await rest();
  assert.deepEqual(
    heard('Update').map(({ object }) => (object as Json).name),
    ['Drier'],
  );
  await editCollection(as(), made.id, { ...WORDS, visibility: 'unlisted' });
  await n.settle();
  assert.equal(heard('Delete').length, 1);
  assert.equal((await read(n.origin, `${uri}/note`)).status, 404);
  n.clock.pass(1_000);
  await editCollection(as(), made.id, WORDS);
  await rest();
  assert.equal(heard('Create').length, 2, 'and it is there again');
  await deleteCollection(as(), made.id);
  await rest();
  assert.equal(heard('Delete').length, 2);
  const gone = await read(n.origin, `${uri}/note`);
  assert.deepEqual([gone.status, gone.body.type, gone.body.formerType], [410, 'Tombstone', 'Note']);
});

async function twoNodes(t: TestContext) {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const [alice, bob] = [await home.member('alice'), await away.member('bob')];
  await followAccount(away, bob.browser, home, 'alice', [home, away]);
  const rest = async () => {
    await settleAll(home, away);
    for (const node of [home, away]) node.clock.pass(REST_MS);
    await settleAll(home, away);
  };
  const here = () => home.node.orm.em.fork();
  const there = () => away.node.orm.em.fork();
  const mine = () => home.workAs(alice.account);
  return { home, away, alice, bob, rest, here, there, mine };
}

test('another node makes a row of what it is told of, in its owner’s order, with single pictures and the cover', async (t) => {
  const { home, alice, bob, rest, here, there, mine } = await twoNodes(t);
  const postId = await postPicture(alice.browser, [home], 'Lake');
  const image = await here().findOneOrFail(Image, { post: postId });
  const work = here();
  const model = givenModel(work, { owner: work.getReference(Account, alice.account.id), name: 'Ink' });
  givenVersion(work, { model });
  await work.flush();
  const made = await createCollection(mine(), WORDS);
  for (const thing of [
    { kind: 'model', id: model.id },
    { kind: 'image', id: image.id },
    { kind: 'post', id: postId },
  ] as const) {
    await collect(mine(), made.id, thing);
  }
  const item = async (where: object) =>
    (await here().findOneOrFail(CollectionItem, { collection: made.id, ...where })).id;
  await chooseCover(mine(), made.id, await item({ image: image.id }));
  await rest();
  const uri = `${home.origin}/collections/${made.id}`;
  const names = {
    model: `${home.origin}/models/${model.id}`,
    post: `${home.origin}/posts/${postId}`,
    image: `${home.origin}/images/${image.id}`,
  };
  const head = (await read(home.origin, uri)).body;
  assert.deepEqual([head.cover, head.totalItems], [names.image, 3]);
  const first = await read(home.origin, `${uri}?page=true`);
  assert.deepEqual(first.body.orderedItems, [names.post, names.image, names.model]);

  const kept = await there().findOneOrFail(Collection, { uri }, { populate: ['owner'] });
  assert.equal(kept.owner.$.uri, `${home.origin}/users/alice`);
  const order = async () => {
    const items = await there().find(
      CollectionItem,
      { collection: kept.id },
      { orderBy: { position: 1, id: 1 }, populate: ['model', 'post', 'image'] },
    );
    return items.map((one) => (one.model ?? one.post ?? one.image)?.$.uri);
  };
  assert.deepEqual(await order(), [names.post, names.image, names.model]);
  const cover = await there().findOneOrFail(CollectionItem, kept.coverItemId ?? '', { populate: ['image'] });
  assert.equal(cover.image?.$.uri, names.image);
  const page = await bob.browser.get(`/collections/${kept.id}`);
  assert.equal(page.status, 200);
  assert.ok(
    page.text.includes(`Lives on ${home.host}`) || page.text.includes(home.host),
    'it says where it is at home',
  );
  assert.match((await bob.browser.get(`/@alice@${home.host}?show=collections`)).text, /Wash/);

  const found = await bob.browser.get(`/search?q=${encodeURIComponent(`${uri}/note`)}`);
  assert.equal(found.location, `/@collection-${made.id}@${home.host}`, 'the address of the note leads to it');

  await moveItem(mine(), made.id, await item({ model: model.id }), { to: 'first' });
  await rest();
  assert.deepEqual(await order(), [names.model, names.post, names.image], 'it follows its owner’s hand');

  // a note with pictures: what is hidden goes out of it
  const said = (await read(home.origin, `${uri}/note`)).body;
  assert.equal((said.attachment as Json[]).length, 1);
  assert.equal((said.attachment as Json[])[0]?.type, 'Document');
  for (const reader of [mastodon, pixelfed]) assert.doesNotThrow(() => reader(said));
  await alice.browser.post(`/posts/${postId}/unpublication`);
  await rest();
  assert.deepEqual((await read(home.origin, `${uri}/note`)).body.attachment, []);
  assert.deepEqual((await read(home.origin, `${uri}?page=true`)).body.orderedItems, [names.model]);

  // moderators keep it back: not here, and not there
  const moderation = here();
  moderation.create(
    PolicyState,
    { targetKind: 'collection', targetId: made.id, restrictions: RESTRICTION.view, changedAt: NOW },
    { persist: true },
  );
  await moderation.flush();
  await tellCollectionAfterPolicy(home.workAs(null), made.id);
  await rest();
  for (const path of ['', '/actor', '/note', '?page=true'])
    assert.equal((await read(home.origin, `${uri}${path}`)).status, 404, path);
  assert.equal(await there().count(Collection, { uri }), 0);
  const lifted = here();
  await lifted.nativeUpdate(PolicyState, { targetKind: 'collection' }, { restrictions: RESTRICTION.removed });
  for (const path of ['', '/actor', '/note'])
    assert.equal((await read(home.origin, `${uri}${path}`)).status, 410, path);
});

test('whoever made a thing of another node has it left out there, and allows it again', async (t) => {
  const { home, away, alice, bob, rest, here, there, mine } = await twoNodes(t);
  const work = there();
  const model = givenModel(work, { owner: work.getReference(Account, bob.account.id), name: 'Bob’s' });
  givenVersion(work, { model });
  await work.flush();
  await alice.browser.get(`/search?q=${encodeURIComponent(`${away.origin}/models/${model.id}`)}`);
  await settleAll(home, away);
  const copy = await here().findOneOrFail(Model, { uri: `${away.origin}/models/${model.id}` });
  const made = await createCollection(mine(), WORDS);
  await collect(mine(), made.id, { kind: 'model', id: copy.id });
  await rest();
  const kept = await there().findOneOrFail(Collection, { uri: `${home.origin}/collections/${made.id}` });
  assert.equal(await there().count(CollectionItem, { collection: kept.id }), 1);
  assert.match(
    (await bob.browser.get(`/collections?model=${model.id}`)).text,
    new RegExp(`/collections/${kept.id}/refusals`),
  );

  await refuse(away.workAs(bob.account), kept.id, { kind: 'model', id: model.id });
  await rest();
  assert.equal(await here().count(CollectionItem, { collection: made.id }), 0, 'its home took it out');
  assert.equal(await there().count(CollectionItem, { collection: kept.id }), 0);
  await assert.rejects(collect(mine(), made.id, { kind: 'model', id: copy.id }), { kind: 'forbidden' });
  assert.match((await alice.browser.get(`/collections/${made.id}`)).text, /left out/);

  const asked = await there().findOneOrFail(CollectionRefusal, { collection: kept.id });
  await withdrawRefusal(away.workAs(bob.account), asked.id);
  await rest();
  assert.equal(await here().count(CollectionRefusal), 0);
  await collect(mine(), made.id, { kind: 'model', id: copy.id });
  await rest();
  assert.equal(await there().count(CollectionItem, { collection: kept.id }), 1);
});

test('nobody leaves out what is not theirs, of what is private, or in a name that is not theirs', async (t) => {
  const { n, vic, mallory, alice, em, follows } = await world(t);
  const victim = await follows(vic);
  await follows(mallory);
  const work = em();
  const theirs = givenModel(work, {
    owner: work.getReference(Account, victim.id),
    isLocal: false,
    uri: `${new URL(vic.id).origin}/models/1`,
  });
  const ours = givenModel(work, { owner: work.getReference(Account, alice.id) });
  await work.flush();
  const [open, secret] = [
    await createCollection(n.workAs(alice), WORDS),
    await createCollection(n.workAs(alice), { ...WORDS, visibility: 'private' }),
  ];
  for (const { id } of [open, secret]) {
    await collect(n.workAs(alice), id, { kind: 'model', id: theirs.id });
    await collect(n.workAs(alice), id, { kind: 'model', id: ours.id });
  }
  const target = `${n.origin}/collections/${open.id}`;
  const count = async (id: number) => em().count(CollectionItem, { collection: id });
  const id = nextId(vic);
  const say = async (actor: typeof vic, said: object) => {
    assert.equal(await post(n, actor, { type: 'Remove', object: theirs.uri, target, ...said } as never), 202);
    await n.settle();
  };
  await say(mallory, {});
  await say(vic, { object: `${n.origin}/models/${ours.id}` });
  await say(vic, { target: `${n.origin}/collections/${secret.id}` });
  await say(vic, { target: `${n.origin}/collections/999` });
  await say(mallory, { type: 'Add', object: `${n.origin}/models/${ours.id}` });
  assert.deepEqual([await count(open.id), await count(secret.id)], [2, 2]);
  await say(vic, { id });
  await say(vic, {});
  assert.equal(await count(open.id), 1);
  assert.equal(await em().count(CollectionRefusal), 1);
  await post(n, mallory, { type: 'Undo', object: id });
  await n.settle();
  assert.equal(await em().count(CollectionRefusal), 1, 'not hers to allow');
  await post(n, vic, {
    type: 'Undo',
    object: { id: `${vic.id}#forgotten`, type: 'Remove', actor: vic.id, object: theirs.uri, target },
  } as never);
  await n.settle();
  assert.equal(await em().count(CollectionRefusal), 0);
});

test('a stranger’s note of a collection makes a row only of their own, and never a post', async (t) => {
  const { n, v, e, vic, mallory, em, follows } = await world(t);
  await follows(vic);
  const list = {
    ...{ '@context': ['https://www.w3.org/ns/activitystreams', { tessera: 'urn:tessera:ns:', kind: 'tessera:kind' }] },
    ...{ id: `${v.origin}/lists/1`, type: 'OrderedCollection', kind: 'Collection', attributedTo: vic.id },
    ...{ to: [PUBLIC], name: 'Theirs', orderedItems: [] },
  };
  v.documents.set('/lists/1', list);
  e.documents.set('/lists/1', { ...list, id: `${e.origin}/lists/1` });
  const note = (actor: typeof vic, context: string, path: string) => ({
    '@context': list['@context'],
    ...{ id: `${new URL(actor.id).origin}${path}`, type: 'Note', kind: 'Collection', attributedTo: actor.id },
    ...{ to: [PUBLIC], context, content: '<p>Look</p>', published: NOW.toISOString() },
    attachment: [{ type: 'Document', mediaType: 'image/png', url: `${new URL(actor.id).origin}/p.png` }],
  });
  const say = async (actor: typeof vic, object: object) => {
    assert.equal(await post(n, actor, { type: 'Create', object } as never), 202);
    await n.settle();
  };
  await say(mallory, note(mallory, `${v.origin}/lists/1`, '/n/1'));
  await say(mallory, note(mallory, `${e.origin}/lists/1`, '/n/2'));
  await say(vic, note(vic, `${e.origin}/lists/1`, '/n/3'));
  assert.equal(await em().count(Collection), 0);
  await say(vic, note(vic, `${v.origin}/lists/1`, '/n/4'));
  assert.equal((await em().findOneOrFail(Collection, { uri: list.id })).name, 'Theirs');
  assert.equal(await em().count(Post), 0);
});
