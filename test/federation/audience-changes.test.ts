import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { Comment, Post, Reaction } from '../../src/gallery/model.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { AWAY_ID, change, get, given, heard, PUBLIC, publish } from './cast.ts';
import { settleAll } from './nodes.ts';
import { post, type StrangeActor } from './strangers.ts';

test('what is made narrower is taken from those whom it is no longer for, and given to whom it becomes for', async (t) => {
  const cast = await given(t);
  const { away, other, bob, carol } = cast;
  const caption = `with @carol@${away.host}`;
  const { postId, uri } = await publish(cast, { visibility: 'public', caption });
  const there = () => away.node.orm.em.fork().findOneOrFail(Post, { uri });
  const { id } = await there();
  assert.equal((await get(away, `/posts/${id}`, null, 'text/html')).status, 200);
  assert.equal((await bob.browser.post(`/posts/${id}/comments`, { text: 'Fine' })).status, 302);

  await change(cast, postId, { visibility: 'followers', caption });
  assert.equal((await there()).visibility, 'followers');
  assert.equal((await get(away, `/posts/${id}`, null, 'text/html')).status, 404);
  assert.match((await bob.browser.get(`/posts/${id}`)).text, /Fine/, 'on a server of our kind its talk stays');
  assert.deepEqual(heard(other, uri).slice(0, 2), ['Create', 'Delete'], 'others would leave it public');

  await change(cast, postId, { visibility: 'direct', caption });
  assert.equal((await bob.browser.get(`/posts/${id}`)).status, 404);
  assert.equal((await carol.browser.get(`/posts/${id}`)).status, 200);

  await change(cast, postId, { visibility: 'public', caption });
  assert.equal((await get(away, `/posts/${id}`, null, 'text/html')).status, 200);
  assert.equal(heard(other, uri).at(-1), 'Create');
});

test('a model for followers arrives for them alone; its file goes to who signs as one of them', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, bob, dave, keys } = cast;
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'hush' }))]), 'hush.safetensors');
  const versionId = Number(
    /\/versions\/(\d+)\/edit/.exec((await alice.browser.postForm('/upload', form)).location)?.[1],
  );
  await settleAll(home);
  const words = { name: 'Hushed Wash', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' };
  const edit = (fields: Record<string, string>) =>
    alice.browser.post(`/versions/${versionId}/edit`, { ...words, ...fields });
  assert.equal((await edit({ act: 'publish', visibility: 'followers' })).status, 302);
  await settleAll(home, away);
  const { model } = await home.node.orm.em.fork().findOneOrFail(ModelVersion, versionId);
  const uri = `${home.origin}/models/${model.id}`;
  const there = () => away.node.orm.em.fork().findOneOrFail(Model, { uri });
  const arrived = await there();
  assert.deepEqual([arrived.visibility, arrived.listedAt], ['followers', null]);
  assert.equal((await bob.browser.get(`/models/${arrived.id}`)).status, 200);
  assert.equal((await dave.browser.get(`/models/${arrived.id}`)).status, 404);
  assert.match((await bob.browser.get('/?scope=following')).text, /Hushed Wash/);
  assert.doesNotMatch((await dave.browser.get('/models')).text, /Hushed Wash/);
  assert.equal(await away.node.orm.em.fork().count(ModelFile, { version: { model: arrived } }), 1);
  for (const path of [`/models/${model.id}`, `/models/${model.id}/likes`, `/api/download/models/${versionId}`]) {
    for (const key of [null, keys.dave, keys.mallory]) {
      assert.equal((await get(home, path, key)).status, 404, `${path} ${key?.keyId}`);
    }
    for (const key of [keys.bob, keys.node]) {
      assert.deepEqual(
        Object.values(await get(home, path, key)).filter((value) => value === 200 || value === 'private, no-store'),
        [200, 'private, no-store'],
        path,
      );
    }
  }
  assert.equal((await get(home, `/versions/${versionId}`, keys.dave)).status, 404);
  assert.equal((await get(home, `/versions/${versionId}`, keys.bob)).status, 302);
  assert.deepEqual(heard(other, uri), ['Create']);

  for (const peer of [home, away]) peer.clock.pass(60_000);
  await edit({ act: 'save', visibility: 'unlisted' });
  await settleAll(home, away);
  assert.deepEqual([(await there()).visibility, (await there()).listedAt], ['unlisted', null]);
  assert.equal((await get(home, `/models/${model.id}`, null)).status, 200);
  assert.equal((await get(away, `/models/${arrived.id}`, null, 'text/html')).status, 200);
  assert.equal(JSON.parse((await get(home, '/users/alice/outbox', null)).text).totalItems, 0);
});

