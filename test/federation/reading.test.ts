import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Block, Follow } from '../../src/accounts/model.ts';
import { readingSettings } from '../../src/federation/pages/asker.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { signCavage, signRfc9421 } from '../../src/federation/signatures/sign.ts';
import { Comment } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenImage, givenModel, givenPost, NOW } from '../factories/content.ts';
import { type Peer, peerNode } from './nodes.ts';
import { type StrangeActor, stranger } from './strangers.ts';

const AP = 'application/activity+json';

interface Signing {
  readonly by: StrangeActor;
  readonly scheme?: 'cavage' | 'rfc9421';
  /** What is signed, where it is not what is sent. */
  readonly path?: string;
  readonly method?: 'GET' | 'POST';
  readonly ageMs?: number;
}

async function get(node: Peer, path: string, signing?: Signing, accept = AP) {
  const { by, scheme = 'cavage', method = 'GET', ageMs = 0 } = signing ?? {};
  const message = {
    method,
    url: new URL(signing?.path ?? path, node.origin),
    body: null,
    now: new Date(node.clock.now().getTime() - ageMs),
  };
  const key = by && { keyId: by.keyId, type: 'rsa' as const, privateKeyPem: by.keys.rsaPrivatePem };
  const signed = key ? (scheme === 'cavage' ? signCavage : signRfc9421)(message, key) : {};
  const { host: _host, ...headers } = signed as Record<string, string>;
  const answer = await fetch(new URL(path, node.origin), { headers: { accept, ...headers }, redirect: 'manual' });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

/** Alice publishes one thing for everybody and one for her followers; fan follows her, vic does not. */
async function given(t: TestContext) {
  const node = await peerNode(t, '127.0.0.1');
  const peer = await stranger(t, '127.0.0.3');
  const [fan, vic] = [await peer.actor('fan'), await peer.actor('vic')];
  const alice = await givenMember(node.em, 'alice');
  const em = node.node.orm.em.fork();
  const owner = em.getReference(Account, alice.id);
  const open = givenPost(em, { owner });
  givenImage(em, { post: open, owner });
  const hidden = givenPost(em, { owner, visibility: 'followers', listedAt: null, caption: 'for friends' });
  const picture = givenImage(em, { post: hidden, owner, listedAt: null });
  const direct = givenPost(em, { owner, visibility: 'direct', listedAt: null, caption: 'for one' });
  const draft = givenPost(em, { owner, state: 'draft', listedAt: null, publishedAt: null });
  await em.flush();
  const comment = em.create(
    Comment,
    { id: newId(), author: owner, post: hidden, text: 'between us', createdAt: NOW },
    { persist: true },
  );
  const follower = givenAccount(em, { name: 'fan', host: new URL(peer.origin).host, uri: fan.id });
  await em.flush();
  const follow = em.create(
    Follow,
    { id: newId(), follower, target: owner, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  await em.flush();
  return { node, peer, fan, vic, alice, follower, follow, open, hidden, picture, direct, draft, comment };
}

async function setMode(node: Peer, authorisedFetch: 'off' | 'followers' | 'everything') {
  const em = node.node.orm.em.fork();
  await node.node.settings.write(em, readingSettings, { authorisedFetch }, NOW);
  await em.flush();
}

test('P02 P13 what is for followers is read by a follower who signs, in both schemes, and never by a cache', async (t) => {
  const { node, fan, hidden, picture, comment } = await given(t);
  for (const scheme of ['cavage', 'rfc9421'] as const) {
    for (const path of [
      `/posts/${hidden.id}`,
      `/posts/${hidden.id}/replies`,
      `/posts/${hidden.id}/replies?page=true`,
      `/posts/${hidden.id}/likes`,
      `/posts/${hidden.id}/shares`,
      `/images/${picture.id}`,
      `/comments/${comment.id}`,
    ]) {
      const answer = await get(node, path, { by: fan, scheme });
      assert.equal(answer.status, 200, `${scheme} ${path}`);
      assert.equal(answer.headers.get('content-type'), `${AP}; charset=utf-8`);
      assert.equal(answer.headers.get('cache-control'), 'private, no-store', path);
      assert.match(answer.headers.get('vary') ?? '', /Accept.*Signature|Signature.*Accept/);
    }
  }
  const { text } = await get(node, `/posts/${hidden.id}`, { by: fan });
  const document = JSON.parse(text) as { to: string[]; cc: string[] };
  assert.deepEqual([document.to, document.cc], [[`${node.origin}/users/alice/followers`], []]);
});

test('P02 everybody else gets the answer of what never was, byte for byte', async (t) => {
  const { node, peer, fan, vic, hidden, picture, direct, draft, comment } = await given(t);
  const missing = await get(node, '/posts/99999');
  assert.equal(missing.status, 404);
  const readers: (Signing | undefined)[] = [
    undefined,
    { by: vic },
    { by: vic, scheme: 'rfc9421' },
    // signed for another path, for another method, too long ago
    { by: fan, path: '/posts/1' },
    { by: fan, method: 'POST' },
    { by: fan, ageMs: 13 * 3_600_000 },
    // a key of another actor under the name of the fan
    { by: { ...fan, keys: vic.keys } },
  ];
  for (const [index, reader] of readers.entries()) {
    for (const path of [
      `/posts/${hidden.id}`,
      `/posts/${hidden.id}/replies`,
      `/posts/${hidden.id}/likes`,
      `/posts/${hidden.id}/shares`,
      `/images/${picture.id}`,
      `/images/${picture.id}/replies`,
      `/comments/${comment.id}`,
      `/posts/${direct.id}`,
      `/posts/${draft.id}`,
    ]) {
      const wrong = reader?.path === undefined || reader.path !== path;
      assert.ok(wrong, 'the case signs for another path');
      const answer = await get(node, path, reader);
      assert.deepEqual([answer.status, answer.text], [404, missing.text], `${index} ${path}`);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
    }
  }
  assert.equal((await get(node, `/posts/${direct.id}`, { by: fan })).status, 404);
  assert.equal((await get(node, `/posts/${draft.id}`, { by: fan })).status, 404);
  // the key of a reader is asked for whether there is something to hide or nothing at all
  const stranger2 = await peer.actor('third');
  const before = peer.asked.length;
  await get(node, '/posts/99999', { by: stranger2 });
  assert.ok(peer.asked.length > before);
});

test('a follower who waits, was sent away or is blocked reads nothing; a cookie is no signature', async (t) => {
  const { node, fan, alice, follower, follow, hidden, open } = await given(t);
  const em = node.node.orm.em.fork();
  const read = async (path = `/posts/${hidden.id}`) => (await get(node, path, { by: fan })).status;
  assert.equal(await read(), 200);
  await em.nativeUpdate(Follow, { id: follow.id }, { state: 'pending' });
  assert.equal(await read(), 404);
  await em.nativeUpdate(Follow, { id: follow.id }, { state: 'accepted' });
  em.create(
    Block,
    {
      id: newId(),
      kind: 'block',
      account: em.getReference(Account, alice.id),
      target: em.getReference(Account, follower.id),
      createdAt: NOW,
    },
    { persist: true },
  );
  await em.flush();
  assert.equal(await read(), 404);
  // what everybody may read is not asked about, as long as the owner does not want signatures
  assert.equal(await read(`/posts/${open.id}`), 200);
  await setMode(node, 'everything');
  assert.equal(await read(`/posts/${open.id}`), 404, 'blocked, and known by the signature');

  const { browser } = await node.member('ann');
  assert.equal((await browser.get('/settings/profile')).status, 200);
  assert.equal((await browser.get(`/posts/${open.id}`, { accept: AP })).status, 401);
});

test('with signatures off nothing is verified, fetched or shown beyond what is public', async (t) => {
  const { node, peer, fan, open, hidden } = await given(t);
  await setMode(node, 'off');
  assert.equal((await get(node, `/posts/${hidden.id}`, { by: fan })).status, 404);
  const answer = await get(node, `/posts/${open.id}`, { by: fan });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-control'), 'public, max-age=60');
  assert.deepEqual(peer.asked, []);
});

test('P06 in secure mode everything but WebFinger, NodeInfo, the node’s actor and media is 401 unsigned', async (t) => {
  const { node, fan, vic, open } = await given(t);
  await setMode(node, 'everything');
  const closed = [
    ...['/users/alice', '/@alice', `/posts/${open.id}`, `/posts/${open.id}/replies`, `/posts/${open.id}/likes`],
    ...['/users/alice/outbox', '/users/alice/outbox?page=true', '/users/alice/followers', '/users/alice/featured'],
    ...['/users/alice/liked', '/users/nobody', '/posts/99999', '/nowhere'],
  ];
  for (const path of closed) {
    for (const accept of path.includes('/outbox') ? [AP, 'application/json', '*/*'] : [AP]) {
      const answer = await get(node, path, undefined, accept);
      assert.equal(answer.status, 401, `${path} ${accept}`);
      if (accept === AP) assert.match(answer.headers.get('vary') ?? '', /Signature/);
    }
  }
  for (const path of closed) {
    const answer = await get(node, path, { by: vic });
    const isThere = !/nobody|99999|nowhere/.test(path);
    assert.equal(answer.status, isThere ? 200 : 404, path);
    if (isThere) assert.equal(answer.headers.get('cache-control'), 'private, no-store', path);
  }
  const open2 = [
    '/actor',
    '/.well-known/nodeinfo',
    '/nodeinfo/2.1',
    '/.well-known/host-meta',
    `/.well-known/webfinger?resource=${encodeURIComponent(`acct:alice@${node.host}`)}`,
  ];
  for (const path of open2) assert.equal((await get(node, path)).status, 200, path);
  // pages are for people, who do not sign
  assert.equal((await get(node, `/posts/${open.id}`, undefined, 'text/html')).status, 200);

  const em = node.node.orm.em.fork();
  em.create(DomainPolicy, { host: new URL(fan.id).host, stance: 'blocked', since: NOW }, { persist: true });
  await em.flush();
  assert.equal((await get(node, `/posts/${open.id}`, { by: fan })).status, 401, 'a blocked server signs in vain');
});

test('the owner chooses who has to sign; nobody else does', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  await givenMember(node.em, 'olga', { role: 'owner' });
  const { browser } = await node.member('ann');
  assert.equal((await browser.get('/admin/reading')).status, 403);
  assert.equal((await browser.post('/admin/reading', { authorisedFetch: 'everything' })).status, 403);
  await browser.post('/sign-out');
  await browser.signIn('olga');
  const page = await browser.get('/admin/reading');
  assert.match(page.text, /For what is for followers/);
  assert.equal((await browser.post('/admin/reading', { authorisedFetch: 'sometimes' })).status, 422);
  const answer = await browser.post('/admin/reading', { authorisedFetch: 'everything' });
  assert.equal(answer.location, '/admin/reading?said=reading');
  assert.match((await browser.get(answer.location)).text, /Saved/);
  assert.equal((await get(node, '/users/olga')).status, 401);
});

test('a HEAD that is signed as HEAD is read as a GET', async (t) => {
  const { node, fan, hidden } = await given(t);
  const url = new URL(`/posts/${hidden.id}`, node.origin);
  const key = { keyId: fan.keyId, type: 'rsa' as const, privateKeyPem: fan.keys.rsaPrivatePem };
  const message = { method: 'HEAD' as 'GET', url, body: null, now: node.clock.now() };
  const { host: _host, ...headers } = signCavage(message, key);
  const answer = await fetch(url, { method: 'HEAD', headers: { accept: AP, ...headers } });
  assert.equal(answer.status, 200);
});

test('one rated, one unrated: unlisted things are read by all, unrated ones by none', async (t) => {
  const { node, alice } = await given(t);
  const em = node.node.orm.em.fork();
  const owner = em.getReference(Account, alice.id);
  const unlisted = givenPost(em, { owner, visibility: 'unlisted', listedAt: null });
  const rated = givenImage(em, { post: unlisted, owner, listedAt: null });
  const unrated = givenImage(em, { post: unlisted, owner, listedAt: null, level: 0 });
  const model = givenModel(em, { owner });
  await em.flush();
  assert.equal((await get(node, `/posts/${unlisted.id}`)).status, 200);
  assert.equal((await get(node, `/images/${rated.id}`)).status, 200);
  assert.equal((await get(node, `/images/${unrated.id}`)).status, 404);
  assert.equal((await get(node, `/models/${model.id}`)).status, 200);
});
