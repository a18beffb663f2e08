import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { Browser } from '../accounts/browser.ts';
import { NOW } from '../factories/content.ts';
import { peerNode, settleAll } from './nodes.ts';
import { postPicture } from './people.ts';
import { stranger } from './strangers.ts';

const search = (q: string) => `/search?q=${encodeURIComponent(q)}`;
const AS_PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';

test('a handle or an address in any form leads to our page of it, and makes one row', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const bob = (await away.member('bob')).browser;
  const postId = await postPicture(alice.browser, [home], 'Misty');
  const profile = `/@alice@${home.host}`;

  const handles = [`@alice@${home.host}`, `alice@${home.host}`, ` acct:Alice@${home.host} `];
  const addresses = [`${home.origin}/@alice`, `${home.origin}/users/alice`, `${home.origin}/users/alice#main-key`];
  const visitor = new Browser(new URL(away.origin));
  const unknown = await visitor.get(search(handles[0] ?? ''));
  assert.equal(unknown.status, 200);
  assert.match(unknown.text, /Not known here yet/);
  assert.match(unknown.text, /href="\/sign-in\?next=/);
  assert.equal(await away.node.orm.em.fork().count(Account, { host: home.host }), 0, 'F17 nobody was asked');

  // at once, as from several windows
  const answers = await Promise.all([...handles, ...handles, ...addresses].map((text) => bob.get(search(text))));
  for (const { status, location } of answers) assert.deepEqual([status, location], [302, profile]);
  for (const text of [...handles, ...addresses]) {
    assert.equal((await bob.get(search(text))).location, profile, text);
    assert.equal((await visitor.get(search(text))).location, profile, `${text}, which is known now`);
  }
  assert.equal((await bob.get(profile)).status, 200);
  const em = away.node.orm.em.fork();
  assert.equal(await em.count(Account, { host: home.host }), 1);

  const uri = `${home.origin}/posts/${postId}`;
  const [first, second] = await Promise.all([bob.get(search(uri)), bob.get(search(`${uri}#comments`))]);
  const post = await em.findOneOrFail(Post, { uri });
  for (const { location } of [first, second]) assert.equal(location, `/posts/${post.id}`);
  assert.equal(await em.count(Post, { uri }), 1);
  assert.equal((await bob.get(`/posts/${post.id}`)).status, 200);
  await settleAll(away);
  assert.match((await bob.get(`/posts/${post.id}`)).text, /Misty/);
  assert.equal((await visitor.get(search(uri))).location, `/posts/${post.id}`);
});

test('what is ours is never asked for, however it is spelt, and leads to no other host', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser } = await node.member('bob');
  const { port } = new URL(node.origin);
  for (const [text, location] of [
    [`@bob@${node.host}`, '/@bob'],
    [`bob@127.0.0.1`, '/@bob'],
    [`${node.origin}/@bob`, '/@bob'],
    [`HTTP://127.0.0.1:${port}/models?sort=new#x`, '/models?sort=new'],
    [`http://127.1:${port}/users/bob`, '/users/bob'],
    [`${node.origin}//evil.example/x`, '/evil.example/x'],
    [`${node.origin}/\\evil.example/x`, '/evil.example/x'],
  ] as const) {
    const answer = await browser.get(search(text));
    assert.deepEqual([answer.status, answer.location], [302, location], text);
  }
  assert.match((await browser.get(search(`@nobody@${node.host}`))).text, /Nothing at this address/);
  // and by way of somebody who sends us back
  const e = await stranger(t, '127.0.0.3');
  e.redirects.set('/back', `${node.origin}/users/bob`);
  const answer = await browser.get(search(`${e.origin}/back`));
  assert.equal(answer.status, 200);
  assert.match(answer.text, /does not answer/);
});

