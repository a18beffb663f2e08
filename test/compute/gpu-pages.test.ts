import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { stackedBars } from '../../src/compute/gpu/chart.ts';
import { GpuEngine, GpuUse } from '../../src/compute/gpu/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, formOf, SHORT, studio } from './studio.ts';
import { givenTraining } from './trainings.ts';

test('the page of jobs shows place, beginning and progress of what waits, and what is left of the day', async (t) => {
  const its = await studio(t, { python: await fakePython(t, '--cuda'), limits: { ...SHORT, stepMs: 60_000 } });
  const { browser, em, node, ada, workAs } = its;
  const first = await browser.post('/generate', formOf(its.checkpoint, { prompt: 'stall' }));
  await until('it runs', async () => (await em.count(Job, { state: 'running' })) === 1);
  for (const prompt of ['second', 'third']) await browser.post('/generate', formOf(its.checkpoint, { prompt }));
  await givenTraining(node, workAs(ada), String(its.checkpoint.id), { name: 'Blue tiles', steps: 20 });
  const page = textOf((await browser.get('/jobs')).text);
  assert.match(page, /0 of your 240 GPU minutes of today are used, \d+ are reserved\. They renew in \d+ h/);
  assert.match(page, /third .* Place 2 in the queue · starts in about \d+ (s|min)/);
  assert.match(page, /Blue tiles Training · 2 epochs · 20 steps · 32 px Waiting/);
  await browser.post(`${first.location}/cancellation`);
});

test('a training is cancelled and gone on with from the page of jobs, by its owner only', async (t) => {
  const its = await studio(t, { python: await fakePython(t), limits: SHORT });
  const { browser, node, ada, workAs } = its;
  const run = await givenTraining(node, workAs(ada), String(its.checkpoint.id), {
    name: 'Blue tiles',
    steps: 20,
    what: 'crash in load',
  });
  await until('it failed', async () => /Go on/.test((await browser.get('/jobs')).text));
  await givenMember(its.em, 'bert');
  const bert = new Browser(its.address);
  await bert.signIn('bert');
  for (const act of ['resumption', 'stop']) assert.equal((await bert.post(`/train/${run.id}/${act}`)).status, 404);
  assert.ok(!(await bert.get('/jobs')).text.includes('Blue tiles'));
  assert.equal((await browser.post(`/train/${run.id}/resumption`)).status, 302);
  await until('it failed again', async () => (await its.em.count(Job, { name: 'compute.train-segment' })) === 2);
});

test('the owner sees engines, queue, use and people, pauses and resumes the queue, and sets the quotas', async (t) => {
  const its = await studio(t, { python: await fakePython(t, '--cuda'), limits: SHORT });
  const { em, ada, browser } = its;
  assert.equal((await browser.get('/admin/gpu')).status, 403);
  await givenMember(em, 'olga', { role: 'owner' });
  const owner = new Browser(its.address);
  await owner.signIn('olga');
  em.persist(
    em.create(GpuUse, {
      ...{
        jobId: randomUUID(),
        fence: 1,
        engineId: 'x',
        accountId: ada.id,
        jobClass: 'interactive',
        kind: 'generation',
      },
      ...{ estimatedSeconds: 600, seconds: 720, isRefunded: false, endedAt: new Date() },
    }),
  );
  await em.flush();
  const page = await owner.get('/admin/gpu');
  assert.equal(page.status, 200);
  const text = textOf(page.text);
  assert.match(text, /ada 12 0 0/);
  assert.match(text, /Generation 0 0 0/);
  assert.match(page.text, /<rect class="chart-bar interactive"/);
  assert.ok(!/style=/.test(page.text));

  await owner.post('/admin/gpu/queue', { act: 'pause' });
  assert.match(textOf((await owner.get('/admin/gpu')).text), /The queue is paused/);
  await owner.post('/admin/gpu/queue', { act: 'resume' });
  const [engine] = await em.find(GpuEngine, {});
  assert.ok(engine);
  await owner.post('/admin/gpu/engine', { engine: engine.id, act: 'drain' });
  await until('it takes no more', () => its.node.engines.places().usable() === 0);
  await owner.post('/admin/gpu/engine', { engine: engine.id, act: 'undrain' });
  await until('it works again', () => its.node.engines.places().usable() === 1);

  const values = {
    minutesPerDay: '60',
    openGenerations: '5',
    runningGenerations: '2',
    openTrainings: '3',
    runningTrainings: '1',
  };
  const more = { imagesPerRequest: '4', generationPercent: '60', quantumMinutes: '5' };
  assert.equal((await owner.post('/admin/gpu', { ...values, ...more, minutesPerDay: '0' })).status, 422);
  assert.equal((await owner.post('/admin/gpu', { ...values, ...more })).status, 302);
  assert.match(textOf((await browser.get('/jobs')).text), /12 of your 60 GPU minutes/);
});

test('bars stand on each other and never grow out of their chart', () => {
  const chart = stackedBars(
    [
      { label: 'a', values: { interactive: 30, batch: 30 } },
      { label: 'b', values: { interactive: 0, batch: 500 } },
    ],
    100,
    'in words',
  );
  assert.deepEqual(
    chart.bars.map(({ kind, x, y, height }) => [kind, x, y, height]),
    [
      ['interactive', 0, 84, 36],
      ['batch', 0, 48, 36],
      ['batch', 300, 0, 120],
    ],
  );
  assert.deepEqual([chart.from, chart.to], ['a', 'b']);
});
