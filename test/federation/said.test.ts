import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlEntityManager } from '@mikro-orm/sqlite';
import { OutboxItem } from '../../src/federation/model.ts';
import { takenBackAt } from '../../src/federation/outbox/last-word.ts';
import { aboutOf, saidUnder } from '../../src/federation/outbox/said.ts';
import { dialectOf, rows } from '../../src/kit/database/sql.ts';
import { newId } from '../../src/kit/ids.ts';
import { NOW } from '../factories/content.ts';
import { type TestNode, testNode } from '../node.ts';

async function given({ em }: TestNode, uris: readonly string[]): Promise<void> {
  await em.insertMany(
    OutboxItem,
    uris.map((uri, n) => ({
      ...{ id: newId(), uri, about: aboutOf(uri), actorId: 0, document: {} },
      createdAt: new Date(NOW.getTime() + n),
    })),
  );
}

test('what was said of a thing is that of this thing alone, whatever signs its id has', async (t) => {
  const node = await testNode(t);
  const thing = 'https://n.example/things/a_b%c';
  await given(node, [
    `${thing}#create`,
    `${thing}#create-2`,
    `${thing}#update-3`,
    'https://n.example/things/axb%c#create-4',
    'https://n.example/things/a_bxxc#create-5',
    'https://n.example/things/A_B%C#create-6',
  ]);
  const found = async (start: string) =>
    (await node.em.fork().find(OutboxItem, saidUnder(start), { orderBy: { createdAt: 1 } })).map(({ uri }) => uri);
  assert.deepEqual(await found(`${thing}#create`), [`${thing}#create`, `${thing}#create-2`]);
  assert.deepEqual(await found(`${thing}#create-`), [`${thing}#create-2`]);
  assert.deepEqual(await found(`${thing}#cre_te`), []);
});

test('the last word of a thing is its own, and not one about its answers', async (t) => {
  const node = await testNode(t);
  const review = 'https://n.example/reviews/1';
  await given(node, [`${review}#create`, `${review}#add-9-1`, `${review}#delete-2`, `${review}#remove-9-3`]);
  assert.deepEqual(await takenBackAt(node.em.fork(), review), new Date(NOW.getTime() + 2));
  await given(node, [`${review}#create-4`]);
  await node.em.nativeUpdate(OutboxItem, { uri: `${review}#create-4` }, { createdAt: new Date(NOW.getTime() + 9) });
  assert.equal(await takenBackAt(node.em.fork(), review), null);
});

test('among many, it is found by its index', async (t) => {
  const node = await testNode(t);
  await given(
    node,
    Array.from({ length: 3_000 }, (_, n) => `https://n.example/models/${n}#create`),
  );
  const em = node.em.fork() as SqlEntityManager;
  const query = em.createQueryBuilder(OutboxItem).where(saidUnder('https://n.example/models/7#create'));
  const isSqlite = dialectOf(em) === 'sqlite';
  await rows(em, 'analyze outbox_item');
  const plan = await rows(em, `${isSqlite ? 'explain query plan' : 'explain'} ${query.getFormattedQuery()}`);
  assert.match(JSON.stringify(plan), /outbox_item_about_index/);
  assert.doesNotMatch(JSON.stringify(plan), /Seq Scan|SCAN/);
});
