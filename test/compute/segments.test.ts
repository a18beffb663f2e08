import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation } from '../../src/compute/model.ts';
import { TrainingOutput, TrainingRun } from '../../src/compute/training/model.ts';
import type { SegmentTimes } from '../../src/compute/training/segment.ts';
import { AppError } from '../../src/kit/errors.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from './studio.ts';

interface Fake {
  readonly steps: number;
  readonly epochs?: number;
  readonly step_s?: number;
  readonly state_every?: number;
  readonly what?: string;
}

interface Training extends Studio {
  train(fake: Fake): Promise<TrainingRun>;
  run(id: string): Promise<TrainingRun>;
  /** The steps that made the LoRA of the last epoch. */
  madeBy(id: string): Promise<number[]>;
}

async function trainingStudio(t: TestContext, times: Partial<SegmentTimes> = {}): Promise<Training> {
  const its = await studio(t, {
    python: await fakePython(t, '--cuda'),
    limits: { ...SHORT, pauseMs: 2_000 },
    training: {
      times: { quantumMs: 60_000, mostMs: 60_000, lookEveryMs: 20, ...times },
      findMaterial: async (_work, run) => {
        if (run.params.what === 'gone') throw new AppError('gone', 'The pictures of this training are gone.');
        return { params: run.params, files: [], sources: [{ sha256: run.baseSha256, path: null }] };
      },
    },
  });
  const em = () => its.node.orm.em.fork();
  return {
    ...its,
    train: (fake) =>
      its.node.trainer.start(its.workAs(its.ada), viewerOf(its.ada), {
        ...{
          name: 'My style',
          family: 'fake',
          resolution: 32,
          epochs: fake.epochs ?? 2,
          totalSteps: fake.steps,
          batch: 1,
        },
        params: { ...fake },
        baseSha256: its.checkpoint.sha256,
      }),
    run: (id) => em().findOneOrFail(TrainingRun, id),
    madeBy: async (id) => {
      const loras = await em().find(TrainingOutput, { run: id, kind: 'lora' }, { orderBy: { epoch: 1 } });
      return JSON.parse(await text(its.node.files.open(loras.at(-1)?.sha256 ?? '')));
    },
  };
}

const upTo = (steps: number) => Array.from({ length: steps }, (_, n) => n + 1);
const ended = (its: Training, id: string) =>
  until('the training ended', async () => (await its.run(id)).finishedAt !== null, 30_000);

test('a training is made in segments, of which each goes on where the one before ended', async (t) => {
  const its = await trainingStudio(t, { mostMs: 250 });
  const { id } = await its.train({ steps: 40, epochs: 4, step_s: 0.02 });
  await ended(its, id);
  const run = await its.run(id);
  assert.deepEqual([run.state, run.step, run.error, run.lastStateSha256], ['done', 40, null, null]);
  assert.ok(run.segment >= 2, String(run.segment));
  assert.deepEqual(await its.madeBy(id), upTo(40));
  const em = its.node.orm.em.fork();
  const outputs = await em.find(TrainingOutput, { run: id });
  assert.equal(outputs.filter(({ kind }) => kind === 'lora').length, 4);
  assert.equal(outputs.filter(({ kind }) => kind === 'sample').length, 4);
  assert.equal(await em.count(Job, { name: 'compute.train-segment', state: 'done' }), run.segment + 1);
  assert.equal(await em.count(GpuUse, { kind: 'training', isRefunded: false }), run.segment + 1);
});

test('a training makes room for generation after its quantum, and comes back to its end', async (t) => {
  const its = await trainingStudio(t, { quantumMs: 200 });
  const { id } = await its.train({ steps: 120, step_s: 0.02 });
  await until('it trains', async () => (await its.run(id)).step > 0);
  const sent = await its.browser.post('/generate', formOf(its.checkpoint, { prompt: 'fine' }));
  const em = () => its.node.orm.em.fork();
  const generationId = sent.location.split('/').at(-1) ?? '';
  await until('the picture is made', async () => (await em().findOneOrFail(Generation, generationId)).state === 'done');
  assert.equal((await its.run(id)).state, 'running', 'the training had ended before');
  await ended(its, id);
  assert.deepEqual(await its.madeBy(id), upTo(120));
  assert.ok((await its.run(id)).segment >= 1);
});

