import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NewAccount } from '../../src/accounts/joining/create.ts';
import { Tag } from '../../src/catalogue/model.ts';
import { listFeed } from '../../src/discovery/feed.ts';
import { Collection, CollectionItem } from '../../src/gallery/collections/model.ts';
import { TopicFollow } from '../../src/gallery/topics/model.ts';
import { readTopicName, topicName } from '../../src/gallery/topics/names.ts';
import { rows } from '../../src/kit/database/sql.ts';
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
      description: 'All *ink*',
      visibility: 'public',
      ...form,
    });
    assert.equal(answer.status, 302, answer.text.slice(0, 500));
    return Number(/^\/collections\/(\d+)$/.exec(answer.location)?.[1]);
  };
  const feedOf = async (viewerId: number, limit = 50) =>
    (await listFeed(it.em.fork(), EYES, { scope: 'following', viewerId, limit })).items;
  return { ...it, bob, bobAccount, make, feedOf };
}

test('a collection is made with what is put in, filled from pages, shown in pages of a grid, changed and deleted', async (t) => {
  const { browser, bob, visitor, em, make, ada } = await given(t);
  const model = givenModel(em, { name: 'Inky model' });
  givenVersion(em, { model });
  for (let n = 0; n < 40; n += 1) givenModel(em, { name: `No ${n}` });
  const post = givenPost(em, { title: 'Inky post' });
  givenImage(em, { post });
  await em.flush();
  const id = await make({ model: String(model.id) });
  assert.match((await browser.get(`/models/${model.id}`)).text, new RegExp(`/collections\\?model=${model.id}`));
  assert.match((await browser.get(`/posts/${post.id}`)).text, new RegExp(`/collections\\?post=${post.id}`));
  assert.match((await browser.get(`/collections?post=${post.id}`)).text, /Put in/);
  assert.equal((await browser.post(`/collections/${id}/items`, { post: String(post.id) })).status, 302);
  assert.equal((await browser.post(`/collections/${id}/items`, { post: String(post.id) })).status, 302, 'again');
  assert.equal((await bob.post(`/collections/${id}/items`, { post: String(post.id) })).status, 404, 'not his');

  const page = await visitor.get(`/collections/${id}`);
  assert.match(page.text, /<em>ink<\/em>/);
  assert.match(page.text, /Inky model/);
  assert.match(textOf(page.text), /2 things/);
  assert.match((await visitor.get(`/@${ada.name}?show=collections`)).text, /\/collections\/\d+/);

  const all = await rows<{ id: number }>(em, `select id from model where name like 'No %'`);
  for (const { id: modelId } of all) await browser.post(`/collections/${id}/items`, { model: String(modelId) });
  const seen = new Set<string>();
  let address: string | undefined = `/collections/${id}`;
  for (let turn = 0; address && turn < 5; turn += 1) {
    const { text } = await visitor.get(address);
    for (const [, href = ''] of text.matchAll(/href="(\/(?:models|posts)\/\d+)/g)) seen.add(href);
    address = /(\/collections\/\d+\?cursor=[\w.%-]+)/.exec(text)?.[1];
  }
  assert.equal(seen.size, 42, 'each once, over two pages');

  await browser.post(`/collections/${id}/items`, { model: String(model.id), on: '0' });
  assert.doesNotMatch((await visitor.get(`/collections/${id}`)).text, /Inky model/);
  assert.equal((await bob.get(`/collections/${id}/edit`)).status, 404);
  await browser.post(`/collections/${id}/edit`, { name: 'Wash', description: '', visibility: 'private' });
  assert.equal((await visitor.get(`/collections/${id}`)).status, 404);
  assert.equal((await bob.get(`/collections/${id}`)).status, 404);
  assert.equal((await browser.get(`/collections/${id}`)).status, 200);
  assert.doesNotMatch((await visitor.get(`/@${ada.name}?show=collections`)).text, /Wash/);
  await browser.post(`/collections/${id}/edit`, { name: 'Wash', description: '', visibility: 'unlisted' });
  assert.equal((await visitor.get(`/collections/${id}`)).status, 200);
  assert.doesNotMatch((await visitor.get(`/@${ada.name}?show=collections`)).text, /Wash/);
  await browser.post(`/collections/${id}/removal`);
  assert.equal((await browser.get(`/collections/${id}`)).status, 410);
  assert.equal(await em.fork().count(CollectionItem, { collection: id }), 0);
  assert.match((await browser.get('/collections')).text, /You have no collection yet/);
});

test('what is not public neither shows nor counts, and is not put in', async (t) => {
  const { browser, visitor, em, make, ada } = await given(t);
  const open = givenModel(em, { name: 'Open' });
  const shut = givenModel(em, { name: 'Shut' });
  const own = givenModel(em, { name: 'For few', owner: ada, visibility: 'followers', listedAt: null, shownAt: NOW });
  await em.flush();
  const id = await make({ model: String(open.id) });
  await browser.post(`/collections/${id}/items`, { model: String(shut.id) });
  assert.equal((await browser.post(`/collections/${id}/items`, { model: String(own.id) })).status, 422);
  await em.nativeUpdate('Model', { id: shut.id }, { listedAt: null, visibility: 'followers' });
  for (const reader of [browser, visitor]) {
    const { text } = await reader.get(`/collections/${id}`);
    assert.doesNotMatch(text, /Shut/);
    assert.match(textOf(text), /1 thing\b/);
  }
  assert.match(textOf((await browser.get('/collections')).text), /1 thing\b/);
  assert.match(textOf((await visitor.get(`/@${ada.name}?show=collections`)).text), /1 thing\b/);
});

test('models, tags and collections are followed from their pages, listed by kind, and bring their things into the feed', async (t) => {
  const { browser, bob, bobAccount, em, make, feedOf, workAs } = await given(t);
  const model = givenModel(em, { name: 'Followed model' });
  givenVersion(em, { model });
  const tagged = givenModel(em, { name: 'Tagged model' });
  const collected = givenModel(em, { name: 'Collected model' });
  const other = givenModel(em, { name: 'Nothing to do with it' });
  const tag = em.create(Tag, { name: 'ink' });
  await em.persist(tag).flush();
  await rows(em, 'insert into model_tag (model_id, tag_id) values (?, ?) returning model_id', [tagged.id, tag.id]);
  const id = await make({ model: String(collected.id) });
  assert.equal((await feedOf(bobAccount.id)).length, 0);
  for (const path of [`/models/${model.id}`, '/tags/ink', `/collections/${id}`]) {
    assert.match((await bob.get(path)).text, new RegExp(`action="${path}/follow"`), path);
    assert.equal((await bob.post(`${path}/follow`, { on: '1' })).location, path);
    assert.match((await bob.get(path)).text, /aria-pressed="true"/, path);
    assert.match(textOf((await browser.get(path)).text), /1 follower/, path);
  }
  assert.doesNotMatch(
    (await browser.get(`/collections/${id}`)).text,
    /action="[^"]+\/follow"/,
    'nobody follows their own',
  );
  const items = await feedOf(bobAccount.id);
  assert.deepEqual(items.map(({ title }) => title).sort(), ['Collected model', 'Followed model', 'Tagged model']);
  const told = items.find(({ title }) => title === 'Collected model');
  assert.deepEqual([told?.sharerName, told?.sharerUrl, told?.isCollected], ['Ink', `/collections/${id}`, true]);
  assert.ok(!items.some(({ url }) => url.includes(`/models/${other.id}`)));
  assert.match((await bob.get('/?scope=following')).text, /Put into/);
  const parts: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listFeed(em.fork(), EYES, { scope: 'following', viewerId: bobAccount.id, limit: 1, cursor });
    parts.push(...page.items.map(({ title }) => title));
    cursor = page.nextCursor ?? undefined;
  } while (cursor && parts.length < 9);
  assert.deepEqual(
    parts,
    items.map(({ title }) => title),
  );

  const list = await bob.get('/settings/following');
  for (const name of ['Followed model', '#ink', 'Ink']) assert.ok(textOf(list.text).includes(name), name);
  // what is hidden by now is not named, and can be let go
  await em.nativeUpdate('Model', { id: model.id }, { listedAt: null, visibility: 'followers' });
  const later = await bob.get('/settings/following');
  assert.doesNotMatch(later.text, /Followed model/);
  const mine = await em.fork().findOneOrFail(TopicFollow, { model: model.id });
  assert.equal((await browser.post(`/topic-follows/${mine.id}/removal`)).status, 404, 'somebody else’s');
  assert.equal((await bob.post(`/topic-follows/${mine.id}/removal`)).status, 302);
  assert.equal((await bob.post('/tags/ink/follow', { on: '0' })).status, 302);
  assert.deepEqual(
    (await feedOf(bobAccount.id)).map(({ title }) => title),
    ['Collected model'],
  );

  // across a block there is nothing to hear of
  const { blockAccount } = await import('../../src/accounts/block.ts');
  await blockAccount(workAs(bobAccount), collected.owner.id, 'block');
  assert.equal((await feedOf(bobAccount.id)).length, 0);
});

