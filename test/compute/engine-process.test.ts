import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkEngine } from '../../src/compute/engine/check.ts';
import { EngineProcess } from '../../src/compute/engine/process.ts';
import type { EngineEvent, GenerateParams } from '../../src/compute/engine/protocol.ts';
import { ENGINE_LIMITS, type EngineLimits, Watchdog } from '../../src/compute/engine/watchdog.ts';
import { Pool, Seat } from '../../src/compute/gpu/pool.ts';
import { until } from '../kit/queue-setup.ts';

// A fake engine of plain Python, so that these run where there is no torch; the true one has engine-true.test.ts.
const fakeEngine = path.join(import.meta.dirname, 'engine', 'fake_engine.py');
const folder = mkdtempSync(path.join(tmpdir(), 'engine-process-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const SHORT: Partial<EngineLimits> = {
  startMs: 5_000,
  ackMs: 400,
  heartbeatMs: 400,
  killMs: 100,
  cancelMs: 300,
  stepMs: 500,
  encodeMs: 5_000,
  backoffMs: [10, 20],
};

interface Given {
  readonly args?: readonly string[];
  readonly limits?: Partial<EngineLimits>;
}

function givenEngine(t: TestContext, { args = [], limits = {} }: Given = {}) {
  const events: EngineEvent[] = [];
  const log: string[] = [];
  const engine = new EngineProcess({
    pythonPath: 'python3',
    engineDir: folder,
    args: [fakeEngine, ...args],
    env: { PATH: process.env.PATH ?? '' },
    roots: { models: folder, loras: folder, job: folder },
    onEvent: (event) => void events.push(event),
    onLog: (line) => void log.push(line),
    limits: { ...SHORT, ...limits },
  });
  t.after(() => engine.shutdown());
  return { engine, events, log };
}

const params = (prompt: string): GenerateParams => ({
  model: { file: 'base.safetensors' },
  prompt,
  width: 32,
  height: 32,
  steps: 4,
  cfg: 7,
  sampler: 'Euler',
  seed: 1,
});

test('what was built looks for the Python package where it is', async () => {
  const built = pathToFileURL(path.join(import.meta.dirname, '../../dist/compute/engines/find.js')).href;
  const { ENGINE_DIR } = (await import(built)) as { ENGINE_DIR: string };
  assert.ok(existsSync(path.join(ENGINE_DIR, 'tessera_engine', '__main__.py')));
});

test('an engine says hello, takes its configuration, and makes a picture with progress', async (t) => {
  const { engine } = givenEngine(t);
  assert.equal(await engine.start(), true);
  assert.equal(engine.hello?.caps.families.fake?.default_size, 32);
  const steps: number[] = [];
  const jobId = randomUUID();

  const outcome = await engine.generate(jobId, params('a red circle'), (event) => {
    if (event.t === 'progress' && event.phase === 'denoise') steps.push(event.step);
  });

  assert.ok(outcome.state === 'done', JSON.stringify(outcome));
  assert.equal(outcome.images[0]?.file, `${jobId}-0.png`);
  assert.deepEqual(steps, [1, 2, 3, 4]);
  assert.ok((await engine.ping()) !== null);
});

test('an error before the job was taken is the outcome of that job', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  const outcome = await engine.generate(randomUUID(), params('early-error'));
  assert.deepEqual(outcome, {
    state: 'failed',
    code: 'bad_params',
    message: 'Steps.',
    path: 'p.steps',
    retryable: false,
    isCrash: false,
  });
});

test('an error of the engine keeps its code and whether it makes sense to try again', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  const outcome = await engine.generate(randomUUID(), params('oom'));
  assert.ok(outcome.state === 'failed');
  assert.equal(outcome.code, 'oom_vram');
  assert.equal(outcome.retryable, true);
});

test('noise, garbage, half lines and lines that are too long do not disturb the job', async (t) => {
  const { engine, events } = givenEngine(t);
  await engine.start();
  for (const prompt of ['garbage', 'half', 'long', 'noise']) {
    const outcome = await engine.generate(randomUUID(), params(prompt));
    assert.equal(outcome.state, 'done', prompt);
  }
  assert.equal(events.filter((event) => event.t === 'preview').length, 4);
});

test('cancelling ends the job, also when the engine takes its time', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  const jobId = randomUUID();
  const outcome = await engine.generate(jobId, params('slow-cancel'), (event) => {
    if (event.t === 'progress') engine.cancel(jobId);
  });
  assert.equal(outcome.state, 'cancelled');
  assert.equal(engine.state, 'ready');
});

