import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from '../../src/compute/training/model.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { noPostgresqlServer, type PrivatePostgresql, startPostgresql } from '../kit/private-postgresql.ts';
import { noRedisServer, privateRedis } from '../kit/private-redis.ts';
import { pause, until } from '../kit/queue-setup.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from './studio.ts';
import { givenTraining, stepsThatMade } from './trainings.ts';

const LIMITS = { ...SHORT, loadMs: 15_000, encodeMs: 15_000, decodeMs: 15_000, stepMs: 15_000 };
/** For so long the server is away, and for longer than anybody waits. */
const AWAY_MS = 400;
const LEASE = { leaseMs: 6_000, renewEveryMs: 300 };
const LONG_AWAY_MS = 8_000;

/** A node with two engines, so that one death of a server meets a generation and a training. */
interface Its extends Studio {
  /** Where the engines say that they hold their jobs. */
  readonly signs: string;
}

const fork = ({ node }: Studio) => node.orm.em.fork();
const orNull = <T>(asked: Promise<T>): Promise<T | null> => asked.catch(() => null);

async function generate(its: Its, prompt: string): Promise<string> {
  const { location, status, text } = await its.browser.post('/generate', formOf(its.checkpoint, { prompt }));
  assert.equal(status, 302, text);
  return location.split('/').at(-1) ?? '';
}

const train = async (its: Its, what: string): Promise<string> =>
  (await givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), { steps: 12, what })).id;

async function assertBooked(its: Its, jobId: string | null | undefined, when: string): Promise<void> {
  const state = async () => (await fork(its).findOneOrFail(Job, jobId ?? '')).state;
  await until(`the job ended, ${when}`, async () => (await state()) === 'done', 30_000);
  assert.equal(await fork(its).count(GpuUse, { jobId: jobId ?? '', isRefunded: false }), 1, when);
}

/** One result, booked once, whatever happened on the way. */
async function assertMade(its: Its, id: string, when: string): Promise<void> {
  const made = () => fork(its).findOneOrFail(Generation, id);
  await until(`a picture, ${when}`, async () => ((await orNull(made()))?.state ?? 'queued') !== 'queued', 30_000);
  const { state, error, jobId } = await made();
  assert.equal(state, 'done', `${when}: ${error}`);
  assert.equal(await fork(its).count(GenerationImage, { generation: id }), 1, when);
  await assertBooked(its, jobId, when);
}

/** Each epoch and sample once, and each step once in what came out. */
async function assertTrained(its: Its, id: string, when: string): Promise<void> {
  const run = () => fork(its).findOneOrFail(TrainingRun, id);
  await until(`a LoRA, ${when}`, async () => (await orNull(run()))?.finishedAt != null, 30_000);
  const { state, error, jobId } = await run();
  assert.equal(state, 'done', `${when}: ${error}`);
  const epochs = await fork(its).find(TrainingEpoch, { run: id }, { orderBy: { number: 1 } });
  assert.deepEqual(
    [epochs.map(({ step }) => step), await fork(its).count(TrainingSample, { run: id })],
    [[6, 12], 2],
    when,
  );
  assert.deepEqual(
    await stepsThatMade(its.node, id),
    Array.from({ length: 12 }, (_, n) => n + 1),
    when,
  );
  await assertBooked(its, jobId, when);
}

/** From the claim to the last file: a phase of a generation, and one of a training. */
const PHASES = [
  ['load', 'load'],
  ['encode', 'cache_latents'],
  ['denoise', 'train'],
  ['decode', 'sample'],
  ['save', 'save'],
] as const;

/** Writes of the results, at which the server dies. */
const TABLES = ['gpu_use', 'generation_image', 'training_epoch', 'training_sample'] as const;

/** A server that a node leans on, for one test. */
interface Server {
  readonly env: Readonly<Record<string, string>>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Holds whoever writes into a table until the server is away. Resolves with the question whether somebody is held. */
  lock?(table: string): Promise<() => Promise<boolean>>;
}

