import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import sharp from 'sharp';
import type { EngineLimits } from '../../src/compute/engine/watchdog.ts';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { Generation, GenerationImage } from '../../src/compute/model.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { until } from '../kit/queue-setup.ts';
import { fakePython, formOf, SHORT, type Studio, studio, trueEngine } from './studio.ts';

/** For engines that nothing is wrong with: a busy machine is no reason to end one. */
const PATIENT: Partial<EngineLimits> = { ...SHORT, stepMs: 60_000, heartbeatMs: 30_000, ackMs: 30_000 };

async function signedIn(its: Studio, name: string): Promise<Browser> {
  await givenMember(its.em, name);
  const browser = new Browser(its.address);
  await browser.signIn(name);
  return browser;
}

/** What they send is all in the queue before the first of it begins; its model is loaded, so that the engine is known. */
async function sendAll(
  its: Studio,
  sent: readonly (readonly [Browser, string, Record<string, string>?])[],
): Promise<string[]> {
  const em = its.node.orm.em;
  await pauseLane(em.fork(), 'gpu', new Date());
  const ids: string[] = [];
  for (const [browser, prompt, more] of sent) {
    const { status, location, text } = await browser.post('/generate', formOf(its.checkpoint, { prompt, ...more }));
    assert.equal(status, 302, text);
    ids.push(location.split('/').at(-1) ?? '');
  }
  await pauseLane(em.fork(), 'gpu', null);
  return ids;
}

/** Torch takes its time on a busy machine. */
const PATIENCE_MS = 120_000;

const allEnded = (its: Studio, ids: readonly string[]) =>
  until(
    'all have ended',
    async () => {
      const found = await its.node.orm.em.fork().find(Generation, { id: { $in: [...ids] } });
      const jobs = await its.node.orm.em.fork().find(Job, { id: { $in: found.map(({ jobId }) => jobId ?? '') } });
      return (
        found.every(({ state }) => state !== 'queued') &&
        jobs.every(({ state }) => !['queued', 'running'].includes(state))
      );
    },
    PATIENCE_MS,
  );

interface Made {
  readonly seeds: readonly number[];
  readonly notes: readonly string[];
  readonly runs: ReadonlySet<string>;
}

async function madeOf(its: Studio, id: string): Promise<Made> {
  const images = await its.node.orm.em.fork().find(GenerationImage, { generation: id }, { orderBy: { position: 1 } });
  assert.deepEqual(
    images.map(({ position }) => position),
    images.map((_, n) => n),
  );
  const told = images.map(({ infotext }) => infotext.split(' @ '));
  return {
    seeds: images.map(({ seed }) => Number(seed)),
    notes: told.map(([note]) => note ?? ''),
    runs: new Set(told.map(([, run]) => run ?? '')),
  };
}

const jobFiles = async (its: Studio) =>
  (await readdir(path.join(its.node.dataDir, 'engine', 'jobs'))).filter((name) => name.endsWith('.png'));

async function fakeStudio(t: TestContext): Promise<Studio & { readonly signs: string }> {
  const signs = await mkdtemp(path.join(tmpdir(), 'signs-'));
  t.after(() => rm(signs, { recursive: true }));
  const python = await fakePython(t, '--cuda', '--batches', `--signs=${signs}`);
  const its = { ...(await studio(t, { python, limits: PATIENT })), signs };
  const [first = ''] = await sendAll(its, [[its.browser, 'first']]);
  await allEnded(its, [first]);
  assert.deepEqual((await madeOf(its, first)).notes, ['first of 1']);
  return its;
}