test('what is unlisted, private or not there cannot be followed, and says the same', async (t) => {
  const { bob, em, make } = await given(t);
  const id = await make({ visibility: 'unlisted' });
  const model = givenModel(em, { visibility: 'unlisted', listedAt: null });
  await em.flush();
  for (const path of [`/collections/${id}`, `/models/${model.id}`, '/models/99999', '/tags/nothing']) {
    assert.equal((await bob.post(`${path}/follow`, { on: '1' })).status, 404, path);
  }
  assert.equal(await em.count(TopicFollow), 0);
  assert.equal(await em.count(Collection), 1);
});

test('names of topics are read back, and no account can have one', () => {
  for (const [kind, id, tag] of [
    ['model', 12, ''],
    ['collection', 7, ''],
    ['tag', 3, 'ink'],
    ['tag', 3, 'no-5'],
    ['tag', 57, '水'],
  ] as const) {
    const read = readTopicName(topicName(kind, id, tag));
    assert.ok(read && (('id' in read && read.id === id) || ('tag' in read && read.tag === tag)), `${kind} ${tag}`);
  }
  assert.equal(readTopicName('model-012'), null);
  const person = { email: 'a@example.org', password: 'long enough a secret' };
  assert.ok(NewAccount.safeParse({ ...person, name: 'modelling' }).success);
  for (const name of ['model-12', 'tag-ink', 'collection-x']) {
    assert.ok(!NewAccount.safeParse({ ...person, name }).success, name);
  }
});
