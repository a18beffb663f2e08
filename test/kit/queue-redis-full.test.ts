import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { defineJob } from '../../src/kit/queue/define.ts';
import { noRedisServer, privateRedis } from './private-redis.ts';
import { openPlace, pause, until } from './queue-setup.ts';

// spec/engine.md, section 5, measured with Bull 4.16.5: Redis that refused writes for 1.5 s made Bull begin a job a second
// time while the first still ran, and threw away what the first returned.
test('Redis that refuses writes for a while costs no result, and no job runs twice', {
  skip: noRedisServer,
}, async (t) => {
  const { url, client } = await privateRedis(t);
  const place = await openPlace(t, { name: 'own', skip: false, redisUrl: url, isPostgresql: false });
  const runs: number[] = [];
  const job = defineJob({
    name: 'test.long',
    lane: 'gpu',
    payload: z.object({ n: z.int() }),
    attempts: 3,
    run: async (_work, { n }) => {
      runs.push(n);
      if (n === 1) await pause(6_000);
      return { made: n };
    },
  });
  const times = { relayEveryMs: 500 };
  const one = await place.openProcess([job], { lanes: ['gpu'], times });
  await place.openProcess([job], { lanes: ['gpu'], times });
  const long = await one.enqueue(job, { n: 1 });
  await until('it runs', () => runs.length === 1);

  await client.config('SET', 'maxmemory-policy', 'noeviction');
  await client.config('SET', 'maxmemory', '1');
  await assert.rejects(client.set('x', '1'), /OOM/);
  const meanwhile = await one.enqueue(job, { n: 2 });
  await pause(1_500);
  await client.config('SET', 'maxmemory', '0');

  await until('the long one is done', async () => (await place.jobRow(long)).state === 'done', 15_000);
  await until('so is the other', async () => (await place.jobRow(meanwhile)).state === 'done');
  const row = await place.jobRow(long);
  assert.deepEqual(row.result, { made: 1 });
  assert.equal(row.attempt, 1);
  await pause(2_000); // what Bull would begin again it begins now
  assert.deepEqual([...runs].sort(), [1, 2]);
});

test('Redis that is killed while a job runs costs no result', { skip: noRedisServer }, async (t) => {
  const { url, kill } = await privateRedis(t);
  const place = await openPlace(t, { name: 'own', skip: false, redisUrl: url, isPostgresql: false });
  const runs: number[] = [];
  const job = defineJob({
    name: 'test.long',
    lane: 'gpu',
    payload: z.object({ n: z.int() }),
    attempts: 3,
    run: async (_work, { n }) => {
      runs.push(n);
      await pause(2_000);
      return { made: n };
    },
  });
  const { enqueue } = await place.openProcess([job], { lanes: ['gpu'] });
  const id = await enqueue(job, { n: 1 });
  await until('it runs', () => runs.length === 1);
  await kill();
  const second = await enqueue(job, { n: 2 }); // found by looking
  for (const each of [id, second]) await until('it is done', async () => (await place.jobRow(each)).state === 'done');
  assert.deepEqual(runs, [1, 2]);
});

test('Redis that is killed and comes back carries jobs as before, without anybody looking for them', {
  skip: noRedisServer,
}, async (t) => {
  const { place, job, runs, kill, restart } = await givenShortJob(t);
  const times = { lookEveryMs: 600_000, relayEveryMs: 1_000 };
  const { enqueue } = await place.openProcess([job], { lanes: ['gpu'], times });
  await enqueue(job, { n: 1 });
  await until('it ran', () => runs.length === 1);
  await kill();
  await enqueue(job, { n: 2 }); // waits in the client of Redis
  await pause(1_500);
  await restart();
  await until('the one from meanwhile ran', () => runs.length === 2, 30_000);
  await enqueue(job, { n: 3 });
  await until('the one after it ran', () => runs.length === 3);
  assert.deepEqual(runs, [1, 2, 3]);
});

test('what is enqueued while a Redis comes back empty and nobody has noticed is found by looking at the latest', {
  skip: noRedisServer,
}, async (t) => {
  const { place, job, runs, kill, restart } = await givenShortJob(t);
  const { enqueue } = await place.openProcess([job], { lanes: ['gpu'], times: { lookEveryMs: 10_000 } });
  await enqueue(job, { n: 1 });
  await until('it ran', () => runs.length === 1);
  await kill();
  await restart();
  await enqueue(job, { n: 2 }); // its message may have gone into the connection that was
  await until('the one from meanwhile ran', () => runs.length === 2, 60_000);
  assert.deepEqual(runs, [1, 2]);
});

/** A job that notes that it ran, on a Redis of its own. */
async function givenShortJob(t: TestContext) {
  const { url, kill, restart } = await privateRedis(t);
  const place = await openPlace(t, { name: 'own', skip: false, redisUrl: url, isPostgresql: false });
  const runs: number[] = [];
  const job = defineJob({
    name: 'test.short',
    lane: 'gpu',
    payload: z.object({ n: z.int() }),
    attempts: 1,
    run: (_work, { n }) => void runs.push(n),
  });
  return { place, job, runs, kill, restart };
}
