import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { Job } from '../../src/kit/queue/job.ts';
import { childProgram } from '../child.ts';
import { crashJob } from './queue-crash-child.ts';
import { GROUNDS, openPlace, type Place, until } from './queue-setup.ts';

/** Another process of the node, to be killed. */
async function startChild(t: TestContext, place: Place): Promise<ChildProcess> {
  const { path, execArgv } = childProgram(import.meta.url, './queue-crash-child');
  const child = fork(path, {
    env: {
      ...process.env,
      CHILD_DATABASE: place.databaseUrl.href,
      CHILD_REDIS: place.redisUrl?.href ?? '',
      CHILD_PREFIX: place.redisPrefix,
    },
    execArgv,
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

for (const ground of GROUNDS) {
  describe(`what the queue survives, ${ground.name}`, { skip: ground.skip }, () => {
    test('a process killed in the middle of a job: another runs it again, to its end, once', async (t) => {
      const place = await openPlace(t, ground);
      const web = await place.openProcess([crashJob], { lanes: [] });
      const child = await startChild(t, place);
      const id = await web.enqueue(crashJob, { n: 5 });
      await until('the child runs it', async () => (await place.jobRow(id)).state === 'running', 20_000);
      const { leaseOwner } = await place.jobRow(id);
      child.kill('SIGKILL');

      const runs: number[] = [];
      const again = { ...crashJob, run: (_work: unknown, { n }: { n: number }) => runs.push(n) };
      await place.openProcess([again]);
      await until('it is done', async () => (await place.jobRow(id)).state === 'done');
      const row = await place.jobRow(id);
      assert.deepEqual(runs, [5]);
      assert.equal(row.attempt, 2);
      assert.ok(leaseOwner);
    });

    test('a job whose process dies again and again counts as failed', async (t) => {
      const place = await openPlace(t, ground);
      const web = await place.openProcess([crashJob], { lanes: ['gpu'] });
      const id = await web.enqueue(crashJob, { n: 5 });
      const lost = new Date(Date.now() - 1000);
      await place.em().nativeUpdate(Job, { id }, { state: 'running', attempt: 99, leaseUntil: lost, leaseOwner: 'x' });
      await until('it failed', async () => (await place.jobRow(id)).state === 'failed');
      assert.match((await place.jobRow(id)).lastError ?? '', /died/);
    });

    test('Redis that forgets everything loses no job', { skip: !ground.redisUrl && 'has no Redis' }, async (t) => {
      const place = await openPlace(t, ground);
      const seen: number[] = [];
      const job = { ...crashJob, run: (_work: unknown, { n }: { n: number }) => seen.push(n) };
      const web = await place.openProcess([job], { lanes: [], times: { relayEveryMs: 3_600_000 } });
      for (let n = 0; n < 10; n += 1) await web.enqueue(job, { n });
      await web.enqueue(job, { n: 10 }, { delayMs: 1500 });
      const redis = new Redis(place.redisUrl?.href ?? '');
      await until('Redis knows them', async () => (await redis.keys(`${place.redisPrefix}:media:*`)).length >= 11);
      await redis.flushdb();
      // looking is off: what finds them is the relay, which announces them to Redis again
      const times = { lookEveryMs: 3_600_000, relayEveryMs: 400 };
      await place.openProcess([job], { times });
      await until('all ran', async () => (await place.em().count(Job, { state: 'done' })) === 11);

      await redis.flushdb();
      await web.enqueue(job, { n: 11 });
      await until('one after it ran, too', () => seen.includes(11));
      redis.disconnect();
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        Array.from({ length: 12 }, (_, n) => n),
      );
    });
  });
}
