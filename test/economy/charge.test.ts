import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Model } from '../../src/catalogue/model.ts';
import { settleEnded } from '../../src/compute/gpu/credits.ts';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { learnPace } from '../../src/compute/gpu/pace.ts';
import { Generation } from '../../src/compute/model.ts';
import { TrainingRun } from '../../src/compute/training/model.ts';
import { cancelRuns } from '../../src/compute/withhold.ts';
import { CreditHold, CreditPosting } from '../../src/economy/ledger/model.ts';
import { priceOf } from '../../src/economy/price.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { fakePython, formOf, SHORT, type Studio, studio } from '../compute/studio.ts';
import { givenTraining } from '../compute/trainings.ts';
import { givenMember } from '../factories/accounts.ts';
import { until } from '../kit/queue-setup.ts';
import { assertWhole, givenCredits, purseOf } from './purses.ts';

const PATIENT = { ...SHORT, stepMs: 60_000, heartbeatMs: 30_000, ackMs: 30_000 };
const START = 600;
/** Half of a credit a second costs more than nothing, and less than there is. */
const RULES = { allowancePerDay: START, allowanceCap: 3_000, creditsPerMinute: 30 };

async function paying(t: TestContext, rules: Parameters<typeof givenCredits>[1] = {}): Promise<Studio> {
  const its = await studio(t, { python: await fakePython(t, '--cuda'), limits: PATIENT });
  await givenCredits(its, { ...RULES, ...rules });
  return its;
}

const send = ({ browser, checkpoint }: Studio, prompt: string) =>
  browser.post('/generate', formOf(checkpoint, { prompt }));
const fresh = ({ node }: Studio) => node.orm.em.fork();
const holdOf = async (its: Studio, subjectId: string) => fresh(its).findOneOrFail(CreditHold, { subjectId });
const idOf = (location: string) => location.split('/').at(-1) ?? '';
const ended = (its: Studio, id: string) =>
  until('its hold ended', async () => (await holdOf(its, id)).state !== 'held');

test('what a generation may cost is put aside with its job, and what it took is paid when it is done', async (t) => {
  const its = await paying(t);
  await pauseLane(fresh(its), 'gpu', new Date());
  const { location } = await send(its, 'fine');
  const id = idOf(location);
  const held = await holdOf(its, id);
  const job = await fresh(its).findOneOrFail(Job, { lane: 'gpu' });
  assert.equal(held.amount, priceOf(job.costSeconds, 30));
  assert.equal(held.jobId, job.id);
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START - held.amount, held: held.amount });
  assert.match(textOf((await its.browser.get('/credits')).text), /Put aside for work that waits or runs .* Pictures/);

  await pauseLane(fresh(its), 'gpu', null);
  await ended(its, id);
  const use = await fresh(its).findOneOrFail(GpuUse, { jobId: job.id });
  const paid = Math.min(held.amount, priceOf(use.seconds, 30));
  assert.ok(paid > 0);
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START - paid, held: 0 });
  assert.equal((await fresh(its).findOneOrFail(Generation, id)).state, 'done');
  const page = textOf((await its.browser.get('/credits')).text);
  assert.match(page, /For pictures · Pictures /);
  assert.doesNotMatch(page, /Put aside/);
  // and who made the model is thanked
  const { owner } = await fresh(its).findOneOrFail(Model, { name: 'Tiny Shapes' });
  await until('it brought something', async () => (await purseOf(its.em, owner)).balance === 2);
  await assertWhole(fresh(its));
});

test('what fails costs nothing', async (t) => {
  const its = await paying(t);
  const id = idOf((await send(its, 'error:BAD_MODEL')).location);
  await ended(its, id);
  assert.equal((await fresh(its).findOneOrFail(Generation, id)).state, 'failed');
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START, held: 0 });
  assert.match(textOf((await its.browser.get('/credits')).text), /Came back, nothing was charged/);
  await assertWhole(fresh(its));
});

