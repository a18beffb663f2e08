import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { RunnerOrder } from '../../src/compute/runners/model.ts';
import { actOnRunner } from '../../src/compute/runners/owner.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from '../../src/compute/training/model.ts';
import type { SegmentTimes } from '../../src/compute/training/segment.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { until } from '../kit/queue-setup.ts';
import { dialIn, givenRunner } from './runners.ts';
import { fakePython, formOf, readEvents, SHORT, type Studio, studio } from './studio.ts';
import { givenTraining, stepsThatMade } from './trainings.ts';

/** A node without an engine of its own. */
async function bareStudio(t: TestContext, times: Partial<SegmentTimes> = {}): Promise<Studio & { python: string }> {
  const python = await fakePython(t, '--cuda');
  const its = await studio(t, {
    ...{ python, limits: { ...SHORT, heartbeatMs: 3_000 }, env: { ENGINE: 'none' } },
    training: { times: { quantumMs: 60_000, mostMs: 60_000, lookEveryMs: 20, ...times } },
  });
  return { ...its, python };
}

const place = (its: Studio) =>
  until('the node knows the runner', async () => (await its.node.generator.status(its)).state === 'ready');

async function send(its: Studio, prompt: string, more: Record<string, string> = {}): Promise<string> {
  const { location } = await its.browser.post('/generate', formOf(its.checkpoint, { prompt, ...more }));
  return location;
}

const idOf = (location: string) => location.split('/').at(-1) ?? '';
const generation = (its: Studio, location: string) => its.node.orm.em.fork().findOneOrFail(Generation, idOf(location));
const done = (its: Studio, location: string) =>
  until('it is done', async () => (await generation(its, location)).state === 'done', 20_000);

test('a generation is made on a runner: its pictures, its progress and its books are as of an engine here', async (t) => {
  const its = await bareStudio(t);
  assert.equal((await its.node.generator.status(its)).state, 'off');
  const { token } = await givenRunner(its);
  await dialIn(t, { address: its.address, token, python: its.python });
  await place(its);
  const location = await send(its, 'slow', { count: '1' });
  const events = await readEvents(its.browser, `${location}/events`);
  assert.ok(
    events.some(({ data }) => /^Step \d of 4/.test(String(data.note))),
    JSON.stringify(events).slice(0, 600),
  );
  const em = its.node.orm.em.fork();
  const images = await em.find(GenerationImage, { generation: idOf(location) });
  assert.deepEqual(
    images.map(({ width, height, position }) => [width, height, position]),
    [[32, 32, 0]],
  );
  assert.ok(await its.node.files.has(images[0]?.sha256 ?? ''));
  const [use] = await em.find(GpuUse, {});
  assert.deepEqual([use?.engineId, use?.isRefunded], ['runner attic/engine', false]);
  assert.equal(await em.count(RunnerOrder, {}), 0);
});

test('a training runs on a runner in segments, and each epoch and sample comes back', async (t) => {
  const its = await bareStudio(t, { mostMs: 800 });
  const { token } = await givenRunner(its);
  await dialIn(t, { address: its.address, token, python: its.python });
  await place(its);
  const run = await givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), {
    ...{ steps: 40, epochs: 4, what: 'fine | step_s=0.05' },
  });
  const now = () => its.node.orm.em.fork().findOneOrFail(TrainingRun, run.id);
  await until('it ended', async () => (await now()).finishedAt !== null, 60_000);
  const ended = await now();
  assert.deepEqual([ended.state, ended.step, ended.error], ['done', 40, null]);
  assert.ok(ended.segment >= 2, `${ended.segment} segments`);
  const steps = Array.from({ length: 40 }, (_, n) => n + 1);
  assert.deepEqual(await stepsThatMade(its.node, run.id), steps, 'no step was lost or made twice');
  const em = its.node.orm.em.fork();
  assert.equal(await em.count(TrainingEpoch, { run: run.id }), 4);
  assert.equal(await em.count(TrainingSample, { run: run.id }), 4);
  assert.equal(await em.count(GpuUse, { kind: 'training', isRefunded: false }), ended.segment);
});

