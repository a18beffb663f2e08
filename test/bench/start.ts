import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, report } from './report.ts';
import { startNode } from './server.ts';

const GOAL_START_MS = 3_000;
const GOAL_IDLE_MB = 150;

/** A second start of the whole node: web, worker and gpu, until it answers. */
export async function startBench(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-bench-start-'));
  await (await startNode(dataDir, ['web', 'worker', 'gpu'])).stop();
  const times: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    const server = await startNode(dataDir, ['web', 'worker', 'gpu']);
    times.push(server.startMs);
    await server.stop();
  }
  await rm(dataDir, { recursive: true });
  report('start-ms', median(times), 'ms');
  report('start-ratio', median(times) / GOAL_START_MS);
}

const residentMb = (pid: number | undefined): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;

/** Resident memory of the whole node ten seconds after it started, having answered its first page. */
export async function idleBench(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-bench-idle-'));
  const server = await startNode(dataDir, ['web', 'worker', 'gpu']);
  await (await fetch(server.url)).text();
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const mb = residentMb(server.child.pid);
  await server.stop();
  await rm(dataDir, { recursive: true });
  report('idle-rss-mb', mb, 'MB');
  report('idle-rss-ratio', mb / GOAL_IDLE_MB);
}
