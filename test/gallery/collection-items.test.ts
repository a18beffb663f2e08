import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listFeed } from '../../src/discovery/feed.ts';
import { Collection, CollectionItem, CollectionRefusal } from '../../src/gallery/collections/model.ts';
import { listArrangement, moveItem } from '../../src/gallery/collections/order.ts';
import { Image } from '../../src/gallery/model.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { textOf } from '../accounts/browser.ts';
import { givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { painter } from './painter.ts';

const EYES = { levels: 31, blurLevels: 0 };

async function given(t: Parameters<typeof painter>[0]) {
  const it = await painter(t);
  const { browser: bob, account: bobAccount } = await it.other('bob');
  const make = async (form: Record<string, string> = {}) => {
    const answer = await it.browser.post('/collections', {
      name: 'Ink',
      description: '',
      visibility: 'public',
      ...form,
    });
    assert.equal(answer.status, 302, answer.text.slice(0, 500));
    return Number(/^\/collections\/(\d+)$/.exec(answer.location)?.[1]);
  };
  const put = async (id: number, thing: Record<string, string | number>) =>
    (await it.browser.post(`/collections/${id}/items`, strings(thing))).status;
  /** The names that its owner arranges, in their order. */
  const order = async (id: number) => {
    const list = await listArrangement(it.workAs(it.ada), id, EYES, undefined);
    return list.items.map(({ thing }) => thing.title);
  };
  const itemOf = async (id: number, thing: object) =>
    it.em.fork().findOneOrFail(CollectionItem, { collection: id, ...thing });
  const addresses = (text: string) => [
    ...new Set(
      [...text.matchAll(/class="tile-link[^"]*" href="([^"]+)"|<h3><a href="([^"]+)"/g)].map((m) => m[1] ?? m[2]),
    ),
  ];
  return { ...it, bob, bobAccount, make, put, order, itemOf, addresses };
}

const strings = (thing: Record<string, string | number>) =>
  Object.fromEntries(Object.entries(thing).map(([name, value]) => [name, String(value)]));

test('single pictures are put in beside their posts, open at their own pages, and come into feeds as their posts', async (t) => {
  const { browser, bob, visitor, em, make, put, bobAccount, addresses } = await given(t);
  const post = givenPost(em, { title: 'Two of them', imageCount: 2 });
  const [first, second] = [givenImage(em, { post }), givenImage(em, { post, position: 1 })];
  await em.flush();
  const id = await make();
  for (const path of [`/images/${second.id}`]) {
    assert.match((await browser.get(path)).text, new RegExp(`href="/collections\\?image=${second.id}"`));
  }
  assert.equal(await put(id, { image: second.id }), 302);
  assert.equal(await put(id, { image: second.id }), 302, 'again');
  assert.equal(await put(id, { post: post.id }), 302, 'its post too');
  const { text } = await visitor.get(`/collections/${id}`);
  assert.deepEqual(addresses(text), [`/posts/${post.id}`, `/images/${second.id}`]);
  assert.match(text, new RegExp(`/media/320/${second.id}.webp`), 'the picture itself');
  assert.match(textOf(text), /2 things/);
  assert.match((await browser.get(`/collections?image=${second.id}`)).text, /Back to the picture/);
  await bob.post(`/collections/${id}/follow`, { on: '1' });
  await browser.post(`/collections/${id}/items`, { post: String(post.id), on: '0' });
  const feed = await listFeed(em.fork(), EYES, { scope: 'following', viewerId: bobAccount.id });
  assert.deepEqual(
    feed.items.map(({ url, sharerName }) => [url, sharerName]),
    [[`/posts/${post.id}`, 'Ink']],
  );
  assert.ok(first.id !== second.id);
});

test('a picture that is hidden, removed, withheld, unrated or for few neither shows nor counts, and is not put in', async (t) => {
  const { browser, visitor, em, make, put, ada, post: publish } = await given(t);
  const { postId, imageIds } = await publish(ada, [{}, {}]);
  const [kept = 0, gone = 0] = imageIds;
  const few = await publish(ada, [{}], { visibility: 'followers' });
  const unlisted = await publish(ada, [{}], { visibility: 'unlisted' });
  const id = await make();
  assert.equal(await put(id, { image: few.imageIds[0] ?? 0 }), 422);
  assert.equal(await put(id, { image: unlisted.imageIds[0] ?? 0 }), 422);
  assert.equal(await put(id, { image: 99_999 }), 404);
  const draft = givenImage(em, { post: givenPost(em, { owner: ada, state: 'draft', listedAt: null }), listedAt: null });
  const unrated = givenImage(em, { post: givenPost(em, { owner: ada }), level: 0, listedAt: null });
  await em.flush();
  assert.equal(await put(id, { image: draft.id }), 422);
  assert.equal(await put(id, { image: unrated.id }), 422);
  for (const image of [kept, gone]) assert.equal(await put(id, { image }), 302);
  const count = async () => /(\d+) things?\b/.exec(textOf((await visitor.get(`/collections/${id}`)).text))?.[1];
  assert.equal(await count(), '2');
  assert.equal((await browser.post(`/images/${gone}/removal`)).status, 302);
  assert.equal(await count(), '1');
  assert.doesNotMatch((await visitor.get(`/collections/${id}`)).text, new RegExp(`/images/${gone}"`));
  // withheld by a moderator, and let go again
  const { relistAfterPolicy } = await import('../../src/gallery/after-policy.ts');
  const work = em.fork();
  work.create(
    PolicyState,
    { targetKind: 'image', targetId: kept, restrictions: RESTRICTION.view, changedAt: NOW },
    { persist: true },
  );
  await work.flush();
  const relist = async () => {
    const quiet = { em: em.fork(), jobs: { enqueue: () => undefined } as never, now: () => NOW };
    await relistAfterPolicy(quiet, { kind: 'image', id: kept }, 'quietly');
  };
  await relist();
  assert.equal(await count(), '0');
  await em.fork().nativeDelete(PolicyState, { targetId: kept });
  await relist();
  assert.equal(await count(), '1');
  await browser.post(`/posts/${postId}/unpublication`);
  assert.equal(await count(), '0');
  assert.ok((await em.fork().findOneOrFail(Image, kept)).listedAt == null);
});

test('its owner moves things up, down, to the top and beside others, and everybody sees that order, page by page', async (t) => {
  const { browser, bob, visitor, em, make, put, order, itemOf, addresses } = await given(t);
  const models = 'abcde'.split('').map((name) => givenModel(em, { name }));
  for (const model of models) givenVersion(em, { model });
  await em.flush();
  const id = await make();
  for (const model of models.toReversed()) await put(id, { model: model.id });
  assert.deepEqual(await order(id), [...'abcde'], 'what is put in last stands first');
  const item = Object.fromEntries(
    await Promise.all(models.map(async (model) => [model.name, (await itemOf(id, { model: model.id })).id] as const)),
  ) as Record<string, string>;
  const move = async (name: string, form: Record<string, string>) => {
    const answer = await browser.post(`/collections/${id}/items/${item[name]}/place`, form);
    assert.equal(answer.status, 302, answer.text.slice(0, 300));
  };
  await move('b', { to: 'down' });
  assert.deepEqual(await order(id), [...'acbde']);
  await move('e', { to: 'up' });
  assert.deepEqual(await order(id), [...'acbed']);
  await move('d', { to: 'first' });
  assert.deepEqual(await order(id), [...'dacbe']);
  await move('d', { to: 'up' });
  assert.deepEqual(await order(id), [...'dacbe'], 'nothing is before the first');
  await move('d', { to: 'after', beside: item.e ?? '' });
  assert.deepEqual(await order(id), [...'acbed']);
  await move('e', { to: 'before', beside: item.c ?? '' });
  assert.deepEqual(await order(id), [...'aecbd']);
  await move('a', { to: 'before', beside: item.c ?? '' });
  assert.deepEqual(await order(id), [...'eacbd']);
  // what its owner does not see is no step
  await em.fork().nativeUpdate('Model', { name: 'a' }, { listedAt: null, visibility: 'followers' });
  await move('c', { to: 'up' });
  assert.deepEqual(await order(id), [...'cebd']);
  const names = addresses((await visitor.get(`/collections/${id}`)).text).map((address) => address?.split('/').at(-1));
  assert.deepEqual(names, [...'cebd']);
  const page = (await browser.get(`/collections/${id}/items`)).text;
  assert.match(page, new RegExp(`action="/collections/${id}/items/${item.c}/place"`));

  const place = `/collections/${id}/items/${item.c}/place`;
  assert.equal((await bob.post(place, { to: 'down' })).status, 404, 'not his');
  assert.equal((await bob.get(`/collections/${id}/items`)).status, 404);
  assert.equal((await visitor.post(place, { to: 'down' })).status, 401);
  for (const form of [
    { to: 'sideways' },
    { to: 'before' },
    { to: 'up', beside: item.e ?? '' },
    { to: 'after', beside: 'x' },
  ]) {
    assert.equal((await browser.post(place, form as Record<string, string>)).status, 422, JSON.stringify(form));
  }
  const strange = '01900000-0000-7000-8000-000000000000';
  assert.equal((await browser.post(`/collections/${id}/items/${strange}/place`, { to: 'up' })).status, 404);
  assert.equal((await browser.post(place, { to: 'after', beside: strange })).status, 404);
  assert.deepEqual(await order(id), [...'cebd']);
});

test('a long collection keeps its order over its pages, also when things move at once', async (t) => {
  const { browser, em, make, ada, workAs, addresses, visitor } = await given(t);
  const id = await make();
  const all = Array.from({ length: 70 }, (_, n) => givenModel(em, { name: `n${n}` }));
  await em.flush();
  for (const [n, model] of all.entries()) {
    // equal places, as two that are put in at once would have
    em.create(
      CollectionItem,
      {
        id: crypto.randomUUID(),
        collection: em.getReference(Collection, id),
        model,
        position: Math.floor(n / 2),
        addedAt: NOW,
      },
      { persist: true },
    );
  }
  await em.flush();
  const first = await listArrangement(workAs(ada), id, EYES, undefined);
  assert.equal(first.items.length, 60);
  assert.match((await browser.get(`/collections/${id}/items`)).text, /Further on/);
  const rest = await listArrangement(workAs(ada), id, EYES, first.nextCursor ?? undefined);
  assert.equal(rest.items.length, 10);
  const [a, b] = [rest.items[9], rest.items[8]];
  assert.ok(a && b);
  await Promise.all([
    moveItem(workAs(ada), id, a.id, { to: 'first' }),
    moveItem(workAs(ada), id, b.id, { to: 'first' }),
  ]);
  const places = await em.fork().find(CollectionItem, { collection: id });
  assert.equal(new Set(places.map(({ position }) => position)).size, 70, 'each has a place of its own');
  const top = (await listArrangement(workAs(ada), id, EYES, undefined)).items.slice(0, 2);
  assert.deepEqual(new Set(top.map(({ id: item }) => item)), new Set([a.id, b.id]));
  const seen: (string | undefined)[] = [];
  for (let address: string | undefined = `/collections/${id}`; address; ) {
    const { text } = await visitor.get(address);
    seen.push(...addresses(text));
    address = /(\/collections\/\d+\?cursor=[\w.%-]+)/.exec(text)?.[1];
    assert.ok(seen.length <= 70);
  }
  assert.equal(new Set(seen).size, 70);
});

test('the cover is of its owner’s choice while it is to be seen, else the first picture there is', async (t) => {
  const { browser, bob, visitor, em, make, put, itemOf, ada } = await given(t);
  const [one, two] = [givenPost(em), givenPost(em)];
  const [first, second] = [givenImage(em, { post: one }), givenImage(em, { post: two })];
  const bare = givenModel(em, { name: 'No picture' });
  await em.flush();
  const id = await make();
  for (const thing of [{ post: two.id }, { image: first.id }, { model: bare.id }]) await put(id, thing);
  const cover = async () =>
    /<span class="collection-cover"><img src="\/media\/320\/(\d+)/.exec(
      (await visitor.get(`/@${ada.name}?show=collections`)).text,
    )?.[1];
  assert.equal(await cover(), String(first.id), 'the first that has a picture');
  const chosen = await itemOf(id, { post: two.id });
  assert.equal((await bob.post(`/collections/${id}/cover`, { item: chosen.id })).status, 404);
  assert.equal((await browser.post(`/collections/${id}/cover`, { item: chosen.id })).status, 302);
  assert.equal(await cover(), String(second.id));
  assert.match(
    (await visitor.get(`/collections/${id}`)).text,
    new RegExp(`og:image" content="[^"]*/media/1280/${second.id}.webp`),
  );
  assert.match((await browser.get(`/collections/${id}/items`)).text, /aria-pressed="true"/);
  for (const model of [Image, 'Post'] as const) {
    await em.fork().nativeUpdate(model, model === 'Post' ? { id: two.id } : { id: second.id }, { listedAt: null });
  }
  assert.equal(await cover(), String(first.id), 'it is hidden');
  await em.fork().nativeUpdate('Post', { id: two.id }, { listedAt: NOW });
  await em.fork().nativeUpdate(Image, { id: second.id }, { listedAt: NOW, level: 8 });
  assert.equal(await cover(), String(first.id), 'it is not for these eyes');
  assert.equal((await browser.post(`/collections/${id}/cover`, { item: '' })).status, 302);
  assert.equal((await browser.post(`/collections/${id}/cover`, { item: crypto.randomUUID() })).status, 404);
});

test('from a page the viewer’s collections are chosen and left, and a new one is made in place', async (t) => {
  const { browser, visitor, em, make } = await given(t);
  const model = givenModel(em);
  givenVersion(em, { model });
  await em.flush();
  const id = await make();
  const page = (await browser.get(`/models/${model.id}`)).text;
  assert.match(page, new RegExp(`href="/collections\\?model=${model.id}"[^>]*data-dialog="collect"[^>]*hx-get`));
  assert.match(page, /<dialog class="dialog" id="collect" aria-labelledby="collect-title">/, 'shut without scripts');
  assert.doesNotMatch((await visitor.get(`/models/${model.id}`)).text, /data-dialog="collect"/);
  const list = `/collections?model=${model.id}`;
  assert.match((await browser.get(list)).text, /aria-label="Put in: Ink"/);
  await browser.post(`/collections/${id}/items`, { model: String(model.id) });
  assert.match((await browser.get(list)).text, /aria-label="In it: take out of Ink"/);
  const answer = await browser.post('/collections', {
    name: 'Wash',
    visibility: 'private',
    model: String(model.id),
    stay: '1',
  });
  assert.equal(answer.location, list);
  assert.match((await browser.get(list)).text, /aria-label="In it: take out of Wash"/);
  await browser.post(`/collections/${id}/items`, { model: String(model.id), on: '0' });
  assert.match((await browser.get(list)).text, /aria-label="Put in: Ink"/);
  const refused = await browser.post('/collections', { name: ' ', model: String(model.id), stay: '1' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /Give it a name/);
  assert.match(refused.text, new RegExp(`name="model" value="${model.id}"`), 'what was to be put in is not lost');
});

test('whoever made a thing has it left out, and it cannot be put back until they allow it', async (t) => {
  const { browser, bob, bobAccount, visitor, em, make, put, other } = await given(t);
  const { browser: eve } = await other('eve');
  const owner = em.getReference('Account', bobAccount.id) as never;
  const model = givenModel(em, { name: 'Bob’s', owner });
  givenVersion(em, { model });
  const post = givenPost(em, { owner, title: 'His post' });
  const image = givenImage(em, { post });
  await em.flush();
  const id = await make();
  for (const thing of [{ model: model.id }, { post: post.id }, { image: image.id }])
    assert.equal(await put(id, thing), 302);
  assert.match((await bob.get(`/collections/${id}`)).text, new RegExp(`href="/collections/${id}/refusals"`));
  assert.doesNotMatch((await eve.get(`/collections/${id}`)).text, /\/refusals"/);
  assert.match(
    textOf((await bob.get(`/collections/${id}/refusals`)).text),
    /His post Picture.*His post Post.*Bob’s Model/s,
  );
  assert.match(
    (await bob.get(`/collections?model=${model.id}`)).text,
    new RegExp(`action="/collections/${id}/refusals"`),
  );

  const refusals = `/collections/${id}/refusals`;
  assert.equal((await eve.post(refusals, { model: String(model.id) })).status, 404, 'not hers');
  assert.equal((await browser.post(refusals, { model: String(model.id) })).status, 422, 'the keeper takes it out');
  assert.equal((await bob.post(refusals, { model: '99999' })).status, 404);
  assert.equal((await bob.post(refusals, {})).status, 422);
  assert.equal((await bob.post(refusals, { model: String(model.id) })).status, 302);
  assert.equal((await bob.post(refusals, { model: String(model.id) })).status, 302, 'again');
  assert.equal((await bob.post(refusals, { post: String(post.id) })).status, 302);
  assert.match(textOf((await visitor.get(`/collections/${id}`)).text), /0 things/, 'a picture goes with its post');
  const back = await browser.post(`/collections/${id}/items`, { model: String(model.id) });
  assert.equal(back.status, 403);
  assert.match(back.text, /asked to be left out/);
  assert.equal(await put(id, { image: image.id }), 403);

  assert.match(textOf((await browser.get(`/collections/${id}`)).text), /2 things were left out/);
  assert.match(textOf((await browser.get(`/collections/${id}/items`)).text), /Bob’s.*asked by bob/s);
  assert.doesNotMatch(textOf((await visitor.get(`/collections/${id}`)).text), /left out/, 'nobody else is told');
  const asked = await em.fork().findOneOrFail(CollectionRefusal, { model: model.id });
  assert.equal((await eve.post(`${refusals}/${asked.id}/removal`)).status, 404);
  assert.equal((await browser.post(`${refusals}/${asked.id}/removal`)).status, 404, 'nor whose collection it is');
  assert.equal((await bob.post(`${refusals}/${asked.id}/removal`)).status, 302);
  assert.equal(await put(id, { model: model.id }), 302);
  assert.match(textOf((await visitor.get(`/collections/${id}`)).text), /1 thing\b/);
});

test('moderators keep a collection back: 451, in no list, not changed, but deleted by its owner', async (t) => {
  const { browser, bob, bobAccount, visitor, em, make, put, ada } = await given(t);
  const model = givenModel(em);
  await em.flush();
  const id = await make({ name: 'Kept back' });
  await put(id, { model: model.id });
  const restrict = async (restrictions: number) => {
    const work = em.fork();
    await work.nativeDelete(PolicyState, { targetKind: 'collection', targetId: id });
    work.create(
      PolicyState,
      { targetKind: 'collection', targetId: id, restrictions, changedAt: NOW },
      { persist: true },
    );
    await work.flush();
  };
  await bob.post(`/collections/${id}/follow`, { on: '1' });
  await restrict(RESTRICTION.view);
  for (const reader of [visitor, bob, browser]) assert.equal((await reader.get(`/collections/${id}`)).status, 451);
  assert.doesNotMatch((await visitor.get(`/@${ada.name}?show=collections`)).text, /Kept back/);
  assert.match((await browser.get('/collections')).text, /Kept back by moderators/);
  assert.equal((await browser.get(`/collections/${id}/edit`)).status, 451);
  assert.equal(await put(id, { model: model.id, on: '0' }), 451);
  assert.equal((await browser.post(`/collections/${id}/edit`, { name: 'x', visibility: 'public' })).status, 451);
  assert.equal((await bob.post(`/collections/${id}/follow`, { on: '1' })).status, 404);
  const feed = await listFeed(em.fork(), EYES, { scope: 'following', viewerId: bobAccount.id });
  assert.equal(feed.items.length, 0);
  await restrict(RESTRICTION.removed);
  assert.equal((await visitor.get(`/collections/${id}`)).status, 410);
  await restrict(0);
  assert.equal((await visitor.get(`/collections/${id}`)).status, 200);
  await restrict(RESTRICTION.view);
  assert.equal((await browser.post(`/collections/${id}/removal`)).status, 302);
  assert.equal((await em.fork().findOneOrFail(Collection, id)).name, '');
});