test('who cancels what waits gets all of it back at once, and what runs pays for what it took', async (t) => {
  const its = await paying(t, { creditsPerMinute: 6_000 });
  const first = await send(its, 'stall');
  await until('it runs', async () => (await fresh(its).count(Job, { lane: 'gpu', state: 'running' })) === 1);
  const second = await send(its, 'fine');
  const before = await purseOf(its.em, its.ada);
  const waiting = await holdOf(its, idOf(second.location));
  await its.browser.post(`${second.location}/cancellation`);
  assert.equal((await purseOf(its.em, its.ada)).balance, before.balance + waiting.amount);

  await its.browser.post(`${first.location}/cancellation`);
  await ended(its, idOf(first.location));
  const running = await holdOf(its, idOf(first.location));
  const used = running.usedSeconds;
  assert.equal(running.state, 'captured');
  assert.ok(used > 0);
  assert.equal((await purseOf(its.em, its.ada)).balance, START - Math.min(running.amount, priceOf(used, 6_000)));
  await assertWhole(fresh(its));
});

test('what a takedown ends costs nothing, whether it waits or runs', async (t) => {
  const its = await paying(t, { creditsPerMinute: 600 });
  const locations = [await send(its, 'stall'), await send(its, 'fine')].map(({ location }) => idOf(location));
  await until('one runs', async () => (await fresh(its).count(Job, { lane: 'gpu', state: 'running' })) === 1);
  const concerned = { accountId: null, versionIds: [its.checkpoint.version.id], sha256s: [] };
  assert.equal(await cancelRuns(its.workAs(null), concerned), 2);
  for (const id of locations) await ended(its, id);
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START, held: 0 });
  await assertWhole(fresh(its));
});

test('who has too few is told how many are missing and when there are more, and keeps the form', async (t) => {
  const its = await paying(t, { allowancePerDay: 1, allowanceCap: 50, creditsPerMinute: 60_000 });
  const refused = await send(its, 'a red circle on a hill');
  assert.equal(refused.status, 402);
  const page = textOf(refused.text);
  assert.match(page, /This takes about [\d,]+ credits\. You have 1: [\d,]+ are missing\./);
  assert.match(page, /Your next allowance brings 1 in \d+ hours?\./);
  assert.match(refused.text, />\s*a red circle on a hill<\/textarea>/);
  const em = fresh(its);
  const counts = [await em.count(Generation), await em.count(Job, { lane: 'gpu' }), await em.count(CreditHold)];
  assert.deepEqual(counts, [0, 0, 0]);
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: 1, held: 0 });
});

test('what ended while its process died is settled afterwards, once', async (t) => {
  const its = await paying(t);
  await pauseLane(fresh(its), 'gpu', new Date());
  const [done, broken, gone] = [await send(its, 'fine'), await send(its, 'fine'), await send(its, 'fine')].map(
    ({ location }) => idOf(location),
  );
  const em = fresh(its);
  const end = async (id = '', generation: string, job: string) => {
    const { jobId } = await holdOf(its, id);
    await rows(em, `update job set state = ? where id = ? returning id`, [job, jobId ?? null]);
    await rows(em, `update generation set state = ? where id = ? returning id`, [generation, id]);
    await rows(em, `update credit_hold set used_seconds = 2 where subject_id = ? returning id`, [id]);
  };
  await end(done, 'done', 'done');
  // a job that ran out of attempts leaves the generation as it was
  await end(broken, 'queued', 'failed');
  await end(gone, 'queued', 'cancelled');
  await em.nativeDelete(Generation, { id: gone ?? '' });
  assert.equal(await settleEnded(its.workAs(null)), 3);
  assert.equal(await settleEnded(its.workAs(null)), 0);
  const states = await Promise.all([done, broken, gone].map(async (id = '') => (await holdOf(its, id)).state));
  assert.deepEqual(states, ['captured', 'refunded', 'captured']);
  const cost = Math.min((await holdOf(its, done ?? '')).amount, 1);
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START - 2 * cost, held: 0 });
  await assertWhole(fresh(its));
});

