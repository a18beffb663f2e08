import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { wantsActivity } from '../../src/federation/pages/negotiate.ts';
import { listTerms } from '../../src/federation/pages/ns-routes.ts';
import { Comment } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { hasMessage } from '../../src/kit/web/messages.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenFile, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
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

test('WebFinger names people and the node by every form of their handle and address, in any case', async (t) => {
  const { n, get } = await given(t);
  const ask = (resource: string, more = '') =>
    get(`/.well-known/webfinger?resource=${encodeURIComponent(resource)}${more}`, 'application/jrd+json');
  interface Jrd {
    subject: string;
    aliases: string[];
    links: { rel: string; href?: string; type?: string; template?: string }[];
  }
  const forms = [
    ...[`acct:alice@${n.host}`, `acct:ALICE@${n.host.toUpperCase()}`, `@alice@${n.host}`, `alice@${n.host}`],
    ...[`${n.origin}/users/alice`, `${n.origin}/@alice`, `${n.origin}/@Alice/`, `${n.origin}/@alice@${n.host}`],
  ];
  for (const resource of forms) {
    const answer = await ask(resource);
    assert.equal(answer.status, 200, resource);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/jrd\+json/);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    const { subject, aliases, links } = (await answer.json()) as Jrd;
    assert.equal(subject, `acct:alice@${n.host}`, 'canonical, whatever was asked');
    assert.deepEqual(aliases, [`${n.origin}/@alice`, `${n.origin}/users/alice`]);
    const link = (rel: string) => links.find((one) => one.rel === rel);
    assert.deepEqual([link('self')?.href, link('self')?.type], [`${n.origin}/users/alice`, AP]);
    assert.equal(link('http://webfinger.net/rel/profile-page')?.href, `${n.origin}/@alice`);
    const { template } = link('http://ostatus.org/schema/1.0/subscribe') ?? {};
    assert.equal(template, `${n.origin}/authorize_interaction?uri={uri}`);
  }
  const nodeName = n.host.replace(':', '_');
  for (const resource of [`acct:${nodeName}@${n.host}`, `${n.origin}/actor`, n.origin, `${n.origin}/`]) {
    const { subject, links } = (await (await ask(resource)).json()) as Jrd;
    assert.equal(subject, `acct:${nodeName}@${n.host}`, resource);
    assert.equal(links.find(({ rel }) => rel === 'self')?.href, `${n.origin}/actor`);
  }
  const actor = (await (await get('/actor')).json()) as { preferredUsername: string };
  assert.equal(actor.preferredUsername, nodeName, 'the way back leads to the same handle');

  const told = (await (await ask(`${n.origin}/models/1`)).json()) as Jrd;
  assert.equal(told.subject, `acct:model-1@${n.host}`, 'a page that can be followed names what tells of it');

  const filtered = (await (await ask(`acct:alice@${n.host}`, '&rel=self')).json()) as Jrd;
  assert.deepEqual(
    filtered.links.map(({ rel }) => rel),
    ['self'],
  );
  for (const resource of [
    ...['acct:alice@elsewhere.example', `acct:nobody@${n.host}`, 'https://elsewhere.example/users/alice'],
    ...[`${n.origin}/@alice@elsewhere.example`, `${n.origin}/models/99`, `${n.origin}/users/alice?x=1`],
  ]) {
    assert.equal((await ask(resource)).status, 404, resource);
  }
  for (const resource of ['alice', 'javascript:1', `acct:al\0ice@${n.host}`, 'x'.repeat(3_000)]) {
    assert.equal((await ask(resource)).status, 400, resource.slice(0, 30));
  }
  assert.equal((await get('/.well-known/webfinger')).status, 400);
  assert.equal((await get('/.well-known/webfinger?resource=a&resource=b')).status, 400);
});