test('a cancelled generation stops on the runner, which takes the next', async (t) => {
  const its = await bareStudio(t);
  const { token } = await givenRunner(its);
  await dialIn(t, { address: its.address, token, python: its.python });
  await place(its);
  const location = await send(its, 'slow-cancel');
  await readEvents(its.browser, `${location}/events`, ({ data }) => /^Step 1/.test(String(data.note)));
  await its.browser.post(`${location}/cancellation`);
  const em = () => its.node.orm.em.fork();
  await until('the job is cancelled', async () => (await em().count(Job, { lane: 'gpu', state: 'cancelled' })) === 1);
  const next = await send(its, 'fine');
  await done(its, next);
  assert.equal(await em().count(GenerationImage, { generation: idOf(location) }), 0);
});

test('pictures of another size than announced are refused, and nothing of them is kept', async (t) => {
  const its = await bareStudio(t);
  const { token } = await givenRunner(its);
  await dialIn(t, { address: its.address, token, python: its.python });
  await place(its);
  const location = await send(its, 'lies');
  await until('it failed', async () => (await generation(its, location)).state === 'failed', 30_000);
  const em = its.node.orm.em.fork();
  assert.equal(await em.count(GenerationImage, {}), 0);
  const uses = await em.find(GpuUse, {});
  assert.ok(uses.length > 0 && uses.every(({ isRefunded }) => isRefunded));
});

test('a runner that is drained takes no more, ends what it does, and works again when it may', async (t) => {
  const its = await bareStudio(t);
  const { id, token } = await givenRunner(its);
  await dialIn(t, { address: its.address, token, python: its.python });
  await place(its);
  const running = await send(its, 'slow');
  await readEvents(its.browser, `${running}/events`, ({ data }) => /^Step 1/.test(String(data.note)));
  await actOnRunner(its.workAs(null), { runner: id, act: 'drain' });
  await until('it has no place', () => its.node.engines.places().usable() === 0);
  await done(its, running);
  const waiting = await send(its, 'fine');
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(await its.node.orm.em.fork().count(Job, { lane: 'gpu', state: 'queued', attempt: 0 }), 1);
  await actOnRunner(its.workAs(null), { runner: id, act: 'undrain' });
  await done(its, waiting);
});

test('a runner that is revoked is refused at once and ends, and its work is done by another', async (t) => {
  const its = await bareStudio(t);
  const first = await givenRunner(its, 'attic');
  const second = await givenRunner(its, 'cellar');
  const attic = await dialIn(t, { address: its.address, token: first.token, python: its.python });
  await place(its);
  const location = await send(its, 'wait in denoise');
  await readEvents(its.browser, `${location}/events`, ({ data }) => /^Step 1/.test(String(data.note)));
  await actOnRunner(its.workAs(null), { runner: first.id, act: 'revoke' });
  const why = await attic.stopped;
  assert.match(why?.message ?? '', /revoked this runner/);
  const again = await dialIn(t, { address: its.address, token: second.token, python: its.python });
  await until(
    'the cellar has it',
    async () => {
      const [order] = await its.node.orm.em.fork().find(RunnerOrder, { runnerId: second.id, state: 'taken' });
      return order !== undefined;
    },
    40_000,
  );
  again.runner.stop();
  await again.stopped;
  assert.equal(await its.node.orm.em.fork().count(GpuUse, { engineId: 'runner attic/engine', isRefunded: true }), 1);
});

test('a runner that stops gives a training back with its state, and the next goes on from there', async (t) => {
  const its = await bareStudio(t);
  const first = await givenRunner(its, 'attic');
  const attic = await dialIn(t, { address: its.address, token: first.token, python: its.python });
  await place(its);
  const run = await givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), {
    ...{ steps: 60, epochs: 2, what: 'fine | step_s=0.04' },
  });
  const now = () => its.node.orm.em.fork().findOneOrFail(TrainingRun, run.id);
  await until('it trains', async () => (await now()).stateStep > 0, 20_000);
  attic.runner.stop();
  assert.equal(await attic.stopped, null);
  const second = await givenRunner(its, 'cellar');
  await dialIn(t, { address: its.address, token: second.token, python: its.python });
  await until('it ended', async () => (await now()).finishedAt !== null, 60_000);
  assert.equal((await now()).state, 'done');
  const steps = Array.from({ length: 60 }, (_, n) => n + 1);
  assert.deepEqual(await stepsThatMade(its.node, run.id), steps);
});
