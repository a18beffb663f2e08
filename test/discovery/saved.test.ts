import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { lookForNew } from '../../src/discovery/saved/look.ts';
import { SavedSearch } from '../../src/discovery/saved/model.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenModel, givenPost, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

test('a saved search tells its owner of what is new once, and its feed shows the same to whoever has the address', async (t) => {
  const { em, workAs, start, clock } = await testNode(t);
  const [ada] = [await givenMember(em, 'ada'), await givenMember(em, 'bob')];
  const ink = em.create(Tag, { name: 'ink' }, { persist: true });
  const old = givenModel(em, { name: 'Old ink', listedAt: new Date(NOW.getTime() - 86_400_000) });
  em.create(ModelTag, { model: old, tag: ink }, { persist: true });
  await em.flush();
  const address = await start('web');
  const [mine, other, nobody] = [new Browser(address), new Browser(address), new Browser(address)];
  await mine.signIn('ada');
  await other.signIn('bob');

  // from the list, by its own link, filled in
  const list = await mine.get('/models?tag=ink&type=LORA&sort=likes');
  const save = /href="(\/searches\/new[^"]*)"/.exec(list.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const form = await mine.get(save);
  assert.match(form.text, /name="query" value="tag=ink&amp;type=LORA"/);
  const refused = await mine.post('/searches', { name: '', kind: 'models', query: 'tag=ink&type=LORA', told: '1' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /Give it a name/);
  assert.match(refused.text, /value="tag=ink&amp;type=LORA"/, 'the form comes back filled');
  assert.equal((await mine.post('/searches', { name: 'x', kind: 'models', query: 'sort=likes' })).status, 422);
  const saved = await mine.post('/searches', {
    name: 'My <ink>',
    kind: 'models',
    query: 'type=LORA&tag=ink&x=1',
    told: '1',
  });
  assert.equal(saved.location, '/searches?said=saved');
  const search = await em.fork().findOneOrFail(SavedSearch, { account: ada.id });
  assert.equal(search.query, 'tag=ink&type=LORA');
  assert.equal((await nobody.get(list.location || save)).location.startsWith('/sign-in'), true);

  const matched = async () =>
    (await em.fork().find(RecordedEvent, { name: 'saved-search.matched' })).map(({ payload }) => payload);
  const look = async (minutes: number) => {
    clock.pass(minutes * 60_000);
    await lookForNew(workAs(null), async () => null);
  };
  await look(15);
  assert.deepEqual(await matched(), [], 'what was there when it was saved is not new');
  const listed = (given: object) => givenModel(em, { listedAt: clock.now(), ...given });
  const [fresh, mature] = [listed({ name: 'Fresh & ink' }), listed({ name: 'Ink X', level: 16 })];
  for (const model of [fresh, mature, listed({ name: 'No ink' })]) {
    if (model.name !== 'No ink') em.create(ModelTag, { model, tag: ink }, { persist: true });
  }
  await em.flush();
  await look(15);
  await look(15);
  const event = { searchId: search.id, accountId: ada.id, count: 1 };
  assert.deepEqual(await matched(), [event], 'once, and not of a rating that its owner does not browse');
  assert.match((await mine.get('/searches')).text, /1 new/);
  assert.equal((await mine.get(`/searches/${search.id}`)).location, '/models?tag=ink&type=LORA');
  assert.doesNotMatch((await mine.get('/searches')).text, /1 new/, 'it was opened');

  const feedUrl = `/feeds/searches/${search.feedKey}.atom`;
  const feed = await nobody.get(feedUrl);
  assert.equal(feed.status, 200);
  assert.match(feed.headers.get('content-type') ?? '', /^application\/atom\+xml/);
  assert.match(feed.text, /<title>My &lt;ink&gt;<\/title>/);
  assert.deepEqual(
    [...feed.text.matchAll(/<entry>.*?<title>(.*?)<\/title>/gs)].map(([, title]) => title),
    ['Fresh &amp; ink', 'Old ink'],
  );
  // nobody else reaches it
  for (const [act, fields] of [
    ['removal', {}],
    ['telling', { on: '0' }],
    ['feed', {}],
  ] as const) {
    assert.equal((await other.post(`/searches/${search.id}/${act}`, fields)).status, 404);
  }
  assert.equal((await other.get(`/searches/${search.id}`)).status, 404);
  await mine.post(`/searches/${search.id}/feed`);
  assert.equal((await nobody.get(feedUrl)).status, 404, 'the old address is over');
  await mine.post(`/searches/${search.id}/telling`, { on: '0' });
  const later = listed({ name: 'Later ink' });
  em.create(ModelTag, { model: later, tag: ink }, { persist: true });
  await em.flush();
  await look(15);
  assert.equal((await matched()).length, 1, 'told of nothing more');
  await mine.post(`/searches/${search.id}/removal`);
  assert.match((await mine.get('/searches')).text, /No saved searches/);

  // pictures alike
  await mine.post('/searches', { name: 'Recipes', kind: 'images', query: 'recipe=1', told: '1' });
  await look(15);
  givenImage(em, { post: givenPost(em), hasRecipe: true, listedAt: clock.now() });
  await em.flush();
  await look(15);
  assert.equal((await matched()).length, 2);
});
