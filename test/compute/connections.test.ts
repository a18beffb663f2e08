import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { noRedisServer, privateRedis } from '../kit/private-redis.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from './studio.ts';

const PHASES = ['load', 'encode', 'denoise', 'decode', 'save'];
const LIMITS = { ...SHORT, loadMs: 5_000, encodeMs: 5_000, decodeMs: 5_000, stepMs: 5_000 };

/** Has a picture made in each phase of which `cut` is called, and sees that there is one of each. */
async function throughEachPhase(its: Studio, cut: () => Promise<unknown>): Promise<void> {
  for (const phase of PHASES) {
    const { location, status, text } = await its.browser.post(
      '/generate',
      formOf(its.checkpoint, { prompt: `slow in ${phase}` }),
    );
    assert.equal(status, 302, text);
    const id = location.split('/').at(-1) ?? '';
    const fork = () => its.node.orm.em.fork();
    const note = async () => {
      const generation = await fork().findOne(Generation, id);
      return (await fork().findOne(Job, generation?.jobId ?? ''))?.progressNote ?? '';
    };
    await until(`it is in ${phase}`, async () => (await note()).startsWith(phase));
    await cut();
    const state = async () =>
      (
        await fork()
          .findOne(Generation, id)
          .catch(() => null)
      )?.state;
    await until(`${phase} is survived`, async () => (await state()) === 'done', 20_000);
    assert.equal(await fork().count(GenerationImage, { generation: id }), 1, phase);
  }
  assert.equal(await its.node.orm.em.fork().count(GpuUse, { isRefunded: false }), PHASES.length);
}

const studioWith = async (t: TestContext, env: Record<string, string>) =>
  studio(t, { python: await fakePython(t, '--cuda'), limits: LIMITS, env });

test('connections to Redis that are cut in any phase cost nothing', { skip: noRedisServer }, async (t) => {
  const { url, client } = await privateRedis(t);
  const its = await studioWith(t, { REDIS_URL: url.href });
  await throughEachPhase(its, () => client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
});

const noPostgresql = !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';

test('connections to PostgreSQL that are cut in any phase cost nothing', { skip: noPostgresql }, async (t) => {
  const its = await studioWith(t, {});
  const name = its.node.config.databaseUrl?.pathname.slice(1) ?? '';
  const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
  await admin.connect();
  t.after(() => admin.end());
  await throughEachPhase(its, () =>
    admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]),
  );
});
