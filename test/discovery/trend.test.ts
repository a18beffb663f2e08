import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account } from '../../src/accounts/model.ts';
import { loadModelsPage, ModelsQuery } from '../../src/discovery/lists/models.ts';
import { countLike, discountLike } from '../../src/discovery/trend/count.ts';
import { trendScore } from '../../src/discovery/trend/formula.ts';
import { Reaction } from '../../src/gallery/model.ts';
import { like, unlike } from '../../src/gallery/talk/likes.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { givenAccount, givenImage, givenModel, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const DAY_MS = 86_400_000;
const at = (days: number) => new Date(NOW.getTime() - days * DAY_MS);

test('a farm does not reach what honest people like, which a naive count would have put below it', async (t) => {
  const { em, workAs, clock } = await testNode(t);
  const [maker, farmer] = [givenAccount(em, { createdAt: at(300) }), givenAccount(em, { createdAt: at(300) })];
  const model = (name: string, owner: Account) => givenModel(em, { name, owner });
  const honest = model('honest', maker);
  const farms = ['fresh', 'aged', 'peers', 'own', 'cycled'].map((name) => model(name, farmer));
  const [fresh, aged, peers, own, cycled] = farms;
  assert(fresh && aged && peers && own && cycled);
  // people who joined one by one, over months
  const people = Array.from({ length: 20 }, (_, n) => givenAccount(em, { createdAt: at(40 + n * 7) }));
  const many = (count: number, given: object) => Array.from({ length: count }, () => givenAccount(em, given));
  const sockets = many(200, { createdAt: at(0.1) });
  const waited = many(200, { createdAt: at(60) });
  const elsewhere = many(200, { createdAt: at(60), host: 'farm.example' });
  await em.flush();
  const work = workAs(null);
  const likes = async (who: readonly Account[], id: number) => {
    for (const account of who) {
      await like(work, { id: account.id, permissions: 0 } as never, { kind: 'model', id });
      const made = await em.fork().findOneOrFail(Reaction, { account: account.id, model: id });
      await countLike(work, made.id);
    }
  };
  // twenty people of which some like it each day
  for (const [n, account] of people.entries()) {
    clock.set(at(2 - n / 10));
    await likes([account], honest.id);
  }
  clock.set(NOW);
  await likes(sockets, fresh.id);
  await likes(waited, aged.id);
  await likes(elsewhere, peers.id);
  await likes([farmer], own.id);
  const [fan] = people;
  assert(fan);
  clock.set(at(20));
  await likes([fan], cycled.id);
  // one person takes the same like back and gives it again, for weeks
  for (let day = 19; day >= 0; day -= 1) {
    clock.set(at(day));
    await unlike(work, { id: fan.id }, { kind: 'model', id: cycled.id });
    await discountLike(work, 'model', cycled.id);
    await likes([fan], cycled.id);
  }
  clock.set(NOW);

  const trending = await loadModelsPage(work, ModelsQuery.parse({ sort: 'trending' }));
  const names = trending.items.map(({ name }) => name);
  assert.equal(names[0], 'honest');
  assert.ok(!names.includes('fresh') && !names.includes('own'), 'accounts of today and one’s own count nothing');
  assert.equal(names.at(-1), 'cycled', 'its one like is twenty days old');
  const naive = await loadModelsPage(work, ModelsQuery.parse({ sort: 'likes' }));
  assert.deepEqual(
    naive.items
      .slice(0, 3)
      .map(({ name }) => name)
      .sort(),
    ['aged', 'fresh', 'peers'],
    'the control: by mere count the farms come first',
  );

  // who is banned stops to count
  await rows(em.fork(), `update account set state = 'suspended' where created_at = ? returning id`, [at(60)]);
  await discountLike(work, 'model', aged.id);
  const after = await loadModelsPage(work, ModelsQuery.parse({ sort: 'trending' }));
  assert.ok(!after.items.some(({ name }) => name === 'aged'));
});

test('a like of a post counts for its first picture, and the order does not change while nothing happens', async (t) => {
  const { em, workAs } = await testNode(t);
  const image = givenImage(em);
  const fan = givenAccount(em, { createdAt: at(90) });
  await em.flush();
  const work = workAs(null);
  await like(work, { id: fan.id, permissions: 0 } as never, { kind: 'post', id: image.post.id });
  const made = await em.fork().findOneOrFail(Reaction, { account: fan.id });
  await countLike(work, made.id);
  const scoreOf = async () =>
    (await rows<{ s: number | null }>(em.fork(), 'select trend_score as s from image where id = ?', [image.id]))[0]?.s;
  assert.ok(((await scoreOf()) ?? 0) > 0);
  await unlike(work, { id: fan.id }, { kind: 'post', id: image.post.id });
  await discountLike(work, 'post', image.post.id);
  assert.equal(await scoreOf(), null);

  const votes = (days: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({ at: at(days), joinedAt: at(100 + n), host: '' }));
  const [young, old] = [trendScore(votes(0, 4)), trendScore(votes(3, 8))];
  assert.equal(young, old, 'half as many likes that are three days younger weigh the same, today and ever after');
  assert.equal(trendScore([{ at: at(0), joinedAt: at(0.5), host: '' }]), null);
});
