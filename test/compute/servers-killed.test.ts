import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from '../../src/compute/training/model.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { noPostgresqlServer, type PrivatePostgresql, startPostgresql } from '../kit/private-postgresql.ts';
import { noRedisServer, privateRedis } from '../kit/private-redis.ts';
import { pause, until } from '../kit/queue-setup.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from './studio.ts';
import { givenTraining, stepsThatMade } from './trainings.ts';

const LIMITS = { ...SHORT, loadMs: 5_000, encodeMs: 5_000, decodeMs: 5_000, stepMs: 5_000 };
/** For so long the server is away. */
const AWAY_MS = 400;

const fork = ({ node }: Studio) => node.orm.em.fork();
const noteOf = async (its: Studio, jobId: string | null | undefined) =>
  (await fork(its).findOne(Job, jobId ?? ''))?.progressNote ?? '';
const orNull = <T>(asked: Promise<T>): Promise<T | null> => asked.catch(() => null);

async function requested(its: Studio, prompt: string): Promise<string> {
  const { location, status, text } = await its.browser.post('/generate', formOf(its.checkpoint, { prompt }));
  assert.equal(status, 302, text);
  return location.split('/').at(-1) ?? '';
}

const train = (its: Studio, what: string): Promise<TrainingRun> =>
  givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), { steps: 12, what });

/** One result, booked once, whatever happened on the way. */
async function assertMade(its: Studio, id: string, phase: string): Promise<void> {
  const state = async () => (await orNull(fork(its).findOneOrFail(Generation, id)))?.state;
  await until(`${phase} is survived`, async () => (await state()) !== 'queued', 30_000);
  const { jobId, error } = await fork(its).findOneOrFail(Generation, id);
  assert.equal(await state(), 'done', `${phase}: ${error}`);
  await until('the job ended', async () => (await fork(its).findOneOrFail(Job, jobId ?? '')).state === 'done', 30_000);
  assert.equal(await fork(its).count(GenerationImage, { generation: id }), 1, phase);
  assert.equal(await fork(its).count(GpuUse, { jobId: jobId ?? '', isRefunded: false }), 1, phase);
}

/** Each epoch and sample once, and each step once in what came out. */
async function assertTrained(its: Studio, id: string, phase: string): Promise<void> {
  const run = () => fork(its).findOneOrFail(TrainingRun, id);
  await until(`${phase} is survived`, async () => (await orNull(run()))?.finishedAt != null, 30_000);
  const { state, error, jobId } = await run();
  assert.equal(state, 'done', `${phase}: ${error}`);
  await until('the job ended', async () => (await fork(its).findOneOrFail(Job, jobId ?? '')).state === 'done', 30_000);
  const epochs = await fork(its).find(TrainingEpoch, { run: id }, { orderBy: { number: 1 } });
  assert.deepEqual(
    epochs.map(({ step }) => step),
    [6, 12],
    phase,
  );
  assert.equal(await fork(its).count(TrainingSample, { run: id }), 2, phase);
  assert.deepEqual(
    await stepsThatMade(its.node, id),
    Array.from({ length: 12 }, (_, n) => n + 1),
    phase,
  );
  assert.equal(await fork(its).count(GpuUse, { jobId: jobId ?? '', isRefunded: false }), 1, phase);
}

const GENERATING = ['load', 'denoise', 'save'];

/** A server that a node leans on, for one test. */
interface Away {
  readonly env: Readonly<Record<string, string>>;
  /** Kills it, and starts it again after a while. */
  away(): Promise<void>;
  /** Holds whoever writes into a table until the server is away. Resolves with the question whether somebody is held. */
  lock?(table: string): Promise<() => Promise<boolean>>;
}

let postgresql: PrivatePostgresql;

