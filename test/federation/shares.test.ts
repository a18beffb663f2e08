import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { Account } from '../../src/accounts/model.ts';
import { listFeed } from '../../src/discovery/feed.ts';
import { Comment, Image, Post, Reaction } from '../../src/gallery/model.ts';
import { loadShares, Share, share, unshare } from '../../src/gallery/shares.ts';
import { givenImage, givenModel, givenPost, NOW } from '../factories/content.ts';
import { nextId, post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

const eyes = { levels: 31, blurLevels: 0 };

test('a boost of a thing of elsewhere by somebody followed brings it into the home timeline, said by whom; Undo takes it out', async (t) => {
  const { n, v, e, vic, mallory, alice, em, follows } = await world(t);
  await follows(vic);
  const told = note(mallory.id, '/notes/1');
  e.documents.set('/notes/1', told);
  const id = nextId(vic);
  const announce = { id, type: 'Announce', object: told.id, to: [PUBLIC], published: NOW.toISOString() };
  assert.equal(await post(n, vic, announce), 202);
  await n.settle();
  assert.ok(e.asked.includes('/notes/1'), 'read at its own address');
  const kept = await em().findOneOrFail(Post, { uri: told.id });
  const boosted = await em().findOneOrFail(Share, { post: kept.id }, { populate: ['account'] });
  assert.equal(boosted.account.$.uri, vic.id);

  // its picture, as if it had been fetched
  const work = em();
  givenImage(work, { post: work.getReference(Post, kept.id), owner: kept.owner, isLocal: false });
  await work.nativeUpdate(Post, { id: kept.id }, { listedAt: NOW, level: 1, imageCount: 1 });
  await work.flush();
  const feed = () => listFeed(em(), eyes, { scope: 'following', viewerId: alice.id });
  const [item, ...others] = (await feed()).items;
  assert.equal(others.length, 0);
  assert.deepEqual([item?.url, item?.sharerName, item?.ownerName], [`/posts/${kept.id}`, 'vic', 'mallory']);
  assert.equal((await listFeed(em(), eyes, { scope: 'following', viewerId: 0 })).items.length, 0, 'only for followers');

  assert.equal(await post(n, mallory, { type: 'Undo', object: { ...announce, actor: vic.id } }), 202);
  await n.settle();
  assert.equal(await em().count(Share), 1, 'nobody else takes it back');
  assert.equal(await post(n, vic, { type: 'Undo', object: id }), 202);
  await n.settle();
  assert.equal(await em().count(Share), 0);
  assert.equal((await feed()).items.length, 0);
  assert.ok(v.asked.length > 0);
});

test('an Undo that comes before its boost, or while its object is fetched, leaves nothing', async (t) => {
  const { n, e, vic, mallory, em, follows } = await world(t);
  await follows(vic);
  const told = note(mallory.id, '/notes/1');
  e.documents.set('/notes/1', told);
  const id = nextId(vic);
  assert.equal(await post(n, vic, { type: 'Undo', object: id }), 202);
  assert.equal(await post(n, vic, { id, type: 'Announce', object: told.id, to: [PUBLIC] }), 202);
  await n.settle();
  assert.equal(await em().count(Share), 0);
  assert.equal(await em().count(Post), 0);
});

test('boosts count on things of ours whoever passes them on, once for each; what is not public, and strangers’ boosts of strangers, do not', async (t) => {
  const { n, e, vic, mallory, alice, em } = await world(t);
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const open = givenPost(work, { owner });
  const hidden = givenPost(work, { owner, visibility: 'followers', listedAt: null });
  const model = givenModel(work, { owner });
  await work.flush();
  for (const path of [
    `/posts/${open.id}`,
    `/posts/${open.id}`,
    `/posts/${hidden.id}`,
    `/models/${model.id}`,
    '/posts/999',
  ]) {
    assert.equal(await post(n, vic, { type: 'Announce', object: `${n.origin}${path}`, to: [PUBLIC] }), 202, path);
  }
  e.documents.set('/notes/1', note(mallory.id, '/notes/1'));
  const asked = e.asked.length;
  assert.equal(await post(n, vic, { type: 'Announce', object: `${e.origin}/notes/1`, to: [PUBLIC] }), 202);
  await n.settle();
  assert.equal(e.asked.length, asked, 'nobody here follows vic');
  assert.deepEqual(await loadShares(em(), alice.id, { kind: 'post', id: open.id }), { shared: false, shareCount: 1 });
  assert.deepEqual((await loadShares(em(), alice.id, { kind: 'model', id: model.id })).shareCount, 1);
  assert.equal(await em().count(Share), 2);
});

test('a Lemmy group that passes on the Create of a page passes on the page', async (t) => {
  const { n, v, vic, em, follows } = await world(t);
  await follows(vic);
  const author = await v.actor('author');
  const page = {
    ...note(author.id, '/post/1', { type: 'Page', name: 'A drawing', attachment: [] }),
    image: { type: 'Image', url: `${v.origin}/pictrs/1.webp` },
  };
  v.documents.set('/post/1', page);
  const create = { id: `${v.origin}/activities/create/1`, type: 'Create', actor: author.id, object: page };
  assert.equal(await post(n, vic, { type: 'Announce', object: create, to: [PUBLIC] }), 202);
  await n.settle();
  const kept = await em().findOneOrFail(Post, { uri: page.id }, { populate: ['owner'] });
  assert.deepEqual([kept.title, kept.owner.$.uri], ['A drawing', author.id]);
  assert.equal(await em().count(Share), 1);
});

test('one of ours passes something on: followers elsewhere and its author hear Announce, and Undo after it', async (t) => {
  const { n, v, vic, alice, aliceUri, em, follows } = await world(t);
  const fan = await v.actor('fan');
  assert.equal(await post(n, fan, { type: 'Follow', object: aliceUri }), 202);
  await follows(vic);
  const told = note(vic.id, '/notes/1');
  assert.equal(await post(n, vic, { type: 'Create', object: told }), 202);
  await n.settle();
  const kept = await em().findOneOrFail(Post, { uri: told.id });
  const speaker = viewerOf(alice);
  await share(n.workAs(alice), speaker, { kind: 'post', id: kept.id });
  await share(n.workAs(alice), speaker, { kind: 'post', id: kept.id });
  await n.settle();
  const said = v.received.filter(({ body }) => body.type === 'Announce');
  assert.deepEqual(said.map(({ path }) => path).sort(), ['/users/fan/inbox', '/users/vic/inbox']);
  const [first] = said;
  assert.deepEqual([first?.body.object, first?.body.actor], [told.id, aliceUri]);
  await unshare(em(), alice.id, { kind: 'post', id: kept.id });
  await n.settle();
  const undone = v.received.filter(({ body }) => body.type === 'Undo');
  assert.deepEqual(
    undone.map(({ body }) => (body.object as { id: string }).id),
    [first?.body.id, first?.body.id],
  );
});

test('the boost button works without scripts, and says what is so', async (t) => {
  const { n, em } = await world(t);
  const bob = await n.member('bob');
  const work = em();
  const open = givenPost(work);
  givenImage(work, { post: open });
  await work.flush();
  const before = await bob.browser.get(`/posts/${open.id}`);
  assert.match(before.text, /action="\/posts\/\d+\/shares"/);
  const answer = await bob.browser.post(`/posts/${open.id}/shares`, { on: '1' });
  assert.equal(answer.status, 302);
  const after = (await bob.browser.get(`/posts/${open.id}`)).text;
  assert.match(after, /shares"[\s\S]{0,200}aria-pressed="true"/);
  assert.equal(await em().count(Share), 1);
});

test('Like, EmojiReact and their Undo work by object id on posts, pictures, models and comments', async (t) => {
  const { n, vic, alice, em } = await world(t);
  const work = em();
  const owner = work.getReference(Account, alice.id);
  const open = givenPost(work, { owner });
  const picture = givenImage(work, { post: open });
  const model = givenModel(work, { owner });
  await work.flush();
  const comment = work.create(
    Comment,
    { id: '01900000-0000-7000-8000-000000000001', author: owner, post: open, text: 'Yes', createdAt: NOW },
    { persist: true },
  );
  await work.flush();
  const paths = [`/posts/${open.id}`, `/images/${picture.id}`, `/models/${model.id}`, `/comments/${comment.id}`];
  for (const [i, path] of paths.entries()) {
    const type = i % 2 === 0 ? 'EmojiReact' : 'Like';
    const said = { id: nextId(vic), type, object: `${n.origin}${path}`, content: '🔥' };
    await post(n, vic, said);
    await post(n, vic, { ...said, id: nextId(vic), type: 'Like' });
    await n.settle();
    assert.equal(await em().count(Reaction), 1, path);
    // by what it says where the id is not the one that was sent
    await post(n, vic, {
      type: 'Undo',
      object: i < 2 ? { ...said, actor: vic.id } : { type, actor: vic.id, object: said.object, id: nextId(vic) },
    });
    await n.settle();
    assert.equal(await em().count(Reaction), 0, path);
  }
  assert.equal((await em().findOneOrFail(Post, open.id)).likeCount, 0);
  assert.equal((await em().findOneOrFail(Image, picture.id)).likeCount, 0);
});