test('a training is paid for as a whole, turn by turn, and again from where it goes on', async (t) => {
  const its = await paying(t);
  const { node, workAs, ada } = its;
  const run = await givenTraining(node, workAs(ada), String(its.checkpoint.id), { steps: 20, what: 'fine' });
  const held = await holdOf(its, run.id);
  assert.ok(held.amount > 0);
  await ended(its, run.id);
  assert.equal((await fresh(its).findOneOrFail(TrainingRun, run.id)).state, 'done');
  const { usedSeconds, state } = await holdOf(its, run.id);
  assert.equal(state, 'captured');
  const paid = Math.min(held.amount, priceOf(usedSeconds, 30));
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START - paid, held: 0 });

  const bad = await givenTraining(node, workAs(ada), String(its.checkpoint.id), { steps: 20, what: 'crash in load' });
  await ended(its, bad.id);
  assert.deepEqual(await purseOf(its.em, its.ada), { balance: START - paid, held: 0 });
  assert.equal((await its.browser.post(`/train/${bad.id}/resumption`)).status, 302);
  await until('both holds ended', async () => {
    const holds = await fresh(its).find(CreditHold, { subjectId: bad.id });
    return holds.length === 2 && holds.every((one) => one.state === 'refunded');
  });
  await assertWhole(fresh(its));
});

test('a training that was released when its owner has spent everything says so, and can go on later', async (t) => {
  const its = await paying(t);
  await pauseLane(fresh(its), 'gpu', new Date());
  const run = await givenTraining(its.node, its.workAs(its.ada), String(its.checkpoint.id), { steps: 20 });
  await cancelRuns(its.workAs(null), { accountId: its.ada.id, versionIds: [], sha256s: [] });
  await fresh(its).nativeUpdate(TrainingRun, { id: run.id }, { state: 'held', error: null, finishedAt: null });
  await givenCredits(its, { creditsPerMinute: 100_000 });
  const released = { runId: run.id, outcome: 'released' } as const;
  await its.node.trainer.decidedJob.run(its.workAs(null), released, {} as never);
  const { state, error } = await fresh(its).findOneOrFail(TrainingRun, run.id);
  assert.equal(state, 'failed');
  assert.match(error ?? '', /You have 600: [\d,]+ are missing/);

  await givenCredits(its, RULES);
  assert.equal((await its.browser.post(`/train/${run.id}/resumption`)).status, 302);
  assert.equal(await fresh(its).count(CreditHold, { subjectId: run.id, state: 'held' }), 1);
  await assertWhole(fresh(its));
});

test('whoever runs the node pays nothing, and nobody does where credits are off', async (t) => {
  const its = await paying(t);
  await givenMember(its.em, 'olga', { role: 'owner' });
  const owner = new Browser(its.address);
  await owner.signIn('olga');
  assert.equal((await owner.post('/generate', formOf(its.checkpoint, { prompt: 'fine' }))).status, 302);
  await givenCredits(its, { isOn: false });
  assert.equal((await send(its, 'fine')).status, 302);
  const em = fresh(its);
  assert.deepEqual([await em.count(Generation), await em.count(CreditHold)], [2, 0]);
  assert.equal((await its.browser.get('/credits')).status, 404);
});

test('the tool says what the form would cost, before and after it is changed', async (t) => {
  const its = await paying(t, { creditsPerMinute: 6_000 });
  const status = await its.node.generator.status(its);
  const device = status.state === 'ready' ? status.hello.device : { kind: '', name: '' };
  const step = { kind: 'generation', family: 'fake', pixels: 32 * 32, units: 1 } as const;
  await learnPace(fresh(its), device, step, 0.5, new Date());
  const page = (await its.browser.get('/generate')).text;
  assert.match(textOf(page), /About [\d,]+ credits of 600/);
  const cost = async (steps: string) => {
    const { text } = await its.browser.post('/generate/cost', formOf(its.checkpoint, { steps }));
    return Number(/About ([\d,]+) credit/.exec(text)?.[1]?.replaceAll(',', ''));
  };
  const [many, few] = [await cost('150'), await cost('1')];
  assert.ok(many > few, `${many} and ${few}`);
  const dear = await its.browser.post('/generate/cost', formOf(its.checkpoint, { steps: '150', count: '8' }));
  assert.match(textOf(dear.text), /of 600 [\d,]+ are missing/);
  assert.equal(await fresh(its).count(CreditPosting, { kind: 'hold' }), 0);
});