async function open(t: TestContext, env: Server['env']): Promise<Its> {
  const signs = await temporaryFolder(t);
  const python = await fakePython(t, '--cuda', `--signs=${signs}`);
  return {
    ...(await studio(t, { python, limits: LIMITS, queueTimes: LEASE, env: { ENGINE_DEVICES: '0,1', ...env } })),
    signs,
  };
}

/** Both wait in the queue, whose lane is paused, while the server dies. */
async function inTheQueue(its: Its, { kill, restart }: Server): Promise<void> {
  await pauseLane(fork(its), 'gpu', new Date());
  const [generation, training] = [await generate(its, 'fine'), await train(its, 'fine')];
  await kill();
  await restart();
  await pauseLane(fork(its), 'gpu', null);
  await assertMade(its, generation, 'queued');
  await assertTrained(its, training, 'queued');
}

/** Both engines are in their phase when the server dies, and go on while it is away. */
async function inPhase(
  its: Its,
  { kill, restart }: Server,
  [ofGeneration, ofTraining]: (typeof PHASES)[number],
): Promise<void> {
  const [generation, training] = [
    await generate(its, `hold in ${ofGeneration}`),
    await train(its, `hold in ${ofTraining}`),
  ];
  const held = async () => (await readdir(its.signs)).length;
  await until(`held in ${ofGeneration} and ${ofTraining}`, async () => (await held()) === 2);
  await kill();
  await writeFile(join(its.signs, 'go'), '');
  await pause(AWAY_MS);
  await restart();
  await assertMade(its, generation, ofGeneration);
  await assertTrained(its, training, ofTraining);
  for (const name of await readdir(its.signs)) await rm(join(its.signs, name));
}

/** The server dies while the results are written. */
async function inWrite(its: Its, { kill, restart, lock }: Server, table: string): Promise<void> {
  const isWaitedFor = await lock?.(table);
  if (!isWaitedFor) return;
  const [generation, training] = [await generate(its, 'fine'), await train(its, 'fine')];
  await until(`it writes into ${table}`, isWaitedFor);
  await kill();
  await pause(AWAY_MS);
  await restart();
  await assertMade(its, generation, table);
  await assertTrained(its, training, table);
}

async function everywhere(its: Its, server: Server): Promise<void> {
  await inTheQueue(its, server);
  for (const phases of PHASES) await inPhase(its, server, phases);
  for (const table of server.lock ? TABLES : []) await inWrite(its, server, table);
}

describe('PostgreSQL that is killed and comes back', { skip: noPostgresqlServer }, () => {
  let postgresql: PrivatePostgresql;
  before(async () => {
    postgresql = await startPostgresql();
  });
  after(() => postgresql.end());

  test('costs neither a generation nor a training anything in whatever phase they are, and makes nothing twice', async (t) => {
    const { kill, restart, newDatabase, lock } = postgresql;
    const database = await newDatabase();
    const server = {
      env: { DATABASE_URL: database.href },
      kill,
      restart,
      lock: (table: string) => lock(database, table),
    };
    const its = await open(t, server.env);
    await everywhere(its, server);

    // away for longer than a lease: the steps since the last state are made anew
    const id = await train(its, 'fine | step_s=0.3');
    await until('a state is stored', async () => (await fork(its).findOneOrFail(TrainingRun, id)).stateStep === 4);
    await kill();
    await pause(LONG_AWAY_MS);
    await restart();
    await assertTrained(its, id, 'away');
  });
});

describe('Redis that is killed and comes back empty', { skip: noRedisServer }, () => {
  test('costs neither a generation nor a training anything in whatever phase they are, and makes nothing twice', async (t) => {
    const { url, kill, restart } = await privateRedis(t);
    const env = { REDIS_URL: url.href };
    await everywhere(await open(t, env), { env, kill, restart });
  });
});