/** What is killed, where it may write something twice, and in which phases of a training. */
const SERVERS: readonly {
  readonly name: string;
  readonly skip: string | false;
  readonly open: (t: TestContext) => Promise<Away>;
  readonly training: readonly string[];
  readonly tables: { readonly generation: readonly string[]; readonly training: readonly string[] };
}[] = [
  {
    name: 'PostgreSQL that is killed and comes back',
    skip: noPostgresqlServer,
    async open() {
      const database = await postgresql.newDatabase();
      return {
        env: { DATABASE_URL: database.href },
        lock: (table) => postgresql.lock(database, table),
        async away() {
          await postgresql.kill();
          await pause(AWAY_MS);
          await postgresql.restart();
        },
      };
    },
    training: ['load', 'cache_latents', 'train'],
    tables: {
      generation: ['gpu_use', 'generation_image'],
      training: ['training_epoch', 'training_sample', 'gpu_use'],
    },
  },
  {
    name: 'Redis that is killed and comes back empty',
    skip: noRedisServer,
    async open(t) {
      const { url, kill, restart } = await privateRedis(t);
      return {
        env: { REDIS_URL: url.href },
        async away() {
          await kill();
          await pause(AWAY_MS);
          await restart();
        },
      };
    },
    training: ['load', 'cache_latents', 'train', 'sample', 'save'],
    // it holds no rows
    tables: { generation: [], training: [] },
  },
];

const openStudio = async (t: TestContext, env: Away['env'], more: object = {}) =>
  studio(t, { python: await fakePython(t, '--cuda'), limits: LIMITS, env, ...more });

for (const { name, skip, open, training, tables } of SERVERS) {
  describe(name, { skip }, () => {
    if (tables.generation.length > 0) {
      before(async () => {
        postgresql = await startPostgresql();
      });
      after(() => postgresql.end());
    }

    test('costs no generation, in whatever phase it is, and makes none twice', async (t) => {
      const { env, away, lock } = await open(t);
      const its = await openStudio(t, env);

      await pauseLane(fork(its), 'gpu', new Date());
      const waiting = await requested(its, 'fine');
      await away();
      await pauseLane(fork(its), 'gpu', null);
      await assertMade(its, waiting, 'queued');

      for (const phase of GENERATING) {
        const id = await requested(its, `slow in ${phase}`);
        const { jobId } = await fork(its).findOneOrFail(Generation, id);
        await until(phase, async () => (await noteOf(its, jobId)).startsWith(phase));
        await away();
        await assertMade(its, id, phase);
      }
      for (const table of tables.generation) {
        const isWaitedFor = await lock?.(table);
        assert.ok(isWaitedFor);
        const id = await requested(its, 'fine');
        await until(`it writes into ${table}`, isWaitedFor);
        await away();
        await assertMade(its, id, table);
      }
    });

    test('costs a training nothing that was stored, in whatever phase it is', async (t) => {
      const { env, away, lock } = await open(t);
      const its = await openStudio(t, env);
      for (const phase of training) {
        const { id, jobId } = await train(its, `slow in ${phase}`);
        await until(phase, async () => (await noteOf(its, jobId)).startsWith(phase));
        await away();
        await assertTrained(its, id, phase);
      }
      for (const table of tables.training) {
        const isWaitedFor = await lock?.(table);
        assert.ok(isWaitedFor);
        const { id } = await train(its, 'fine');
        await until(`it writes into ${table}`, isWaitedFor);
        await away();
        await assertTrained(its, id, table);
      }
    });

    if (tables.training.length === 0) return;
    test('for longer than anybody waits, costs a training the steps since its last state', async (t) => {
      const { env } = await open(t);
      const its = await openStudio(t, env, { queueTimes: { leaseMs: 1_500, renewEveryMs: 300 } });
      const { id } = await train(its, 'fine | step_s=0.3');
      await until('a state is stored', async () => (await fork(its).findOneOrFail(TrainingRun, id)).stateStep === 4);
      await postgresql.kill();
      await pause(3_000);
      await postgresql.restart();
      await assertTrained(its, id, 'away');
    });
  });
}
