import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { Account, Follow } from '../../src/accounts/model.ts';
import { versionPublished } from '../../src/catalogue/events.ts';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { listFeed } from '../../src/discovery/feed.ts';
import { createCollection, deleteCollection } from '../../src/gallery/collections/edit.ts';
import { Collection, CollectionItem } from '../../src/gallery/collections/model.ts';
import { collect, uncollect } from '../../src/gallery/collections/together/put.ts';
import { Post } from '../../src/gallery/model.ts';
import { Share } from '../../src/gallery/shares.ts';
import { TopicFollow } from '../../src/gallery/topics/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { textOf } from '../accounts/browser.ts';
import { givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';
import { nextId, post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

async function given(t: TestContext) {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const bob = await away.member('bob');
  const settle = () => settleAll(home, away);
  const feed = async () =>
    (
      await listFeed(
        away.node.orm.em.fork(),
        { levels: 31, blurLevels: 0 },
        { scope: 'following', viewerId: bob.account.id },
      )
    ).items;
  const follow = (name: string) => followAccount(away, bob.browser, home, name, [home, away]);
  return {
    home,
    away,
    alice,
    bob,
    settle,
    feed,
    follow,
    here: () => home.node.orm.em.fork(),
    there: () => away.node.orm.em.fork(),
  };
}

test('a person follows a tag of another node, and what bears it comes into their feed', async (t) => {
  const { home, alice, bob, feed, follow, settle, there, here } = await given(t);
  await postPicture(alice.browser, [home], 'First');
  const actor = await follow('tag-landscape');
  assert.deepEqual([actor.kind, actor.topic], ['Group', 'tag']);
  assert.equal((await there().findOneOrFail(Follow, { target: actor.id })).state, 'accepted');
  assert.equal(await here().count(TopicFollow), 1);
  const id = await postPicture(alice.browser, [home], 'Second');
  await settle();
  const kept = await there().findOneOrFail(Post, { uri: `${home.origin}/posts/${id}` });
  const [item, ...others] = await feed();
  assert.equal(others.length, 0);
  assert.deepEqual([item?.url, item?.sharerName], [`/posts/${kept.id}`, '#landscape']);
  assert.match(textOf((await bob.browser.get('/settings/following')).text), /#landscape/);
  assert.match((await alice.browser.get('/tags/landscape')).text, /<strong>1<\/strong> follower/);

  await bob.browser.post(`/accounts/${actor.id}/follow`, { on: '0' });
  await settle();
  assert.equal(await here().count(TopicFollow), 0);
  assert.equal((await feed()).length, 0);
});

test('a person follows a model of another node from its page here, hears of a new version, and of its end', async (t) => {
  const { home, away, alice, bob, feed, settle, there, here } = await given(t);
  const work = here();
  const model = givenModel(work, { owner: work.getReference(Account, alice.account.id), name: 'Ink' });
  givenVersion(work, { model });
  await work.flush();
  const found = await bob.browser.get(`/search?q=${encodeURIComponent(`${home.origin}/models/${model.id}`)}`);
  assert.equal(found.status, 302);
  await settle();
  const kept = await there().findOneOrFail(Model, { uri: `${home.origin}/models/${model.id}` });
  assert.equal(kept.feedUri, `${home.origin}/models/${model.id}/actor`);
  assert.match((await bob.browser.get(`/models/${kept.id}`)).text, new RegExp(`action="/models/${kept.id}/follow"`));
  assert.equal((await bob.browser.post(`/models/${kept.id}/follow`, { on: '1' })).status, 302);
  await settle();
  assert.match((await bob.browser.get(`/models/${kept.id}`)).text, /aria-pressed="true"/);
  assert.equal(await there().count(Follow, { follower: bob.account.id, state: 'accepted' }), 1);

  const more = here();
  const version = givenVersion(more, { model: more.getReference(Model, model.id), name: 'v2' });
  await more.flush();
  record(more, versionPublished, { modelId: model.id, versionId: version.id });
  await more.flush();
  await settle();
  assert.equal(await there().count(ModelVersion, { model: kept.id, state: 'published' }), 2);
  assert.deepEqual(
    (await feed()).map(({ title, sharerName }) => [title, sharerName]),
    [['Ink', 'Ink']],
  );

  const { deleteModel } = await import('../../src/catalogue/delete.ts');
  await deleteModel(home.workAs(alice.account), model.id);
  await settle();
  assert.equal((await there().findOneOrFail(Model, kept.id)).state, 'deleted');
  assert.equal((await feed()).length, 0);
  assert.equal(await there().count(Follow), 0);
  assert.ok(away.origin !== home.origin);
});

test('a collection of another node is followed by its address, kept with what everybody may see, and follows its owner’s word', async (t) => {
  const { home, alice, bob, feed, settle, there, here } = await given(t);
  const work = here();
  const owner = work.getReference(Account, alice.account.id);
  const [one, two, shut] = ['One', 'Two', 'Shut'].map((name) => givenModel(work, { owner, name }));
  assert.ok(one && two && shut);
  for (const model of [one, two, shut]) givenVersion(work, { model });
  await work.flush();
  const mine = () => home.workAs(alice.account);
  const made = await createCollection(mine(), { name: 'Wash', description: 'All *wet*', visibility: 'public' });
  await collect(mine(), made.id, { kind: 'model', id: one.id });
  await collect(mine(), made.id, { kind: 'model', id: shut.id });
  await here().nativeUpdate(Model, { id: shut.id }, { listedAt: null, visibility: 'followers' });
  await settle();
  const address = `${home.origin}/collections/${made.id}`;
  const found = await bob.browser.get(`/search?q=${encodeURIComponent(address)}`);
  assert.equal(found.location, `/@collection-${made.id}@${home.host}`);
  const actor = await there().findOneOrFail(Account, { uri: `${address}/actor` });
  assert.equal(actor.topic, 'collection');
  await bob.browser.post(`/accounts/${actor.id}/follow`, { on: '1' });
  await settle();
  const kept = await there().findOneOrFail(Collection, { uri: address }, { populate: ['owner'] });
  assert.match((await bob.browser.get(found.location)).text, new RegExp(`href="/collections/${kept.id}"`));
  assert.deepEqual(
    [kept.name, kept.owner.$.uri, kept.feedUri],
    ['Wash', `${home.origin}/users/alice`, `${address}/actor`],
  );
  const page = await bob.browser.get(`/collections/${kept.id}`);
  assert.match(page.text, /<em>wet<\/em>/);
  assert.match(page.text, />One</);
  assert.doesNotMatch(page.text, /Shut/);
  assert.match(page.text, /aria-pressed="true"/);
  assert.match(textOf(page.text), /1 thing\b/);

  await collect(mine(), made.id, { kind: 'model', id: two.id });
  await settle();
  assert.match((await bob.browser.get(`/collections/${kept.id}`)).text, />Two</);
  assert.deepEqual(
    (await feed()).map(({ title, sharerName }) => [title, sharerName]),
    [['Two', 'Wash']],
  );
  await uncollect(mine(), made.id, { kind: 'model', id: two.id });
  await settle();
  assert.doesNotMatch((await bob.browser.get(`/collections/${kept.id}`)).text, />Two</);
  assert.equal((await feed()).length, 0);
  await deleteCollection(mine(), made.id);
  await settle();
  assert.equal(await there().count(Collection), 0);
  assert.equal(await there().count(CollectionItem), 0);
  assert.equal((await bob.browser.get(`/collections/${kept.id}`)).status, 404);
});

const collection = (ownerId: string, path: string, items: readonly string[], more: object = {}) => ({
  '@context': [
    'https://www.w3.org/ns/activitystreams',
    {
      tessera: 'urn:tessera:ns:',
      kind: 'tessera:kind',
      feed: { '@id': 'tessera:feed', '@type': '@id' },
      topic: { '@id': 'tessera:topic', '@type': '@id' },
    },
  ],
  id: `${new URL(ownerId).origin}${path}`,
  type: 'OrderedCollection',
  kind: 'Collection',
  attributedTo: ownerId,
  to: [PUBLIC],
  name: 'Theirs',
  orderedItems: items,
  ...more,
});

test('a stranger’s collection: only its owner adds, only what is public and read at its own address is in it', async (t) => {
  const { n, v, e, vic, mallory, alice, em, follows } = await world(t);
  const { ingestCollection } = await import('../../src/federation/ingest/ingest-collection.ts');
  await follows(vic);
  const other = await v.actor('other');
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const hidden = givenPost(work, { owner, visibility: 'followers', listedAt: null });
  const open = givenPost(work, { owner });
  await work.flush();
  v.documents.set('/notes/1', note(vic.id, '/notes/1'));
  v.documents.set('/notes/2', note(vic.id, '/notes/2', { to: [`${vic.id}/followers`] }));
  e.documents.set('/notes/3', note(vic.id, '/notes/3', { id: `${e.origin}/notes/3` }));
  const items = [
    `${v.origin}/notes/1`,
    `${v.origin}/notes/2`,
    `${e.origin}/notes/3`,
    `${n.origin}/posts/${hidden.id}`,
    `${n.origin}/posts/${open.id}`,
  ];
  const theirs = collection(vic.id, '/lists/1', items);
  v.documents.set('/lists/1', theirs);
  const read = (uri: string) => ingestCollection(n.workAs(null), n.node.federation, uri);
  assert.equal(await read(theirs.id), 'done');
  const kept = await em().findOneOrFail(Collection, { uri: theirs.id });
  const inIt = async () => {
    const found = await em().find(CollectionItem, { collection: kept.id }, { populate: ['post'] });
    return found.map(({ post: one }) => one?.$.uri ?? `ours ${one?.id}`).sort();
  };
  assert.deepEqual(await inIt(), [`${v.origin}/notes/1`, `ours ${open.id}`].sort());

  v.documents.set('/notes/4', note(vic.id, '/notes/4'));
  const said = { type: 'Add', object: `${v.origin}/notes/4`, target: theirs.id };
  for (const actor of [mallory, other]) assert.equal(await post(n, actor, said), 202);
  await post(n, mallory, { type: 'Remove', object: `${v.origin}/notes/1`, target: theirs.id });
  await post(n, mallory, { type: 'Delete', object: theirs.id });
  await n.settle();
  assert.equal((await inIt()).length, 2, 'nobody else’s word counts');
  await post(n, vic, said);
  await post(n, vic, { type: 'Remove', object: `${v.origin}/notes/1`, target: theirs.id });
  await n.settle();
  assert.deepEqual(await inIt(), [`${v.origin}/notes/4`, `ours ${open.id}`].sort());

  // of another host, or of another than it says
  e.documents.set('/lists/2', collection(vic.id, '/lists/2', [], { id: `${e.origin}/lists/2` }));
  assert.equal(await read(`${e.origin}/lists/2`), 'of somebody else');
  v.documents.set('/lists/3', collection(vic.id, '/lists/3', [], { to: [`${vic.id}/followers`] }));
  assert.equal(await read(`${v.origin}/lists/3`), 'not for everybody');
  // as long as it likes
  const many = Array.from({ length: 3_000 }, (_, index) => `${v.origin}/many/${index}`);
  v.documents.set('/lists/4', collection(vic.id, '/lists/4', many));
  const asked = v.asked.length;
  const { boundFetches } = await import('../../src/federation/bound-fetches.ts');
  await ingestCollection(n.workAs(null), boundFetches(n.node.federation, 20), `${v.origin}/lists/4`);
  assert.ok(v.asked.length - asked <= 21, `${v.asked.length - asked} requests`);
  // its owner shuts it
  v.documents.set('/lists/1', { ...theirs, to: [] });
  await post(n, vic, { type: 'Update', object: { ...theirs, to: [] } });
  await n.settle();
  assert.equal(await em().count(Collection, { uri: theirs.id }), 0);
});

test('a Group passes on only what is public, by its own origin’s word', async (t) => {
  const { n, v, e, vic, alice, em, follows } = await world(t);
  const group = { ...(vic.document as object), type: 'Group', kind: 'Tag', topic: `${e.origin}/tags/x` };
  v.documents.set('/users/vic', group);
  const account = await follows(vic);
  assert.equal(account.kind, 'Group');
  assert.equal(account.topic, null, 'a topic of another host is none');
  const victim = await e.actor('victim');
  const work = em();
  const hidden = givenPost(work, {
    owner: work.getReference(Account, alice.id),
    visibility: 'followers',
    listedAt: null,
  });
  await work.flush();
  e.documents.set('/notes/1', note(victim.id, '/notes/1', { to: [`${victim.id}/followers`] }));
  const claimed = note(victim.id, '/notes/2', { content: 'Never said' });
  const forged = { ...note(victim.id, '/notes/3'), id: `${v.origin}/notes/3` };
  v.documents.set('/notes/3', forged);
  for (const object of [
    `${n.origin}/posts/${hidden.id}`,
    `${e.origin}/notes/1`,
    claimed,
    { id: `${v.origin}/x`, type: 'Create', actor: victim.id, object: claimed },
    forged,
  ]) {
    assert.equal(await post(n, vic, { id: nextId(vic), type: 'Announce', object, to: [PUBLIC] }), 202);
  }
  await n.settle();
  assert.equal(await em().count(Share), 0);
  assert.equal(await em().count(Post, { isLocal: false, listedAt: { $ne: null } }), 0);
  assert.ok(viewerOf(alice).id > 0 && NOW);
});
