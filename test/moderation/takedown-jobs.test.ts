import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { ModelVersion } from '../../src/catalogue/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { TrainingEpoch, TrainingRun } from '../../src/compute/training/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { rows, toBoolean, toNumber } from '../../src/kit/database/sql.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { textOf } from '../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, type Studio, studio } from '../compute/studio.ts';
import { givenTraining } from '../compute/trainings.ts';
import { carryOut } from './takedowns.ts';

const fakeStudio = async (t: TestContext, ...args: string[]): Promise<Studio> =>
  studio(t, { python: await fakePython(t, ...args), limits: SHORT });
const idIn = (location: string): string => location.split('/').at(-1) ?? '';
const WITHHELD = /A moderation decision forbids what this was to be made with/;

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await wait(50)) if (await isSo()) return;
  assert.fail(`never: ${what}`);
}

const usedSeconds = async ({ em }: Studio): Promise<number> => {
  const [row] = await rows<{ n: unknown }>(
    em.fork(),
    'select coalesce(sum(seconds), 0) as n from gpu_use where not is_refunded',
  );
  return toNumber(row?.n);
};

/** The decision alone, before any step of a worker: what a job that starts at that moment finds. */
const decide = ({ em, clock, checkpoint }: Studio, bits: number) =>
  em
    .fork()
    .transactional((tx) =>
      restrict(tx, { kind: 'version', id: checkpoint.version.id }, 'decision:test', bits, clock.now()),
    );

test('scenario 42: a job that is queued, taken down and then started makes nothing, says why and costs nothing', async (t) => {
  const site = await fakeStudio(t);
  const { browser, checkpoint, em } = site;
  const first = await browser.post('/generate', formOf(checkpoint, { prompt: 'stall' }));
  const second = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  await decide(site, RESTRICTION.generate);
  await browser.post(`${first.location}/cancellation`);
  await readEvents(browser, `${second.location}/events`);

  const generation = await em.fork().findOneOrFail(Generation, idIn(second.location));
  assert.equal(generation.state, 'cancelled');
  assert.match(textOf((await browser.get(second.location)).text), WITHHELD);
  assert.equal(await em.fork().count(GenerationImage), 0);
  const used = await rows<{ job_id: string }>(em.fork(), 'select job_id from gpu_use where not is_refunded');
  assert.ok(!used.some(({ job_id: jobId }) => jobId === generation.jobId));
  const refused = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  assert.equal(refused.status, 422);
});

test('the worker of a takedown ends what waits and what runs, at no cost', async (t) => {
  const site = await fakeStudio(t);
  const { browser, checkpoint, em } = site;
  const running = await browser.post('/generate', formOf(checkpoint, { prompt: 'stall' }));
  const waiting = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  await until(
    'it runs',
    async () => (await em.fork().count(Job, { name: 'compute.generate', state: 'running' })) === 1,
  );

  await carryOut(site, { target: { kind: 'version', id: checkpoint.version.id }, outcome: 'remove' });

  for (const { location } of [running, waiting]) {
    const { state, error } = await em.fork().findOneOrFail(Generation, idIn(location));
    assert.deepEqual([state, WITHHELD.test(error ?? '')], ['cancelled', true]);
  }
  assert.equal(await em.fork().count(GenerationImage), 0);
  assert.equal(await usedSeconds(site), 0);
});

test('a decision while it samples stops it within seconds, though no worker told it', async (t) => {
  const site = await fakeStudio(t);
  const { browser, checkpoint, em } = site;
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'slow', steps: '100' }));
  const id = idIn(sent.location);
  await until(
    'it runs',
    async () => (await em.fork().count(Job, { state: 'running', progressDone: { $gt: 0 } })) === 1,
  );
  await decide(site, RESTRICTION.view | RESTRICTION.list);
  await until('it ended', async () => (await em.fork().findOneOrFail(Generation, id)).state !== 'queued');

  assert.equal((await em.fork().findOneOrFail(Generation, id)).state, 'cancelled');
  assert.equal(await em.fork().count(GenerationImage), 0);
  await until('it is booked', async () => {
    const [row] = await rows<{ is_refunded: unknown }>(em.fork(), 'select is_refunded from gpu_use');
    return row !== undefined && toBoolean(row.is_refunded);
  });
});

test('what changes nothing for the job lets it go on', async (t) => {
  const site = await fakeStudio(t);
  const { browser, checkpoint, em } = site;
  const first = await browser.post('/generate', formOf(checkpoint, { prompt: 'stall' }));
  const second = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  await decide(site, RESTRICTION.train | RESTRICTION.commercial);
  await browser.post(`${first.location}/cancellation`);
  await readEvents(browser, `${second.location}/events`);
  assert.equal((await em.fork().findOneOrFail(Generation, idIn(second.location))).state, 'done');
});

test('scenario 44: after a takedown between the output and the post, the post is refused', async (t) => {
  const site = await fakeStudio(t);
  const { browser, checkpoint, em } = site;
  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'fine' }));
  await readEvents(browser, `${sent.location}/events`);
  const image = await em.fork().findOneOrFail(GenerationImage, { generation: idIn(sent.location) });
  assert.equal((await browser.get(`/generate/images/${image.id}`)).status, 200);

  const { model } = await em.fork().findOneOrFail(ModelVersion, checkpoint.version.id);
  const target = { kind: 'model', id: model.id } as const;
  const takedown = await carryOut(site, { target, outcome: 'remove', category: 'ncii' });
  const refused = await browser.post(`${sent.location}/post`, { rating: '1' });

  assert.equal(refused.status, 451);
  assert.equal(await em.fork().count(Post), 0);
  // outputs of what shows a person are hidden until somebody looked
  assert.equal((await browser.get(`/generate/images/${image.id}`)).status, 451);
  await carryOut(site, { target, outcome: 'undo', parameters: { undoes: takedown } });
  assert.equal((await browser.get(`/generate/images/${image.id}`)).status, 200);
  assert.equal((await browser.post(`${sent.location}/post`, { rating: '1' })).status, 302);
});

test('a training whose base is taken down ends, keeps nothing and costs nothing', async (t) => {
  const site = await fakeStudio(t, '--cuda');
  const { checkpoint, em, node, workAs, ada } = site;
  const run = await givenTraining(node, workAs(ada), String(checkpoint.id), {
    ...{ steps: 400, epochs: 40, what: 'fine | step_s=0.02' },
  });
  await until('an epoch is there', async () => (await em.fork().count(TrainingEpoch, { run: run.id })) > 0);

  await carryOut(site, { target: { kind: 'version', id: checkpoint.version.id }, outcome: 'remove' });

  const ended = await em.fork().findOneOrFail(TrainingRun, run.id);
  assert.deepEqual([ended.state, WITHHELD.test(ended.error ?? '')], ['cancelled', true]);
  assert.equal(await em.fork().count(TrainingEpoch, { run: run.id }), 0);
  assert.equal(await usedSeconds(site), 0);
});