test('a training that nobody waits for is not interrupted', async (t) => {
  const its = await trainingStudio(t, { quantumMs: 50 });
  const { id } = await its.train({ steps: 40, step_s: 0.02 });
  await ended(its, id);
  assert.equal((await its.run(id)).segment, 0);
});

test('an engine that is killed in the middle costs the steps since the last state, and nothing is made twice', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 20, epochs: 4, what: 'kill at 14', state_every: 4 });
  await ended(its, id);
  assert.equal((await its.run(id)).state, 'done');
  assert.deepEqual(await its.madeBy(id), upTo(20));
  const outputs = await its.node.orm.em.fork().find(TrainingOutput, { run: id, kind: 'lora' });
  assert.deepEqual(
    outputs.map(({ step }) => step).sort((a, b) => a - b),
    [5, 10, 15, 20],
  );
  const uses = await its.node.orm.em.fork().find(GpuUse, {}, { orderBy: { endedAt: 1 } });
  assert.deepEqual(
    uses.map(({ isRefunded }) => isRefunded),
    [true, false],
  );
});

for (const phase of ['load', 'cache_latents', 'train', 'sample', 'save']) {
  test(`an engine that is killed in the phase ${phase} of a training leaves one result`, async (t) => {
    const its = await trainingStudio(t);
    const { id } = await its.train({ steps: 12, epochs: 2, what: `kill in ${phase}` });
    await ended(its, id);
    assert.equal((await its.run(id)).state, 'done');
    assert.deepEqual(await its.madeBy(id), upTo(12));
    assert.equal(await its.node.orm.em.fork().count(TrainingOutput, { run: id }), 4);
  });
}

test('a training that takes the engine with it twice without getting on is given up, and its owner is told', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 12, what: 'crash in cache_latents' });
  await ended(its, id);
  const run = await its.run(id);
  assert.equal(run.state, 'failed');
  assert.match(run.error ?? '', /crashed on this request twice/);
});

test('a training that is cancelled stops within a step, and keeps the epochs that it has', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 400, epochs: 40, step_s: 0.02 });
  const em = () => its.node.orm.em.fork();
  await until('an epoch is there', async () => (await em().count(TrainingOutput, { run: id, kind: 'lora' })) > 0);
  await its.node.trainer.cancel(its.workAs(its.ada), viewerOf(its.ada), id);
  const { jobId } = await its.run(id);
  await until('the job ended', async () => (await em().findOneOrFail(Job, jobId ?? '')).state === 'cancelled');
  assert.equal((await its.run(id)).state, 'cancelled');
  assert.ok((await em().count(TrainingOutput, { run: id, kind: 'lora' })) >= 1);
  assert.equal(await em().count(Job, { lane: 'gpu', state: ['queued', 'running'] }), 0);
});

test('when the owner pauses the queue a training gives way at once, and goes on afterwards', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 100, step_s: 0.02 });
  await until('it trains', async () => (await its.run(id)).step > 0);
  await pauseLane(its.node.orm.em.fork(), 'gpu', new Date());
  const em = () => its.node.orm.em.fork();
  await until('it waits', async () => (await em().count(Job, { lane: 'gpu', state: 'queued' })) === 1);
  assert.equal(await em().count(Job, { lane: 'gpu', state: 'running' }), 0);
  await pauseLane(its.node.orm.em.fork(), 'gpu', null);
  await ended(its, id);
  assert.deepEqual(await its.madeBy(id), upTo(100));
});

test('a training whose pictures are gone is ended with that reason', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 10, what: 'gone' });
  await ended(its, id);
  assert.deepEqual(
    [(await its.run(id)).state, (await its.run(id)).error],
    ['failed', 'The pictures of this training are gone.'],
  );
});

test('an account has only so many trainings open', async (t) => {
  const its = await trainingStudio(t);
  await pauseLane(its.node.orm.em.fork(), 'gpu', new Date());
  for (let n = 0; n < 3; n += 1) await its.train({ steps: 10 });
  await assert.rejects(its.train({ steps: 10 }), /You have 3 requests waiting/);
});