test('somebody who left is 410 by handle; host-meta leads to WebFinger', async (t) => {
  const { n, get } = await given(t);
  await n.node.orm.em.fork().nativeUpdate(Account, { name: 'alice' }, { state: 'deleted' });
  const resource = encodeURIComponent(`acct:alice@${n.host}`);
  assert.equal((await get(`/.well-known/webfinger?resource=${resource}`, 'application/jrd+json')).status, 410);

  const xml = await get('/.well-known/host-meta', 'application/xrd+xml');
  assert.match(xml.headers.get('content-type') ?? '', /^application\/xrd\+xml/);
  assert.match(await xml.text(), new RegExp(`template="${n.origin}/.well-known/webfinger\\?resource=\\{uri\\}"`));
  const json = (await (await get('/.well-known/host-meta.json', 'application/json')).json()) as {
    links: { rel: string; template: string }[];
  };
  assert.equal(json.links[0]?.template, `${n.origin}/.well-known/webfinger?resource={uri}`);
});

test('NodeInfo 2.0 and 2.1 say the program and how busy it is, by typed links', async (t) => {
  const { get } = await given(t);
  const links = (await (await get('/.well-known/nodeinfo', 'application/json')).json()) as {
    links: { href: string; rel: string }[];
  };
  assert.equal(links.links.length, 2);
  for (const { href, rel } of links.links) {
    const answer = await fetch(href);
    assert.equal(answer.headers.get('content-type'), `application/json; profile="${rel}#"; charset=utf-8`);
    const info = (await answer.json()) as Record<string, unknown> & {
      usage: { users: Record<string, number>; localPosts: number; localComments: number };
      software: { name: string };
    };
    assert.deepEqual([info.software.name, info.protocols], ['tessera', ['activitypub']]);
    assert.deepEqual(info.usage.users, { total: 1, activeMonth: 1, activeHalfyear: 1 });
    assert.deepEqual([info.usage.localPosts, info.usage.localComments], [2, 1]);
  }
  assert.equal((await get('/nodeinfo/3.0', 'application/json')).status, 404);
});

test('pages name the object that they show, at its home where that is elsewhere, and nothing that strangers cannot read', async (t) => {
  const { n, get, model, post, draft, hidden } = await given(t);
  const em = n.node.orm.em.fork();
  const vic = givenAccount(em, { name: 'vic', host: 'v.example', uri: 'https://v.example/users/vic' });
  const away = givenPost(em, { owner: vic, isLocal: false, uri: 'https://v.example/notes/1' });
  const picture = givenImage(em, {
    post: away,
    owner: vic,
    isLocal: false,
    uri: 'https://v.example/notes/1#picture-1',
  });
  await em.flush();
  const { browser } = await n.member('olga');
  const page = async (path: string) => {
    const answer = await get(path, BROWSER);
    const text = await answer.text();
    const [, element = null] =
      /<link rel="alternate" type="application\/activity\+json" href="([^"]+)">/.exec(text) ?? [];
    const header = answer.headers.get('link');
    assert.equal(header, element === null ? null : `<${element}>; rel="alternate"; type="${AP}"`, path);
    return element;
  };
  assert.equal(await page(`/models/${model.id}`), `${n.origin}/models/${model.id}`);
  assert.equal(await page(`/posts/${post.id}`), `${n.origin}/posts/${post.id}`);
  assert.equal(await page('/@alice'), `${n.origin}/users/alice`);
  assert.equal(await page(`/posts/${away.id}`), 'https://v.example/notes/1');
  assert.equal(await page(`/images/${picture.id}`), null, 'it has no address of its own');
  assert.equal(await page('/@vic@v.example'), 'https://v.example/users/vic');
  assert.equal(await page('/models'), null);
  for (const path of [`/models/${draft.id}`, `/posts/${hidden.id}`]) {
    assert.doesNotMatch((await browser.get(path)).text, /activity\+json/, path);
  }
});

test('every term of our vocabulary is explained on a page', async (t) => {
  const { get } = await given(t);
  const answer = await get('/ns', BROWSER);
  assert.equal(answer.status, 200);
  const text = await answer.text();
  const terms = listTerms();
  assert.ok(terms.length >= 15);
  for (const { name, iri } of terms) {
    assert.ok(hasMessage(`ns.${name}`), `${name} has no explanation`);
    assert.ok(text.includes(`id="term-${name}"`) && text.includes(iri), name);
  }
});
