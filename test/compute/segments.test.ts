import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation } from '../../src/compute/model.ts';
import { stopTraining } from '../../src/compute/training/keep.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from '../../src/compute/training/model.ts';
import type { SegmentTimes } from '../../src/compute/training/segment.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from './studio.ts';
import { type FakeTraining, givenTraining, stepsThatMade } from './trainings.ts';

interface Training extends Studio {
  train(fake: FakeTraining): Promise<TrainingRun>;
  run(id: string): Promise<TrainingRun>;
  /** The steps that made the LoRA of the last epoch. */
  madeBy(id: string): Promise<number[]>;
}

async function trainingStudio(t: TestContext, times: Partial<SegmentTimes> = {}): Promise<Training> {
  const its = await studio(t, {
    python: await fakePython(t, '--cuda'),
    limits: { ...SHORT, pauseMs: 2_000 },
    training: { times: { quantumMs: 60_000, mostMs: 60_000, lookEveryMs: 20, ...times } },
  });
  return {
    ...its,
    train: (fake) => givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), fake),
    run: (id) => its.node.orm.em.fork().findOneOrFail(TrainingRun, id),
    madeBy: (id) => stepsThatMade(its.node, id),
  };
}

const upTo = (steps: number) => Array.from({ length: steps }, (_, n) => n + 1);
const ended = (its: Training, id: string) =>
  until('the training ended', async () => (await its.run(id)).finishedAt !== null, 30_000);

test('a training is made in segments, of which each goes on where the one before ended', async (t) => {
  const its = await trainingStudio(t, { mostMs: 250 });
  const { id } = await its.train({ steps: 40, epochs: 4, what: 'fine | step_s=0.02' });
  await ended(its, id);
  const run = await its.run(id);
  assert.deepEqual([run.state, run.step, run.error, run.stateSha256], ['done', 40, null, null]);
  assert.ok(run.segment >= 2, String(run.segment));
  assert.deepEqual(await its.madeBy(id), upTo(40));
  const em = its.node.orm.em.fork();
  assert.equal(await em.count(TrainingEpoch, { run: id }), 4);
  assert.equal(await em.count(TrainingSample, { run: id }), 4);
  assert.equal(await em.count(Job, { name: 'compute.train-segment', state: 'done' }), run.segment);
  assert.equal(await em.count(GpuUse, { kind: 'training', isRefunded: false }), run.segment);
});

test('a training makes room for generation after its quantum, and comes back to its end', async (t) => {
  const its = await trainingStudio(t, { quantumMs: 200 });
  const { id } = await its.train({ steps: 120, what: 'fine | step_s=0.02' });
  await until('it trains', async () => (await its.run(id)).stateStep > 0);
  const sent = await its.browser.post('/generate', formOf(its.checkpoint, { prompt: 'fine' }));
  const em = () => its.node.orm.em.fork();
  const generationId = sent.location.split('/').at(-1) ?? '';
  await until('the picture is made', async () => (await em().findOneOrFail(Generation, generationId)).state === 'done');
  assert.equal((await its.run(id)).state, 'running', 'the training had ended before');
  await ended(its, id);
  assert.deepEqual(await its.madeBy(id), upTo(120));
  assert.ok((await its.run(id)).segment >= 2);
});

test('a training that nobody waits for is not interrupted', async (t) => {
  const its = await trainingStudio(t, { quantumMs: 50 });
  const { id } = await its.train({ steps: 40, what: 'fine | step_s=0.02' });
  await ended(its, id);
  assert.equal((await its.run(id)).segment, 1);
});

test('an engine that is killed in the middle costs the steps since the last state, and nothing is made twice', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 20, epochs: 4, what: 'kill at 14 | state_every=4' });
  await ended(its, id);
  assert.equal((await its.run(id)).state, 'done');
  assert.deepEqual(await its.madeBy(id), upTo(20));
  const outputs = await its.node.orm.em.fork().find(TrainingEpoch, { run: id });
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
    const em = its.node.orm.em.fork();
    assert.equal(await em.count(TrainingEpoch, { run: id }), 2);
    assert.equal(await em.count(TrainingSample, { run: id }), 2);
  });
}

test('a training that takes the engine with it twice without getting on is given up, and its owner is told', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 12, what: 'crash in cache_latents' });
  await ended(its, id);
  const run = await its.run(id);
  assert.equal(run.state, 'failed');
  assert.match(run.error ?? '', /crashed on this training twice/);
});

test('a training that is stopped ends within a step, and keeps the epochs that it has', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 400, epochs: 40, what: 'fine | step_s=0.02' });
  const em = () => its.node.orm.em.fork();
  await until('an epoch is there', async () => (await em().count(TrainingEpoch, { run: id })) > 0);
  await stopTraining(its.workAs(its.ada), id);
  const { jobId } = await its.run(id);
  await until('the job ended', async () => (await em().findOneOrFail(Job, jobId ?? '')).state === 'cancelled');
  assert.equal((await its.run(id)).state, 'stopped');
  assert.ok((await em().count(TrainingEpoch, { run: id })) >= 1);
  assert.equal(await em().count(Job, { lane: 'gpu', state: ['queued', 'running'] }), 0);
});

test('when the owner pauses the queue a training gives way at once, and goes on afterwards', async (t) => {
  const its = await trainingStudio(t);
  const { id } = await its.train({ steps: 100, what: 'fine | step_s=0.02' });
  await until('it trains', async () => (await its.run(id)).stateStep > 0);
  await pauseLane(its.node.orm.em.fork(), 'gpu', new Date());
  const em = () => its.node.orm.em.fork();
  await until('it waits', async () => (await em().count(Job, { lane: 'gpu', state: 'queued' })) === 1);
  await until('nothing runs', async () => (await em().count(Job, { lane: 'gpu', state: 'running' })) === 0);
  await pauseLane(its.node.orm.em.fork(), 'gpu', null);
  await ended(its, id);
  assert.deepEqual(await its.madeBy(id), upTo(100));
});

test('a training whose pictures are gone is ended with that reason', async (t) => {
  const its = await trainingStudio(t);
  await pauseLane(its.node.orm.em.fork(), 'gpu', new Date());
  const { id, manifest } = await its.train({ steps: 10 });
  await its.node.files.remove(manifest.items[0]?.sha256 ?? '');
  await pauseLane(its.node.orm.em.fork(), 'gpu', null);
  await ended(its, id);
  const { state, error } = await its.run(id);
  assert.deepEqual([state, error], ['failed', 'Some of the pictures of this run were deleted.']);
});

test('an account has only so many trainings open', async (t) => {
  const its = await trainingStudio(t);
  await pauseLane(its.node.orm.em.fork(), 'gpu', new Date());
  for (let n = 0; n < 3; n += 1) await its.train({ steps: 10 });
  await assert.rejects(its.train({ steps: 10 }), /You have 3 requests waiting/);
});
