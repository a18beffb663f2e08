import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { wantsActivity } from '../../src/federation/pages/negotiate.ts';
import { Comment } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenFile, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { peerNode } from './nodes.ts';

const AP = 'application/activity+json';
/** As Mastodon asks for an object. */
const MASTODON = `${AP}, application/ld+json; profile="https://www.w3.org/ns/activitystreams", text/html;q=0.1`;
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

async function given(t: TestContext) {
  const n = await peerNode(t, '127.0.0.1');
  const alice = await givenMember(n.em, 'alice');
  const em = n.node.orm.em.fork();
  const owner = em.getReference(Account, alice.id);
  const model = givenModel(em, { owner, name: 'Ink' });
  const version = givenVersion(em, { model });
  givenFile(em, { version });
  const post = givenPost(em, { owner });
  givenImage(em, { post, owner });
  const draft = givenModel(em, { owner, state: 'draft', publishedAt: null, listedAt: null });
  const hidden = givenPost(em, { owner, visibility: 'followers', listedAt: null });
  const deleted = givenPost(em, { owner, state: 'deleted', listedAt: null, deletedAt: NOW, caption: 'secret' });
  await em.flush();
  const comment = em.create(
    Comment,
    { id: newId(), author: owner, model, text: 'Fine', createdAt: NOW },
    { persist: true },
  );
  await em.flush();
  const get = (path: string, accept = AP) =>
    fetch(new URL(path, n.origin), { headers: { accept }, redirect: 'manual' });
  return { n, get, model, version, post, draft, hidden, deleted, comment };
}

test('the better liked type decides, by its weight', () => {
  assert.equal(wantsActivity(AP), true);
  assert.equal(wantsActivity(MASTODON), true);
  assert.equal(wantsActivity('application/ld+json; profile="https://www.w3.org/ns/activitystreams"'), true);
  assert.equal(wantsActivity(`text/html, ${AP};q=0.5`), false);
  for (const accept of ['', '*/*', BROWSER, 'application/json', 'application/ld+json', `${AP};q=0`]) {
    assert.equal(wantsActivity(accept), false, accept);
  }
});

test('every public object is at its page’s address, for peers as JSON and for people as a page that names it', async (t) => {
  const { n, get, model, post, comment } = await given(t);
  const paths = [
    ...['/users/alice', '/@alice', `/models/${model.id}`, `/posts/${post.id}`, `/comments/${comment.id}`],
    ...['/actor', '/users/alice/followers', '/users/alice/following', '/users/alice/liked', '/users/alice/outbox'],
    ...['/users/alice/outbox?page=true', `/models/${model.id}/replies`, `/posts/${post.id}/likes`],
  ];
  for (const path of paths) {
    for (const accept of [AP, MASTODON]) {
      const answer = await get(path, accept);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get('content-type'), `${AP}; charset=utf-8`, path);
      const text = await answer.text();
      assert.doesNotMatch(text, /PRIVATE KEY|_meta|example\.org/, path);
      const { id } = JSON.parse(text) as { id: string };
      assert.ok(id.startsWith(n.origin), path);
    }
  }
  for (const [path, uri] of [
    [`/models/${model.id}`, `${n.origin}/models/${model.id}`],
    ['/@alice', `${n.origin}/users/alice`],
  ] as const) {
    const page = await get(path, BROWSER);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type') ?? '', /text\/html/);
    assert.match(page.headers.get('vary') ?? '', /accept/i);
    assert.equal(page.headers.get('link'), `<${uri}>; rel="alternate"; type="${AP}"`);
  }
});

test('drafts, what is for followers, and what never was are the same 404 in JSON; what was deleted is a bare 410', async (t) => {
  const { get, draft, hidden, deleted } = await given(t);
  const missing = await (await get('/models/999')).text();
  for (const path of [`/models/${draft.id}`, '/users/nobody', '/posts/999', '/nowhere', '/about/nowhere']) {
    const answer = await get(path, MASTODON);
    assert.equal(answer.status, 404, path);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/, path);
  }
  assert.equal(await (await get(`/models/${draft.id}`)).text(), missing);
  assert.equal(await (await get(`/posts/${hidden.id}`)).text(), missing);
  // what is said about a thing betrays no more than the thing itself
  for (const end of ['replies', 'likes']) {
    for (const thing of [`/posts/${hidden.id}`, `/models/${draft.id}`, '/posts/999', '/models/999']) {
      const answer = await get(`${thing}/${end}`, MASTODON);
      assert.equal(answer.status, 404, `${thing}/${end}`);
      assert.equal(await answer.text(), missing);
    }
  }
  for (const path of ['/users/a%00b', '/tags/a%00b', '/search?q=a%00b']) {
    assert.ok([400, 404].includes((await get(path)).status), path);
  }
  const gone = await get(`/posts/${deleted.id}`);
  assert.equal(gone.status, 410);
  const tombstone = await gone.text();
  assert.match(tombstone, /"Tombstone"/);
  assert.doesNotMatch(tombstone, /secret|alice/);
});

test('a version leads to its model; the outbox holds what is public, newest first', async (t) => {
  const { n, get, model, version, post } = await given(t);
  const answer = await get(`/versions/${version.id}`);
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.get('location'), `${n.origin}/models/${model.id}`);
  const outbox = (await (await get('/users/alice/outbox')).json()) as { totalItems: number; first: string };
  assert.equal(outbox.totalItems, 2);
  const page = (await (await fetch(outbox.first, { headers: { accept: AP } })).json()) as {
    orderedItems: { type: string; object: { id: string } }[];
  };
  assert.deepEqual(
    new Set(page.orderedItems.map(({ type, object }) => `${type} ${object.id}`)),
    new Set([`Create ${n.origin}/models/${model.id}`, `Create ${n.origin}/posts/${post.id}`]),
  );
  assert.equal((await get('/users/alice/outbox?page=abc')).status, 400);
});

test('WebFinger names people by handle and address, NodeInfo the program', async (t) => {
  const { n, get } = await given(t);
  for (const resource of [`acct:alice@${n.host}`, `${n.origin}/users/alice`, `${n.origin}/@alice`]) {
    const answer = await get(`/.well-known/webfinger?resource=${encodeURIComponent(resource)}`, 'application/jrd+json');
    assert.equal(answer.status, 200, resource);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/jrd\+json/);
    const { subject, links } = (await answer.json()) as { subject: string; links: { rel: string; href?: string }[] };
    assert.equal(subject, `acct:alice@${n.host}`);
    assert.equal(links.find(({ rel }) => rel === 'self')?.href, `${n.origin}/users/alice`);
  }
  assert.equal((await get('/.well-known/webfinger?resource=acct:alice@elsewhere.example')).status, 404);
  assert.equal((await get('/.well-known/webfinger')).status, 400);
  const links = (await (await get('/.well-known/nodeinfo', 'application/json')).json()) as {
    links: { href: string }[];
  };
  for (const { href } of links.links) {
    const info = (await (await fetch(href)).json()) as { software: { name: string }; protocols: string[] };
    assert.deepEqual([info.software.name, info.protocols], ['tessera', ['activitypub']]);
  }
});
