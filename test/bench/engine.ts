import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { checkEngine } from '../../src/compute/engine/check.ts';
import { EngineProcess } from '../../src/compute/engine/process.ts';
import { median, report } from './report.ts';

const root = path.join(import.meta.dirname, '../..');
const engineDir = path.join(root, 'src/compute/engine');
const beside = path.join(root, '.venv/bin/python');
const pythonPath = process.env.ENGINE_PYTHON ?? (existsSync(beside) ? beside : null);
const ROUNDS = 3;
const Figure = z.object({ name: z.string(), value: z.number(), unit: z.string() });

/** The engine, or a line that says why nothing is measured. `--gpu` measures a GPU's figures and nothing else. */
async function findPython(): Promise<string | null> {
  const check = await checkEngine(pythonPath, engineDir);
  if (!check.ok || pythonPath === null) {
    console.log(`engine: not measured, it needs ${check.ok ? 'Python' : check.missing} (npm run engine:install)`);
    return null;
  }
  if (wantsGpu() && check.hello.device.kind !== 'cuda') {
    console.log('engine: not measured, --gpu was asked for and there is no GPU here that torch can use');
    return null;
  }
  return pythonPath;
}

const wantsGpu = (): boolean => process.argv.includes('--gpu');

/** From nothing to `ready`: Python, torch and the handshake. */
export async function engineStartBench(): Promise<void> {
  const python = await findPython();
  if (python === null) return;
  const folder = await mkdtemp(path.join(tmpdir(), 'tessera-bench-engine-'));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    const engine = new EngineProcess({
      ...{ pythonPath: python, engineDir, roots: { models: folder, loras: folder, job: folder } },
    });
    const started = await engine.start();
    if (!started) throw new Error('The engine did not start.');
    times.push(performance.now() - startedAt);
    await engine.shutdown();
  }
  await rm(folder, { recursive: true });
  report('engine-start-ms', median(times), 'ms');
}

/** Bytes of a checkpoint a second, from the page cache to usable weights. */
export const modelLoadBench = (): Promise<void> => measure('load');

/** Our denoising loop against a bare one of diffusers, in turn on the same device. */
export const engineRatioBench = (): Promise<void> => measure('ratio');

async function measure(what: 'load' | 'ratio'): Promise<void> {
  const python = await findPython();
  if (python === null) return;
  const script = path.join(import.meta.dirname, 'engine_bench.py');
  const child = spawn(python, [script, what, ...(wantsGpu() ? ['--gpu'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { name, value, unit } = Figure.parse(JSON.parse(line));
    report(name, value, unit);
  }
  const status = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('close', resolve)));
  if (status !== 0) throw new Error(`engine_bench.py ${what} ended with ${status}.`);
}
