import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comment, Post } from '../../src/gallery/model.ts';
import { Pin } from '../../src/gallery/pins.ts';
import { Browser } from '../accounts/browser.ts';
import { note, PUBLIC, world } from './world.ts';

/** A creator with two pinned posts and forty in the outbox, of which the newest has an answer. */
async function creator(t: Parameters<typeof world>[0]) {
  const w = await world(t);
  const { v, vic } = w;
  v.documents.set('/users/vic', { ...vic.document, featured: `${vic.id}/featured` });
  const told = (i: number, more: object = {}) => note(vic.id, `/notes/${i}`, more);
  for (let i = 1; i <= 60; i += 1) v.documents.set(`/notes/${i}`, told(i));
  const reply = note(vic.id, '/notes/answer', { attachment: [], inReplyTo: `${v.origin}/notes/1` });
  v.documents.set('/notes/answer', reply);
  const replies = { type: 'Collection', first: { type: 'CollectionPage', items: [reply.id] } };
  v.documents.set('/notes/1', told(1, { replies }));
  const list = (id: string, items: unknown[]) => ({
    id,
    type: 'OrderedCollection',
    totalItems: items.length,
    orderedItems: items,
  });
  const of = (i: number) => ({
    type: 'Create',
    actor: vic.id,
    id: `${vic.id}#c${i}`,
    object: `${v.origin}/notes/${i}`,
    to: [PUBLIC],
  });
  const elsewhere = { type: 'Create', actor: vic.id, object: `${w.e.origin}/notes/1` };
  return {
    ...w,
    list,
    of,
    serve(outbox: number) {
      v.documents.set(
        '/users/vic/featured',
        list(`${vic.id}/featured`, [`${v.origin}/notes/50`, `${v.origin}/notes/51`]),
      );
      const items = Array.from({ length: outbox }, (_, i) => of(i + 1));
      v.documents.set('/users/vic/outbox', {
        id: `${vic.id}/outbox`,
        type: 'OrderedCollection',
        first: { id: `${vic.id}/outbox?page=1`, type: 'OrderedCollectionPage', orderedItems: [elsewhere, ...items] },
      });
    },
  };
}

test('opening the page of somebody of elsewhere brings their pinned and newest things and the answers to them, once in a while', async (t) => {
  const { n, v, e, vic, em, serve } = await creator(t);
  serve(4);
  const bob = await n.member('bob');
  const handle = `/@vic@${new URL(vic.id).host}`;
  const found = await bob.browser.get(`/search?q=${encodeURIComponent(handle.slice(1))}`);
  assert.equal(found.status, 302);
  await n.settle();
  assert.equal(await em().count(Post, { isLocal: false }), 0, 'who looks for somebody asks for the actor alone (F17)');
  assert.equal((await bob.browser.get(handle)).status, 200);
  await n.settle();
  assert.equal(await em().count(Post, { isLocal: false }), 6, 'who opens their page wants to see what they made');
  const pinned = await em().find(Pin, {}, { orderBy: { createdAt: 'desc' }, populate: ['post'] });
  assert.deepEqual(
    pinned.map(({ post }) => post?.$.uri),
    [`${v.origin}/notes/50`, `${v.origin}/notes/51`],
  );
  assert.equal(await em().count(Comment), 1);
  assert.equal(e.asked.length, 0, 'what is of another host is not asked for on their word');
  const asked = v.asked.length;
  serve(9);
  const page = await bob.browser.get(handle);
  assert.equal(page.status, 200);
  await bob.browser.get(`/search?q=${encodeURIComponent(handle.slice(1))}`);
  await n.settle();
  assert.equal(v.asked.length, asked, 'not again today');
});

test('while their things are on their way the page says so and looks again by itself, and then no more', async (t) => {
  const { n, v, vic, serve } = await creator(t);
  serve(4);
  v.hanging.add('/users/vic/outbox');
  const bob = (await n.member('bob')).browser;
  const handle = `/@vic@${new URL(vic.id).host}`;
  await bob.get(`/search?q=${encodeURIComponent(handle.slice(1))}`);
  await n.settle();
  const made = async (path: string) => /<div id="made"[^>]*>/.exec((await bob.get(path)).text)?.[0] ?? '';
  const visitor = new Browser(new URL(n.origin));
  assert.doesNotMatch((await visitor.get(handle)).text, /on its way|hx-trigger="every/, 'nobody asks for a visitor');
  const first = await bob.get(`${handle}?show=images`);
  assert.match(first.text, /<div id="made" hx-get="[^"]*\?show=images" hx-trigger="every 2s"/);
  assert.match(
    first.text,
    new RegExp(`on its way from ${new URL(vic.id).host}[\\s\\S]*href="${handle}\\?show=images"`),
  );
  // a page that looks again asks for nothing new, however often
  for (let count = 0; count < 25; count += 1) assert.match(await made(handle), /every 2s/);
  await n.settle();
  const last = await bob.get(handle);
  assert.doesNotMatch(last.text, /on its way/);
  assert.equal(await made(handle), '<div id="made">');
  assert.equal(v.asked.filter((path) => path === '/users/vic/featured').length, 1);
});

test('F14 a full outbox costs at most twenty requests', async (t) => {
  const { n, v, vic, em, serve } = await creator(t);
  serve(40);
  const bob = await n.member('bob');
  await bob.browser.get(`/search?q=${encodeURIComponent(`@vic@${new URL(vic.id).host}`)}`);
  await bob.browser.get(`/@vic@${new URL(vic.id).host}`);
  await n.settle();
  // the web finger and the actor are the search's; pictures are not objects
  const own = v.asked.filter((path) => path.startsWith('/notes/') || /outbox|featured/.test(path));
  assert.ok(own.length <= 20, `${own.length} requests`);
  assert.ok((await em().count(Post, { isLocal: false })) >= 15);
});
