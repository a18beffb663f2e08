import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { OutboxItem } from '../../src/federation/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { AP, follow, get, given, heard, publish } from './cast.ts';
import { settleAll } from './nodes.ts';
import { post } from './strangers.ts';

test('a direct post goes to whom it names, and to nobody who only follows', async (t) => {
  const cast = await given(t);
  const { home, away, other, bob, carol, keys } = cast;
  const { postId, imageId, uri } = await publish(cast, { visibility: 'direct', caption: `for @carol@${away.host}` });
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri });
  assert.equal(arrived.visibility, 'direct');
  assert.equal((await carol.browser.get(`/posts/${arrived.id}`)).status, 200);
  assert.equal((await bob.browser.get(`/posts/${arrived.id}`)).status, 404);
  assert.match((await carol.browser.get('/?scope=named')).text, /Hushed/);
  assert.doesNotMatch((await bob.browser.get('/?scope=following')).text, /Hushed/);
  assert.deepEqual(heard(other, uri), []);
  for (const path of [`/posts/${postId}`, `/media/full/${imageId}.webp`]) {
    for (const key of [null, keys.bob, keys.fan, keys.dave]) assert.equal((await get(home, path, key)).status, 404);
    assert.equal((await get(home, path, keys.carol, path.startsWith('/media') ? 'image/*' : AP)).status, 200);
  }
  const said = await home.node.orm.em.fork().findOneOrFail(OutboxItem, { uri: `${uri}#create` });
  const { to, cc } = said.document as { to: string[]; cc: string[] };
  assert.deepEqual([to, cc], [[`${away.origin}/users/carol`], []]);
});

test('O18 a locked account’s posts are for nobody before the Accept, at home and where they lie', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, bob, dave, mallory, keys } = cast;
  await home.node.orm.em.fork().nativeUpdate(Account, { id: alice.account.id }, { isLocked: true });
  await follow(away, dave.browser, home, 'alice');
  assert.equal(await post(home, mallory, { type: 'Follow', object: `${home.origin}/users/alice` }), 202);
  await settleAll(home, away);
  const before = other.received.length;
  const { postId, imageId, uri } = await publish(cast, { visibility: 'followers', caption: '' });
  // it lies there, because Bob follows
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri });
  assert.equal((await bob.browser.get(`/posts/${arrived.id}`)).status, 200);
  assert.equal((await dave.browser.get(`/posts/${arrived.id}`)).status, 404);
  assert.doesNotMatch((await dave.browser.get('/?scope=following')).text, /Hushed/);
  for (const path of [`/posts/${postId}`, `/media/full/${imageId}.webp`]) {
    for (const key of [keys.dave, keys.mallory]) assert.equal((await get(home, path, key)).status, 404, path);
  }
  const inboxes = other.received.slice(before).map(({ path }) => path);
  assert.ok(!inboxes.includes('/users/mallory/inbox'), 'a request brings nothing');

  const asked = await home.node.orm.em.fork().findOneOrFail(Follow, { state: 'pending', follower: { name: 'dave' } });
  await alice.browser.post(`/follows/${asked.id}/acceptance`);
  await settleAll(home, away);
  assert.equal((await dave.browser.get(`/posts/${arrived.id}`)).status, 200);
  assert.equal((await get(home, `/posts/${postId}`, keys.dave)).status, 200);
});

test('P10 a deletion is told to those who had it by name; what is left is a bare 410 for them, and nothing for others', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, keys, mallory } = cast;
  const host = new URL(other.origin).host;
  await alice.browser.get(`/search?q=${encodeURIComponent(`@mallory@${host}`)}`);
  await settleAll(home);
  const caption = `for @mallory@${host} Hushed words`;
  const direct = await publish(cast, { visibility: 'direct', caption });
  const open = await publish(cast, { visibility: 'public', caption: 'Hushed words' });
  assert.deepEqual(heard(other, direct.uri), ['Create'], 'Mallory is named this time');
  for (const { postId } of [direct, open]) await alice.browser.post(`/posts/${postId}/removal`);
  for (const peer of [home, away]) peer.clock.pass(16_000);
  await settleAll(home, away);
  assert.deepEqual(heard(other, direct.uri), ['Create', 'Delete']);
  for (const path of [`/posts/${direct.postId}`, `/images/${direct.imageId}`]) {
    const gone = await get(home, path, keys.mallory);
    assert.deepEqual([gone.status, JSON.parse(gone.text).type], [410, 'Tombstone']);
    assert.doesNotMatch(gone.text, /Hushed/);
    for (const key of [null, keys.bob, keys.dave]) assert.equal((await get(home, path, key)).status, 404, path);
  }
  assert.equal((await get(home, `/media/full/${direct.imageId}.webp`, null, 'image/*')).status, 404);
  assert.equal((await get(home, `/media/full/${direct.imageId}.webp`, keys.mallory, 'image/*')).status, 410);
  assert.equal((await get(home, `/posts/${open.postId}`, null)).status, 410);
  assert.equal((await get(home, `/images/${open.imageId}`, null)).status, 410);
  assert.equal((await get(home, `/media/full/${open.imageId}.webp`, null, 'image/*')).status, 410);
  assert.equal(mallory.id, `${other.origin}/users/mallory`);
});
