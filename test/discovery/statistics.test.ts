import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { DownloadMark } from '../../src/catalogue/model.ts';
import { Generation, type GenerationRequest } from '../../src/compute/model.ts';
import { countDays } from '../../src/discovery/statistics/count.ts';
import { DAY_MS } from '../../src/discovery/statistics/model.ts';
import { loadStatistics, StatisticsQuery } from '../../src/discovery/statistics/page.ts';
import { Reaction, ResourceUse } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const ago = (days: number) => new Date(NOW.getTime() - days * 86_400_000);
const dayOf = (date: Date) => date.toISOString().slice(0, 10);

test('what came of a work is counted by the day, back to where the node began, for its owner alone, and tells of no single person', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  ada.createdAt = ago(400);
  const ben = await givenMember(em, 'ben');
  const model = givenModel(em, { name: 'Ink Wash', owner: ada });
  const other = givenModel(em, { name: 'Oil <b>', owner: ada });
  const [version, second] = [givenVersion(em, { model }), givenVersion(em, { model: other })];
  const people = [ben, givenAccount(em), givenAccount(em)];
  const post = givenPost(em, { owner: ben, listedAt: ago(3) });
  const image = givenImage(em, { post, owner: ben, listedAt: ago(3) });
  // of one's own picture, others' remixes count, and one's own do not
  const original = givenImage(em, { post: givenPost(em, { owner: ada, listedAt: ago(9) }), listedAt: ago(9) });
  await em.flush();
  for (const owner of [ben, ada]) {
    const remix = { owner, listedAt: ago(5) };
    givenImage(em, { ...remix, post: givenPost(em, remix), remixOf: original });
  }
  await em.flush();
  const keep = { persist: true };
  for (const [days, who] of [
    [0, 'a'],
    [2, 'a'],
    [2, 'b'],
    [80, 'a'],
    [300, 'a'],
    [390, 'a'],
  ] as const) {
    em.create(DownloadMark, { version, day: dayOf(ago(days)), whoHash: who }, keep);
  }
  em.create(ResourceUse, { id: newId(), image, kind: 'lora', version, model }, keep);
  const liked = { id: newId(), account: ben, createdAt: ago(2) };
  em.create(Reaction, { ...liked, model }, keep);
  em.create(Reaction, { ...liked, id: newId(), account: ada, model }, keep);
  em.create(Follow, { id: newId(), follower: ben, target: ada, state: 'accepted', createdAt: ago(40) }, keep);
  const generate = (account: (typeof people)[number], id: number, at: Date) => {
    const request = { model: { versionId: id }, loras: [] } as unknown as GenerationRequest;
    em.create(Generation, { id: newId(), account, request, state: 'done', createdAt: at }, keep);
  };
  // three people used one model, two the other; today is not over
  for (const person of people) generate(person, version.id, ago(4));
  for (const person of people) generate(person, version.id, ago(0));
  generate(ada, version.id, ago(4));
  for (const person of people.slice(1)) generate(person, second.id, ago(4));
  await em.flush();
  const stop = new AbortController().signal;
  await countDays(workAs(null), stop);

  const address = await start('web');
  const web = new Browser(address);
  const sums = async (query: string) => {
    const csv = (await web.get(`/settings/statistics.csv${query}`)).text.trim().split('\n');
    const lines = csv.map((line) => line.split(','));
    assert.deepEqual(lines[0], [
      'day',
      'downloads',
      'generations',
      'pictures',
      'likes',
      'remixes',
      'followers',
      'followersInAll',
    ]);
    return [1, 2, 3, 4, 5, 6].map((n) => lines.slice(1).reduce((sum, cells) => sum + Number(cells[n]), 0));
  };
  assert.equal((await web.get('/settings/statistics')).status, 302);
  await web.signIn('ada');
  assert.deepEqual(await sums(''), [3, 3, 1, 1, 1, 0]);
  assert.deepEqual(await sums('?days=90'), [4, 3, 1, 1, 1, 1]);
  assert.deepEqual(await sums('?days=365'), [5, 3, 1, 1, 1, 1], 'the node counts a year back');
  assert.deepEqual(await sums(`?days=365&model=${other.id}`), [0, 0, 0, 0, 0, 0], 'two people are too few');
  assert.deepEqual(await sums('?days=odd&model=odd'), [3, 3, 1, 1, 1, 0]);

  // a second count finds the same, and what is taken back takes nothing off
  await em.nativeDelete(Reaction, { id: liked.id });
  await countDays(workAs(null), stop);
  assert.deepEqual(await sums(''), [3, 3, 1, 1, 1, 0]);

  const page = (await web.get('/settings/statistics?days=365')).text;
  assert.match(page, /<svg [^>]*aria-label="5 in all, \d at most"/);
  assert.match(page, /1 follower now/);
  assert.match(page, new RegExp(`href="/settings/statistics\\?days=365&(?:amp;)?model=${model.id}">Ink Wash<`));
  assert.doesNotMatch(page, /ben|Oil <b>/);
  assert.match((await web.get(`/settings/statistics?model=${model.id}`)).text, /All models together/);
  await web.signIn('ben');
  assert.equal((await web.get(`/settings/statistics?model=${model.id}`)).status, 404);
  assert.deepEqual(await sums(''), [0, 0, 0, 0, 0, 0]);
  assert.match((await web.get('/settings/statistics')).text, /Nothing yet/);
});

test('how many follow is written down each day, without who left, and made up for no day before', async (t) => {
  const { em, clock, workAs } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  ada.createdAt = ago(10);
  const people = [await givenMember(em, 'ben'), givenAccount(em), givenAccount(em)];
  await em.flush();
  const follows = people.map((follower, n) =>
    em.create(
      Follow,
      { id: newId(), follower, target: ada, state: 'accepted', createdAt: ago(5 - n) },
      { persist: true },
    ),
  );
  await em.flush();
  const count = () => countDays(workAs(null), new AbortController().signal);
  const inAll = async () =>
    (await loadStatistics(workAs(ada), StatisticsQuery.parse({}))).rows.map((row) => row.followersInAll).slice(-4);
  await count();
  assert.deepEqual(await inAll(), [null, null, null, 3]);
  clock.pass(DAY_MS);
  await em.nativeUpdate(Account, { id: people[1]?.id ?? 0 }, { state: 'deleted' });
  await count();
  await count();
  assert.deepEqual(await inAll(), [null, null, 3, 2]);
  clock.pass(DAY_MS);
  for (const { id } of follows) await em.nativeDelete(Follow, { id });
  await count();
  assert.deepEqual(await inAll(), [null, 3, 2, 0]);
  const page = await loadStatistics(workAs(ada), StatisticsQuery.parse({}));
  assert.equal(page.followers?.chart.summary, 'from 3 to 0');
  assert.equal(page.followers?.since, dayOf(ago(0)));
  assert.equal(page.followersNow, 0);
});