test('each way to fail is said: not found, not reachable, blocked, nothing to show', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser } = await node.member('bob');
  const e = await stranger(t, '127.0.0.3');
  const host = new URL(e.origin).host;
  const vic = await e.actor('vic');
  e.documents.set('/plain', {
    id: `${e.origin}/plain`,
    type: 'Note',
    attributedTo: vic.id,
    content: 'words',
    to: [AS_PUBLIC],
  });
  e.documents.set('/stolen', { id: 'https://v.example/notes/1', type: 'Note', attributedTo: vic.id, content: 'x' });
  e.documents.set('/nothing-of-ours', { id: `${e.origin}/nothing-of-ours`, type: 'Travel', name: 'x' });
  e.documents.set('/bare', {});
  e.pages.set('/page', '<p>Hello</p>');
  e.statuses.set('/broken', 500);
  e.statuses.set(`/.well-known/webfinger?resource=${encodeURIComponent(`acct:broken@${host}`)}`, 503);
  for (const [text, said] of [
    [`@nobody@${host}`, /Nothing at this address/],
    [`${e.origin}/gone`, /Nothing at this address/],
    [`${e.origin}/@nobody`, /Nothing at this address/],
    [`${e.origin}/broken`, /does not answer/],
    [`@broken@${host}`, /does not answer/],
    ['@x@127.0.0.1:1', /127\.0\.0\.1:1 does not answer/],
    ['https://no-such-host.invalid/x', /does not answer/],
    [`${e.origin}/plain`, /Nothing that can be shown/],
    [`${e.origin}/stolen`, /Nothing that can be shown/],
    [`${e.origin}/nothing-of-ours`, /Nothing that can be shown/],
    [`${e.origin}/bare`, /Nothing that can be shown/],
    [`${e.origin}/page`, /Nothing that can be shown/],
  ] as const) {
    const answer = await browser.get(search(text));
    assert.equal(answer.status, 200, text);
    assert.match(answer.text, said, text);
  }
  for (const text of ['http://user:pw@v.example/', 'https://', 'javascript:alert(1)', '@@x', 'a@b', `@x@${host}/y`]) {
    const answer = await browser.get(search(text));
    assert.equal(answer.status, 200, text);
    assert.doesNotMatch(answer.text, /id="elsewhere"|href="javascript:/, text);
  }
  node.em.create(DomainPolicy, { host, stance: 'blocked', since: NOW }, { persist: true });
  await node.em.flush();
  const before = e.asked.length;
  const blocked = await browser.get(search(`@nobody@${host}`));
  assert.match(blocked.text, /does not speak with/);
  assert.equal(e.asked.length, before, 'a blocked host is not asked');
});

test('a profile whose server shows only pages is found by its WebFinger; a handle that two hosts tell differently is not', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser } = await node.member('bob');
  const [v, e] = [await stranger(t, '127.0.0.3'), await stranger(t, '127.0.0.4')];
  const vic = await v.actor('vic');
  const [vHost, eHost] = [new URL(v.origin).host, new URL(e.origin).host];
  const finger = (resource: string) => `/.well-known/webfinger?resource=${encodeURIComponent(resource)}`;
  const self = [{ rel: 'self', type: 'application/activity+json', href: vic.id }];
  v.pages.set('/@vic', '<p>Vic</p>');
  v.documents.set(finger(`${v.origin}/@vic`), { subject: `acct:vic@${vHost}`, links: self });
  assert.equal((await browser.get(search(`${v.origin}/@vic`))).location, `/@vic@${vHost}`);
  // another host claims a name that vic's own host does not give
  e.documents.set(finger(`acct:president@${eHost}`), { subject: `acct:president@${eHost}`, links: self });
  assert.match((await browser.get(search(`@president@${eHost}`))).text, /Nothing at this address/);
  assert.equal(await node.node.orm.em.fork().count(Account, { host: eHost }), 0);
});

test('what somebody types asks nobody; a budget for each person and for each host keeps the rest small', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const e = await stranger(t, '127.0.0.3');
  const host = new URL(e.origin).host;
  await e.actor('vic');
  const { browser } = await node.member('bob');
  const suggest = (text: string) => `/suggest?q=${encodeURIComponent(text)}`;
  const quick = await browser.get(suggest(`@vic@${host}`));
  assert.equal(quick.status, 200);
  assert.match(quick.text, new RegExp(`href="/search\\?q=%40vic%40.*Ask ${host}`, 's'));
  await browser.get(search(`@vic@${host}`), { 'sec-purpose': 'prefetch' });
  assert.deepEqual(e.asked, []);
  assert.equal((await browser.get(search(`@vic@${host}`))).location, `/@vic@${host}`);
  const known = await browser.get(suggest(`@vic@${host}`));
  assert.match(known.text, new RegExp(`href="/@vic@${host}"`));

  let last = known;
  for (let n = 0; n < 31; n += 1) last = await browser.get(search(`${e.origin}/nothing/${n}`));
  assert.equal(last.status, 429);
  assert.ok(last.headers.get('retry-after'));
  for (const name of ['ann', 'cat', 'dan', 'eve']) {
    const other = await node.member(name);
    for (let n = 0; n < 30 && last.status !== 500; n += 1) {
      last = await other.browser.get(search(`${e.origin}/nothing/${name}${n}`));
    }
  }
  assert.equal(last.status, 429);
  assert.ok(e.asked.length <= 95, `${e.asked.length} requests to one host`);
});
