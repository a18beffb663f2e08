import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comment, Image, Post } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { AP, AWAY_ID, get, given, heard, PUBLIC, publish } from './cast.ts';
import { settleAll } from './nodes.ts';

test('P02 P03 P13 a post for followers is read by them and whom it names, signed, and is nothing to everybody else', async (t) => {
  const cast = await given(t);
  const { home, away, other, alice, bob, keys } = cast;
  const { postId, imageId, uri } = await publish(cast, { visibility: 'followers', caption: `for @carol@${away.host}` });
  const em = () => away.node.orm.em.fork();
  const arrived = await em().findOneOrFail(Post, { uri });
  assert.equal((await bob.browser.post(`/posts/${arrived.id}/comments`, { text: 'A word' })).status, 302);
  await settleAll(away, home);
  await alice.browser.post(`/posts/${postId}/comments`, { text: 'Thanks' });
  await settleAll(home, away);
  const comment = await home.node.orm.em.fork().findOneOrFail(Comment, { post: postId, isLocal: true });

  const paths: [path: string, missing: string][] = [
    ...['', '/replies', '/likes', '/shares'].flatMap((end): [string, string][] => [
      [`/posts/${postId}${end}`, `/posts/${AWAY_ID}${end}`],
      [`/images/${imageId}${end}`, `/images/${AWAY_ID}${end}`],
    ]),
    [`/comments/${comment.id}`, '/comments/00000000-0000-4000-8000-000000000000'],
    [`/media/full/${imageId}.webp`, `/media/full/${AWAY_ID}.webp`],
    [`/media/320/${imageId}.avif`, `/media/320/${AWAY_ID}.avif`],
    [`/media/original/${imageId}.png`, `/media/original/${AWAY_ID}.png`],
  ];
  for (const [path, missing] of paths) {
    const accept = path.startsWith('/media') ? 'image/*' : AP;
    for (const name of ['bob', 'carol', 'node', 'fan'] as const) {
      const { status, cacheControl } = await get(home, path, keys[name], accept);
      assert.deepEqual([status, cacheControl], [200, 'private, no-store'], `${path} signed by ${name}`);
    }
    for (const key of [null, keys.dave, keys.mallory]) {
      const [answer, nothing] = [await get(home, path, key, accept), await get(home, missing, key, accept)];
      assert.equal(answer.status, 404, `${path} ${key?.keyId}`);
      assert.equal(withoutIds(answer.text), withoutIds(nothing.text), `${path} ${key?.keyId}`);
    }
    // a signature of somebody else's request, and a cookie of who may (R11), are worth nothing
    const stolen = { ...keys.bob, privateKeyPem: keys.mallory.privateKeyPem };
    assert.equal((await get(home, path, stolen, accept)).status, 404, path);
  }
  assert.equal((await alice.browser.get(`/posts/${postId}`, { accept: AP })).status, 404);
  for (const key of [null, keys.bob]) {
    assert.equal(JSON.parse((await get(home, '/users/alice/outbox', key)).text).totalItems, 0);
    assert.doesNotMatch((await get(home, '/users/alice/outbox?page=true', key)).text, /Hushed/);
  }

  const document = JSON.parse((await get(home, `/posts/${postId}`, keys.bob)).text);
  assert.deepEqual(document.to, [`${home.origin}/users/alice/followers`]);
  assert.deepEqual(document.cc, [`${away.origin}/users/carol`]);
  assert.ok(!JSON.stringify(document).includes(PUBLIC));
  assert.deepEqual(document.tag.at(-1), {
    type: 'Mention',
    name: `@carol@${away.host}`,
    href: `${away.origin}/users/carol`,
  });
  assert.deepEqual(heard(other, uri), ['Create'], 'Fan’s server was told');
});

/** Ids of requests and of things, which differ anyway. */
const withoutIds = (text: string): string =>
  text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '').replaceAll(/(?:media|next)[=/][^"]*/g, '');

test('a post for followers arrives with its pictures, and there too only they and whom it names see it', async (t) => {
  const cast = await given(t);
  const { home, away, bob, carol, dave } = cast;
  const { uri } = await publish(cast, { visibility: 'followers', caption: `for @carol@${away.host}` });
  const arrived = await away.node.orm.em.fork().findOneOrFail(Post, { uri });
  const image = await away.node.orm.em.fork().findOneOrFail(Image, { post: arrived });
  assert.ok(image.renderedAt, 'its picture was fetched, signed by somebody whom it is for');
  assert.deepEqual([arrived.visibility, arrived.listedAt, image.listedAt], ['followers', null, null]);
  for (const [browser, status] of [
    [bob.browser, 200],
    [carol.browser, 200],
    [dave.browser, 404],
  ] as const) {
    for (const path of [`/posts/${arrived.id}`, `/images/${image.id}`, `/media/640/${image.id}.webp`]) {
      assert.equal((await browser.get(path)).status, status, path);
    }
  }
  const secrets = new RegExp(`/posts/${arrived.id}\\b|/media/\\d+/${image.id}\\.|Hushed`);
  for (const path of [`/media/320/${image.id}.webp`, `/posts/${arrived.id}`, `/images/${image.id}`]) {
    assert.equal((await get(away, path, null, 'text/html')).status, 404, path);
    // a copy is not served on for its author
    assert.equal((await get(away, path, null)).status, 404, path);
  }
  const profile = `/@alice@${home.host}`;
  for (const path of ['/', '/images', '/?scope=known', '/search?q=hushed', profile]) {
    assert.doesNotMatch((await get(away, path, null, 'text/html')).text, secrets, path);
    assert.doesNotMatch((await dave.browser.get(path)).text, secrets, path);
  }
  assert.match((await bob.browser.get('/?scope=following')).text, secrets);
  assert.match((await bob.browser.get(profile)).text, secrets);
  assert.match((await carol.browser.get('/?scope=named')).text, secrets);
  assert.equal(await away.node.orm.em.fork().count(Job, { state: 'failed' }), 0);
});