test('an engine that ignores cancel is killed, the job counts as cancelled, and the next engine works', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  const jobId = randomUUID();
  const outcome = await engine.generate(jobId, params('no-cancel'), (event) => {
    if (event.t === 'progress') engine.cancel(jobId);
  });
  assert.equal(outcome.state, 'cancelled');
  assert.equal((await engine.generate(randomUUID(), params('a red circle'))).state, 'done');
});

test('a job that is cancelled before the engine is ready never starts', async (t) => {
  const { engine, events } = givenEngine(t);
  const starting = engine.start();
  const jobId = randomUUID();
  const outcome = engine.generate(jobId, params('a red circle'));
  engine.cancel(jobId);
  await starting;
  assert.equal((await outcome).state, 'cancelled');
  assert.ok(!events.some((event) => event.t === 'progress'));
});

test('a crash fails the job, which may be tried once more, and the engine comes back by itself', async (t) => {
  const { engine, log } = givenEngine(t, { limits: { maxCrashes: 9 } });
  await engine.start();
  const jobId = randomUUID();
  const first = await engine.generate(jobId, params('crash'));
  const second = await engine.generate(jobId, params('crash'));
  assert.ok(first.state === 'failed' && second.state === 'failed');
  assert.deepEqual([first.code, first.retryable], ['engine_crashed', true]);
  assert.equal(second.retryable, false, 'a job that killed the engine twice is not tried a third time');
  assert.ok(log.includes('about to crash'));
  assert.equal((await engine.generate(randomUUID(), params('a red circle'))).state, 'done');
});

for (const [prompt, code] of [
  ['exit70', 'gpu_lost'],
  ['exit137', 'oom_ram'],
  ['hang', 'timeout'],
  ['stall', 'timeout'],
  ['no-ack', 'timeout'],
] as const) {
  test(`an engine that does "${prompt}" fails its job with ${code}`, async (t) => {
    const { engine } = givenEngine(t);
    await engine.start();
    const outcome = await engine.generate(randomUUID(), params(prompt));
    assert.ok(outcome.state === 'failed', JSON.stringify(outcome));
    assert.equal(outcome.code, code);
  });
}

test('after three crashes the engine stays down, and refuses work, until a person resets it', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  for (let i = 0; i < 3; i++) await engine.generate(randomUUID(), params('crash'));
  assert.equal(engine.state, 'broken');
  assert.deepEqual(engine.health, { crashes: 3, lastCrash: 'The engine ended unexpectedly (signal SIGABRT).' });
  const refused = await engine.generate(randomUUID(), params('a red circle'));
  assert.ok(refused.state === 'failed' && refused.code === 'engine_crashed');
  assert.equal(await engine.start(), false);
  assert.equal(await engine.reset(), true);
  assert.equal((await engine.generate(randomUUID(), params('a red circle'))).state, 'done');
});

test('a broken engine is probed after a while; one crash more and it is broken again', async (t) => {
  const { engine } = givenEngine(t, { limits: { probeAfterMs: 100 } });
  await engine.start();
  for (let i = 0; i < 3; i++) await engine.generate(randomUUID(), params('crash'));
  assert.equal(engine.state, 'broken');
  await until('the probe', () => engine.state === 'ready');
  assert.equal((await engine.generate(randomUUID(), params('a red circle'))).state, 'done');
  await engine.generate(randomUUID(), params('crash'));
  assert.equal(engine.state, 'broken');
});

for (const phase of ['load', 'encode', 'denoise', 'decode', 'save']) {
  test(`an engine that does not move in the phase ${phase} is ended`, async (t) => {
    const none = { loadMs: 300, encodeMs: 300, decodeMs: 300, stepMs: 300 };
    const { engine } = givenEngine(t, { limits: none });
    await engine.start();
    const outcome = await engine.generate(randomUUID(), params(`stall in ${phase}`));
    assert.ok(outcome.state === 'failed' && outcome.code === 'timeout', JSON.stringify(outcome));
    assert.match(outcome.message, new RegExp(`no progress while in ${phase}`));
  });
}

test('a large model has as long to load as its bytes take at 50 MB/s', () => {
  const watch = new Watchdog({ ...ENGINE_LIMITS, heartbeatMs: Number.POSITIVE_INFINITY }, 0);
  watch.expectLoad(7e9);
  watch.saw({ t: 'progress', job: 'x', phase: 'load', step: 0, total: 1 }, 0);
  assert.equal(watch.overdue(180_000 + 139_000), null);
  assert.equal(watch.overdue(180_000 + 141_000), 'no progress while in load');
});

