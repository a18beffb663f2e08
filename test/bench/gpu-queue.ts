import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { GenerateForm } from '../../src/compute/form.ts';
import { GpuUse } from '../../src/compute/gpu/model.ts';
import { cancelGeneration } from '../../src/compute/keep.ts';
import { readConfig } from '../../src/kit/config.ts';
import { makeLog } from '../../src/kit/log.ts';
import { openNode } from '../../src/node.ts';
import { fakeEngineProgram, formOf, givenTinyModel } from '../compute/studio.ts';
import { givenMember } from '../factories/accounts.ts';
import { median, report } from './report.ts';

const RUNS = 30;
const GOAL_OVERHEAD_MS = 50;
/** Of an engine that obeys within 10 ms, so it is our part that is measured. */
const GOAL_CANCEL_MS = 100;

/** A node with the fake engine, which takes 50 ms for a picture. */
async function withNode(act: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tessera-bench-gpu-'));
  const python = path.join(folder, 'python');
  await writeFile(python, fakeEngineProgram(['--cuda']));
  await chmod(python, 0o755);
  const config = readConfig({
    ...{ PORT: '0', DATA_DIR: path.join(folder, 'data'), LOG_LEVEL: 'silent', MIN_FREE_MB: '0' },
    ...{ ENGINE: 'diffusers', ENGINE_PYTHON: python, TESSERA_TEST_FAMILIES: 'true', ENGINE_SANDBOX: 'off' },
    SECRET_KEY: 'a-secret-for-tests-of-at-least-32-characters',
  });
  const node = await openNode(config, { log: makeLog('silent') });
  await node.start(['worker', 'gpu']);
  const em = node.orm.em.fork();
  const account = await givenMember(em, 'ada');
  const file = await givenTinyModel(em, node.files, 'tiny-base', 'Checkpoint', 'Tiny Shapes');
  const fork = () => node.orm.em.fork();
  const work = () => node.openWork(viewerOf(account));
  await act({
    request: async (prompt) => {
      const generation = await node.generator.request(work(), GenerateForm.parse(formOf(file, { prompt })));
      return { id: generation.id, jobId: generation.jobId ?? '' };
    },
    // as a page does; asking the database again and again would take the time that is measured
    reaches: async (jobId, state) => {
      for await (const status of node.queue.jobs.watch(jobId)) if (status.state === state) return;
    },
    engineMs: async (jobId) => ((await fork().findOneOrFail(GpuUse, { jobId })).seconds ?? 0) * 1000,
    cancel: (id) => cancelGeneration(work(), id),
  });
  await node.close();
  await rm(folder, { recursive: true });
}

interface Bench {
  request(prompt: string): Promise<{ readonly id: string; readonly jobId: string }>;
  reaches(jobId: string, state: string): Promise<void>;
  engineMs(jobId: string): Promise<number>;
  cancel(id: string): Promise<void>;
}

/** From the request to the pictures in the store, without the time in which the engine had the job. */
export const jobOverheadBench = (): Promise<void> =>
  withNode(async ({ request, reaches, engineMs }) => {
    const times: number[] = [];
    for (let run = 0; run <= RUNS; run += 1) {
      const startedAtMs = performance.now();
      const { jobId } = await request('fine');
      await reaches(jobId, 'done');
      const ms = performance.now() - startedAtMs - (await engineMs(jobId));
      if (run > 0) times.push(ms); // the first starts the engine
    }
    report('job-overhead-ms', median(times), 'ms');
    report('job-overhead-ratio', median(times) / GOAL_OVERHEAD_MS);
  });

/** From the cancellation of a running job to the end of its row. */
export const cancelBench = (): Promise<void> =>
  withNode(async ({ request, reaches, cancel }) => {
    const times: number[] = [];
    for (let run = 0; run <= RUNS / 3; run += 1) {
      const { id, jobId } = await request('stall');
      await reaches(jobId, 'running');
      await wait(500); // in its first step
      const startedAtMs = performance.now();
      await cancel(id);
      await reaches(jobId, 'cancelled');
      if (run > 0) times.push(performance.now() - startedAtMs);
    }
    report('cancel-ms', median(times), 'ms');
    report('cancel-ratio', median(times) / GOAL_CANCEL_MS);
  });
