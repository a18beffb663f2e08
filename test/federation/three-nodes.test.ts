import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutboxItem } from '../../src/federation/model.ts';
import { Comment, Image, Post } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { peerNode, settleAll } from './nodes.ts';
import { followAccount, postPicture } from './people.ts';
import { post, stranger } from './strangers.ts';

test('of three nodes, an answer given on the third is seen on the second, and a deletion reaches both', async (t) => {
  const [a, b, c] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2'), await peerNode(t, '127.0.0.3')];
  const all = [a, b, c];
  const [alice, bob, cleo] = [await a.member('alice'), await b.member('bob'), await c.member('cleo')];
  await followAccount(b, bob.browser, a, 'alice', all);
  await followAccount(c, cleo.browser, a, 'alice', all);
  const postId = await postPicture(alice.browser, all, 'Seen from two sides');
  const uri = `${a.origin}/posts/${postId}`;
  const there = (peer: (typeof all)[number]) => peer.node.orm.em.fork().findOneOrFail(Post, { uri });
  const [atB, atC] = [await there(b), await there(c)];

  // cleo answers on her node; alice is told, and whoever follows alice sees it under the post
  const answered = await cleo.browser.post(`/posts/${atC.id}/comments`, { text: 'From the *third* node' });
  assert.equal(answered.status, 302);
  await settleAll(...all);
  const home = await a.node.orm.em.fork().findOneOrFail(Comment, { post: postId }, { populate: ['author'] });
  assert.equal(home.author.$.uri, `${c.origin}/users/cleo`);
  const page = await bob.browser.get(`/posts/${atB.id}`);
  assert.match(page.text, /<em>third<\/em>/, 'the answer is seen on the second node');
  assert.match(page.text, new RegExp(`@cleo@${c.host}`));
  const seen = await b.node.orm.em.fork().findOneOrFail(Comment, { uri: home.uri ?? '' }, { populate: ['author'] });
  assert.equal(seen.author.$.uri, `${c.origin}/users/cleo`);

  // bob answers the answer, and it finds its way to both others
  const back = await bob.browser.post(`/posts/${atB.id}/comments`, { text: 'And from the *second*', parent: seen.id });
  assert.equal(back.status, 302);
  await settleAll(...all);
  for (const [peer, browser, id] of [[a, alice.browser, postId] as const, [c, cleo.browser, atC.id] as const]) {
    assert.match(
      (await browser.get(`/posts/${id}`)).text,
      /<em>second<\/em>/,
      `the second answer is seen on ${peer.host}`,
    );
  }

  // what cleo takes back is gone everywhere
  const own = await c.node.orm.em.fork().findOneOrFail(Comment, { isLocal: true });
  await cleo.browser.post(`/comments/${own.id}/removal`);
  await settleAll(...all);
  for (const browser of [alice.browser, bob.browser]) {
    const id = browser === alice.browser ? postId : atB.id;
    assert.doesNotMatch((await browser.get(`/posts/${id}`)).text, /<em>third<\/em>/);
  }

  await alice.browser.post(`/posts/${postId}/removal`);
  for (const peer of all) peer.clock.pass(16_000);
  await settleAll(...all);
  for (const [peer, browser, id] of [[b, bob.browser, atB.id] as const, [c, cleo.browser, atC.id] as const]) {
    const em = peer.node.orm.em.fork();
    assert.equal((await there(peer)).state, 'deleted');
    assert.equal(await em.count(Image, { post: id }), 0);
    assert.equal((await browser.get(`/posts/${id}`)).status, 410);
    assert.equal(await em.count(Job, { state: 'failed' }), 0);
  }
});

test('an answer for its author’s followers alone is not passed on', async (t) => {
  const [a, b] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const [alice, bob] = [await a.member('alice'), await b.member('bob')];
  await followAccount(b, bob.browser, a, 'alice', [a, b]);
  const postId = await postPicture(alice.browser, [a, b], 'For all');
  const v = await stranger(t, '127.0.0.3');
  const vic = await v.actor('vic');
  for (const [n, to] of ['https://www.w3.org/ns/activitystreams#Public', `${vic.id}/followers`].entries()) {
    const note = {
      ...{ id: `${v.origin}/notes/${n}`, type: 'Note', attributedTo: vic.id, to: [to], content: `<p>${n}</p>` },
      ...{ inReplyTo: `${a.origin}/posts/${postId}`, published: a.clock.now().toISOString() },
    };
    v.documents.set(`/notes/${n}`, note);
    assert.equal(await post(a, vic, { type: 'Create', to: [to], object: note }), 202);
  }
  await settleAll(a, b);
  const em = a.node.orm.em.fork();
  assert.equal(await em.count(Comment, { isLocal: false }), 2);
  const told = await em.find(OutboxItem, { uri: { $like: '%#add-%' } });
  assert.deepEqual(
    told.map(({ document }) => (document as { object: string }).object),
    [`${v.origin}/notes/0`],
  );
  assert.equal(await b.node.orm.em.fork().count(Comment, {}), 1);
});