test('steps that take long are given twenty times their median', () => {
  const watch = new Watchdog({ ...ENGINE_LIMITS, heartbeatMs: Number.POSITIVE_INFINITY }, 0);
  for (let step = 1; step <= 5; step += 1) {
    watch.saw({ t: 'progress', job: 'x', phase: 'train', step, total: 9 }, step * 30_000);
  }
  assert.equal(watch.overdue(150_000 + 599_000), null);
  assert.equal(watch.overdue(150_000 + 601_000), 'no progress while in train');
});

test('a training tells of its checkpoints, pauses with its state, and goes on from there', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  const jobId = randomUUID();
  const seen: EngineEvent[] = [];
  const stateFile = () => seen.flatMap((event) => (event.t === 'paused' ? (event.state ?? []) : [])).at(-1);
  const first = await engine.run(jobId, {
    type: 'train',
    params: { steps: 20, epochs: 2, step_s: 0.02 },
    listener: (event) => {
      seen.push(event);
      if (event.t === 'checkpoint' && event.kind === 'state') engine.pause(jobId, true);
    },
  });
  assert.ok(first.state === 'paused' && stateFile(), JSON.stringify(first));
  assert.ok(first.step >= 4 && first.step < 20);
  const state = { file: stateFile() };
  const steps: number[] = [];
  const second = await engine.run(randomUUID(), {
    type: 'resume',
    params: { steps: 20, epochs: 2, state },
    listener: (event) => {
      if (event.t === 'progress' && event.phase === 'train') steps.push(event.step);
    },
  });
  assert.equal(second.state, 'done');
  assert.equal(steps[0], first.step + 1);
});

test('a training that does not pause is ended, which is a crash of the engine', async (t) => {
  const { engine } = givenEngine(t, { limits: { pauseMs: 100 } });
  await engine.start();
  const jobId = randomUUID();
  const outcome = await engine.run(jobId, {
    type: 'train',
    params: { steps: 500, what: 'no-pause' },
    listener: (event) => {
      if (event.t === 'progress') engine.pause(jobId, false);
    },
  });
  assert.ok(outcome.state === 'failed' && outcome.isCrash, JSON.stringify(outcome));
});

for (const [why, args, limits] of [
  ['dies at its start', ['--crash-at-start'], {}],
  ['never says hello', ['--no-hello'], { startMs: 200 }],
  ['refuses its configuration', ['--refuse-configure'], {}],
] as const) {
  test(`an engine that ${why} is given up, and start says so`, async (t) => {
    const { engine } = givenEngine(t, { args, limits });
    assert.equal(await engine.start(), false);
    assert.equal(engine.state, 'broken');
  });
}

test('shutting down cancels what runs and leaves no process', async (t) => {
  const { engine } = givenEngine(t);
  await engine.start();
  const outcome = engine.generate(randomUUID(), params('stall'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await engine.shutdown();
  assert.equal((await outcome).state, 'cancelled');
  assert.equal(engine.state, 'stopped');
});

test('a listener that fails does not stop the events', async (t) => {
  const { engine, log } = givenEngine(t);
  await engine.start();
  const outcome = await engine.generate(randomUUID(), params('a red circle'), () => {
    throw new Error('no room on the page');
  });
  assert.equal(outcome.state, 'done');
  assert.ok(log.some((line) => line.includes('no room on the page')));
});

test('the check names what is missing and the command that installs it', async () => {
  const engineDir = path.join(import.meta.dirname, '../../src/compute/engine');
  assert.deepEqual(await checkEngine(null, engineDir), {
    ok: false,
    missing: 'a Python environment (there is none at .venv)',
    command: 'npm run engine:install',
  });
  const nowhere = await checkEngine('/nowhere/bin/python', engineDir);
  assert.ok(!nowhere.ok && nowhere.missing.includes('/nowhere/bin/python'));
});

test('what a node that ends was about to start is not started: nobody would end it', async (t) => {
  const { engine } = givenEngine(t);
  const seat = new Seat('here/0', '0', () => engine);
  const pool = new Pool([seat]);
  assert.equal(await seat.start(), true);
  await pool.close();
  assert.deepEqual([await seat.start(), await seat.reset(), engine.state], [false, false, 'stopped']);
});