test('O20 likes, boosts, quotes and answers of strangers to it do what they do to a missing id; those of followers count', async (t) => {
  const cast = await given(t);
  const { home, away, fan, mallory } = cast;
  const { postId, uri } = await publish(cast, { visibility: 'followers', caption: '' });
  const note = (actor: StrangeActor, inReplyTo: string, to: string[], n: number) => ({
    type: 'Create',
    to,
    object: {
      ...{ id: `${actor.id}/notes/${n}`, type: 'Note', attributedTo: actor.id, content: '<p>Hm</p>', inReplyTo, to },
      published: home.clock.now().toISOString(),
    },
  });
  const em = () => home.node.orm.em.fork();
  for (const [n, object] of [uri, `${home.origin}/posts/${AWAY_ID}`].entries()) {
    for (const activity of [
      { type: 'Like', object },
      { type: 'Announce', object, to: [PUBLIC] },
      { type: 'EmojiReact', object, content: '🔥' },
      { type: 'QuoteRequest', object, instrument: `${mallory.id}/quote` },
      note(mallory, object, [PUBLIC], n),
    ]) {
      assert.equal(await post(home, mallory, activity), 202);
    }
  }
  await settleAll(home, away);
  assert.equal(await em().count(Comment, {}), 0);
  assert.equal(await em().count(Reaction, {}), 0);

  assert.equal(await post(home, fan, { type: 'Like', object: uri }), 202);
  const followers = `${home.origin}/users/alice/followers`;
  assert.equal(await post(home, fan, note(fan, uri, [followers, `${home.origin}/users/alice`], 7)), 202);
  await settleAll(home, away);
  assert.equal(await em().count(Reaction, { post: postId }), 1);
  assert.equal((await em().findOneOrFail(Comment, { post: postId })).audience, 'page');
});

test('an answer that is for few is shown to them: whom it answers, whom it names, and its author’s followers if it says so', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, fan } = cast;
  const erin = await home.member('erin');
  const finn = await home.member('finn');
  const { postId, uri } = await publish(cast, { visibility: 'public', caption: '' });
  const answer = (text: string, to: string[], n: number) =>
    post(home, fan, {
      type: 'Create',
      to,
      object: {
        ...{ id: `${fan.id}/notes/${n}`, type: 'Note', attributedTo: fan.id, content: `<p>${text}</p>`, to },
        ...{ inReplyTo: uri, published: home.clock.now().toISOString() },
      },
    });
  await answer('Between us', [`${home.origin}/users/alice`, `${home.origin}/users/erin`], 1);
  await answer('Among friends', [`${fan.id}/followers`, `${home.origin}/users/alice`], 2);
  await answer('Aloud', [PUBLIC], 3);
  await settleAll(home, away);
  const pageOf = async (browser: Browser | null) => {
    const { text } = browser
      ? await browser.get(`/posts/${postId}`)
      : await get(home, `/posts/${postId}`, null, 'text/html');
    return ['Between us', 'Among friends', 'Aloud'].filter((words) => text.includes(words));
  };
  assert.deepEqual(await pageOf(null), ['Aloud']);
  assert.deepEqual(await pageOf(finn.browser), ['Aloud']);
  assert.deepEqual(await pageOf(erin.browser), ['Between us', 'Aloud']);
  assert.deepEqual(await pageOf(alice.browser), ['Between us', 'Among friends', 'Aloud']);
  const { commentCount } = await home.node.orm.em.fork().findOneOrFail(Post, postId);
  assert.equal(commentCount, 1, 'a number for everybody counts what everybody sees');
  const replies = JSON.parse((await get(home, `/posts/${postId}/replies`, null)).text);
  assert.equal(replies.totalItems, 1);

  // what Alice says to it goes back to its author, and to nobody's followers
  const quiet = await home.node.orm.em.fork().findOneOrFail(Comment, { uri: `${fan.id}/notes/1` });
  assert.equal((await finn.browser.post(`/posts/${postId}/comments`, { text: 'Me', parent: quiet.id })).status, 422);
  assert.equal((await finn.browser.get(`/comments/${quiet.id}`)).status, 404);
  const before = other.received.length;
  await alice.browser.post(`/posts/${postId}/comments`, { text: 'Quietly', parent: quiet.id });
  await settleAll(home, away);
  const sent = other.received.slice(before).map(({ body }) => body as { object: { to: string[]; cc: string[] } });
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]?.object.to.toSorted(), [`${home.origin}/users/erin`, fan.id].toSorted());
  assert.ok(!JSON.stringify(sent).includes('/followers"]'));
  assert.ok(!(await get(home, `/posts/${postId}`, null, 'text/html')).text.includes('Quietly'));
});
