import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { PeerHost } from '../../src/federation/model.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { peerNode } from './nodes.ts';
import { post, stranger } from './strangers.ts';

const BANNER = /does not answer.*It stopped answering.*You see what is kept here/s;

test('what is kept of a node that is down is shown with a word about it, and the word goes when it answers', async (t) => {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const host = new URL(v.origin).host;
  const { browser } = await n.member('ann');
  const visitor = new Browser(new URL(n.origin));
  const vic = await v.actor('vic');
  assert.equal(await post(n, vic, { type: 'Follow', object: `${n.origin}/users/ann` }), 202);
  await n.settle();
  const em = n.node.orm.em.fork();
  const owner = await em.findOneOrFail(Account, { uri: vic.id });
  owner.url = `${v.origin}/@vic`;
  const theirs = givenPost(em, { owner, isLocal: false });
  const image = givenImage(em, { post: theirs, owner, isLocal: false });
  const model = givenModel(em, { owner, isLocal: false });
  givenVersion(em, { model });
  await em.flush();
  const pages = [`/@vic@${host}`, `/posts/${theirs.id}`, `/images/${image.id}`, `/models/${model.id}`];
  for (const page of pages) assert.doesNotMatch(textOf((await browser.get(page)).text), /does not answer/, page);

  // its pages are asked for and it says that it cannot
  v.failing.add('/notes/1');
  const asked = await browser.get(`/authorize_interaction?uri=${encodeURIComponent(`${v.origin}/notes/1`)}`);
  assert.equal(asked.status, 200);
  assert.match(textOf(asked.text), /does not answer.*It stopped answering/s);
  assert.match(asked.text, new RegExp(`href="${v.origin}/notes/1"`));
  assert.ok((await n.node.orm.em.fork().findOneOrFail(PeerHost, host)).silentSince);
  for (const page of pages) {
    const mine = await browser.get(page);
    assert.equal(mine.status, 200, page);
    assert.match(textOf(mine.text), BANNER, page);
    assert.match(mine.text, /action="\/nodes\/asking\?next=/, page);
    const theirs = await visitor.get(page);
    assert.match(textOf(theirs.text), BANNER, page);
    assert.doesNotMatch(theirs.text, /nodes\/asking/, 'a visitor makes this node ask nobody');
  }
  assert.match(
    (await browser.get(pages[0] ?? '')).text,
    new RegExp(`href="${v.origin}/@vic"[^>]*><svg|Open on its home`),
  );

  v.failing.add('/.well-known/nodeinfo');
  const again = () => browser.post(`/nodes/asking?next=${encodeURIComponent(`/posts/${theirs.id}`)}`, { host });
  assert.equal((await again()).location, `/posts/${theirs.id}`);
  assert.match(textOf((await browser.get(`/posts/${theirs.id}`)).text), BANNER);
  v.failing.clear();
  n.clock.pass(60_000);
  await again();
  for (const page of pages) assert.doesNotMatch(textOf((await browser.get(page)).text), /does not answer/, page);
});

test('a delivery that fails is a silence too, and any signed word ends it', async (t) => {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const host = new URL(v.origin).host;
  const { browser } = await n.member('ann');
  const vic = await v.actor('vic');
  v.inboxStatus = 503;
  assert.equal(await post(n, vic, { type: 'Follow', object: `${n.origin}/users/ann` }), 202);
  await n.settle();
  assert.match(textOf((await browser.get(`/@vic@${host}`)).text), BANNER);
  v.inboxStatus = 202;
  assert.equal(await post(n, vic, { type: 'Like', object: `${n.origin}/users/ann` }), 202);
  await n.settle();
  assert.doesNotMatch(textOf((await browser.get(`/@vic@${host}`)).text), /does not answer/);
});

test('of a host that is blocked the page says so and asks nobody; only known hosts are asked for a word', async (t) => {
  const n = await peerNode(t, '127.0.0.1');
  const v = await stranger(t, '127.0.0.2');
  const host = new URL(v.origin).host;
  const { browser } = await n.member('ann');
  n.em.create(DomainPolicy, { host, stance: 'blocked', since: NOW }, { persist: true });
  await n.em.flush();
  for (const uri of [`${v.origin}/notes/1`, `@vic@${host}`]) {
    const page = await browser.get(`/authorize_interaction?uri=${encodeURIComponent(uri)}`);
    assert.equal(page.status, 200);
    assert.match(textOf(page.text), /This node does not speak with/, uri);
  }
  assert.equal((await browser.post('/nodes/asking', { host })).status, 404);
  assert.deepEqual(v.asked, []);
  const visitor = new Browser(new URL(n.origin));
  assert.notEqual((await visitor.post('/nodes/asking', { host })).status, 404);
});