describe('requests of several people in one run of the engine', () => {
  test('those who are next and agree are made together; each has their own pictures, warnings and bill', async (t) => {
    const its = await fakeStudio(t);
    const [bert, cleo, dora] = [await signedIn(its, 'bert'), await signedIn(its, 'cleo'), await signedIn(its, 'dora')];

    const together = await sendAll(its, [
      [its.browser, 'cat', { seed: '10' }],
      [bert, 'dog', { seed: '20', count: '2', cfgScale: '5' }],
      [cleo, 'hen', { seed: '30' }],
      [dora, 'cow', { seed: '40' }],
    ]);
    await allEnded(its, together);
    const made = await Promise.all(together.map((id) => madeOf(its, id)));
    assert.deepEqual(
      made.map(({ notes }) => notes),
      [['cat of 4'], ['dog of 4', 'dog of 4'], ['hen of 4'], ['cow of 1']],
      'no more than the engine makes at once',
    );
    assert.deepEqual(
      made.map(({ seeds }) => seeds),
      [[10], [20, 21], [30], [40]],
    );
    assert.equal(new Set(made.slice(0, 3).flatMap(({ runs }) => [...runs])).size, 1, 'one run');
    const em = its.node.orm.em.fork();
    const generations = await em.find(Generation, { id: { $in: together } });
    for (const [n, word] of ['cat', 'dog', 'hen', 'cow'].entries()) {
      const warnings = generations.find(({ id }) => id === together[n])?.warnings;
      assert.deepEqual(warnings, [`read ${word}`], 'nobody reads what others asked for');
    }
    const uses = await Promise.all(
      together.map(async (id) => {
        const { jobId } = generations.find((one) => one.id === id) ?? {};
        return em.findOneOrFail(GpuUse, { jobId: jobId ?? '' });
      }),
    );
    const [cat, dog, hen] = uses.map(({ seconds }) => seconds);
    assert.ok(
      cat && dog && hen && Math.abs(dog - 2 * cat) < 1e-6 && Math.abs(hen - cat) < 1e-6,
      `${cat} ${dog} ${hen}`,
    );
    assert.ok(uses.every(({ isRefunded }) => !isRefunded));
    assert.deepEqual(await jobFiles(its), [], 'the files of a run go when all are done with it');

    // one that does not agree is not overtaken
    const apart = await sendAll(its, [
      [its.browser, 'cat'],
      [bert, 'dog', { steps: '13' }],
      [cleo, 'hen'],
    ]);
    await allEnded(its, apart);
    const alone = await Promise.all(apart.map((id) => madeOf(its, id)));
    assert.deepEqual(
      alone.map(({ notes }) => notes),
      [['cat of 1'], ['dog of 1'], ['hen of 1']],
    );

    // one person has two running at most
    const many = await sendAll(
      its,
      Array.from({ length: 3 }, () => [its.browser, 'ant'] as const),
    );
    await allEnded(its, many);
    assert.deepEqual(
      (await Promise.all(many.map((id) => madeOf(its, id)))).flatMap(({ notes }) => notes),
      ['ant of 2', 'ant of 2', 'ant of 1'],
    );
  });

  test('whoever cancels leaves the others to it; what fails together is made alone', async (t) => {
    const its = await fakeStudio(t);
    const [bert, cleo] = [await signedIn(its, 'bert'), await signedIn(its, 'cleo')];
    const em = () => its.node.orm.em.fork();

    // the first of them, whose place in the queue the run has, and then one who came along
    for (const who of [0, 1]) {
      const people = [its.browser, bert, cleo];
      const ids = await sendAll(
        its,
        people.map((browser) => [browser, 'hold in encode']),
      );
      await until('it runs', async () => (await readdir(its.signs)).some((name) => name.startsWith('held-')));
      const cancelled = await people[who]?.post(`/generate/${ids[who]}/cancellation`);
      assert.ok(cancelled && cancelled.status < 400, cancelled?.text);
      const { jobId } = await em().findOneOrFail(Generation, ids[who] ?? '');
      await until('it has ended', async () => (await em().findOneOrFail(Job, jobId ?? '')).state === 'cancelled');
      // its place is not free: the engine is not
      assert.equal(its.node.engines.places().usable(), who === 0 ? 0 : 1);
      await writeFile(path.join(its.signs, 'go'), '');
      await allEnded(its, ids);
      for (const [n, id] of ids.entries()) {
        assert.deepEqual((await madeOf(its, id)).notes, n === who ? [] : ['hold in encode of 3']);
      }
      for (const name of await readdir(its.signs)) await rm(path.join(its.signs, name));
    }

    const ids = await sendAll(its, [
      [its.browser, 'cat'],
      [bert, 'crash'],
      [cleo, 'hen'],
    ]);
    await allEnded(its, ids);
    const states = await Promise.all(ids.map(async (id) => (await em().findOneOrFail(Generation, id)).state));
    assert.deepEqual(states, ['done', 'failed', 'done']);
    const jobs = await Promise.all(
      ids.map(async (id) => em().findOneOrFail(Job, (await em().findOneOrFail(Generation, id)).jobId ?? '')),
    );
    assert.deepEqual(
      jobs.map(({ crashes, attempt }) => [crashes, attempt]),
      [
        [0, 2],
        [2, 3],
        [0, 2],
      ],
      'the run that they shared counts against nobody',
    );
    const uses = await em().find(GpuUse, { jobId: { $in: jobs.map(({ id }) => id) } });
    for (const { id, state } of jobs) {
      const own = uses.filter(({ jobId }) => jobId === id);
      assert.deepEqual(
        own.filter(({ isRefunded }) => !isRefunded).length,
        state === 'done' && own.length === 2 ? 1 : 0,
        'nobody pays for what failed',
      );
    }
    assert.deepEqual(await jobFiles(its), []);
  });
});

const { python, skip } = await trueEngine();

describe('with the true engine', { skip }, () => {
  test('a picture that was made in company is the one that is made alone', async (t) => {
    const its = await studio(t, { python, env: { ENGINE_BATCHING: 'on' } });
    const bert = await signedIn(its, 'bert');
    const circle = { prompt: 'a red circle', seed: '7', steps: '8' };
    const square = { prompt: 'a (blue:1.2) square', seed: '11', steps: '8', cfgScale: '5' };
    const ids: string[] = [];
    for (const request of [circle, square]) {
      ids.push(...(await sendAll(its, [[its.browser, request.prompt, request]])));
      await allEnded(its, ids);
    }
    ids.push(
      ...(await sendAll(its, [
        [its.browser, circle.prompt, circle],
        [bert, square.prompt, square],
      ])),
    );
    await allEnded(its, ids);
    const pixels = await Promise.all(
      ids.map(async (id) => {
        const image = await its.node.orm.em.fork().findOneOrFail(GenerationImage, { generation: id });
        const bytes = await buffer(its.node.files.open(image.sha256));
        return { infotext: image.infotext, raw: await sharp(bytes).removeAlpha().raw().toBuffer() };
      }),
    );
    const [aloneCircle, aloneSquare, circleOfTwo, squareOfTwo] = pixels;
    assert.ok(aloneCircle && aloneSquare && circleOfTwo && squareOfTwo);
    const apart = (a: Buffer, b: Buffer) =>
      a.reduce((most, value, n) => Math.max(most, Math.abs(value - (b[n] ?? 0))), 0);
    // bits may differ with the size of a batch, what is seen may not
    assert.ok(apart(aloneCircle.raw, circleOfTwo.raw) <= 2);
    assert.ok(apart(aloneSquare.raw, squareOfTwo.raw) <= 2);
    assert.ok(apart(aloneCircle.raw, aloneSquare.raw) > 50);
    assert.equal(squareOfTwo.infotext, aloneSquare.infotext);
    // both began in the same run: its seconds are shared by their pictures
    const uses = await its.node.orm.em.fork().find(GpuUse, {}, { orderBy: { endedAt: 1 } });
    assert.equal(uses.length, 4);
    assert.ok(Math.abs((uses[2]?.seconds ?? 0) - (uses[3]?.seconds ?? 1)) < 1e-6, JSON.stringify(uses));
  });
});
