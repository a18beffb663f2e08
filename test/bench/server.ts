import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { median } from './report.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Server {
  readonly url: URL;
  readonly child: ChildProcess;
  /** From spawn to the first answer, in milliseconds. */
  readonly startMs: number;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

/** One core for the server, the others for those who ask; where `taskset` is missing, the kernel decides. */
const pinned = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Starts a program that listens on PORT, and waits until `path` answers. */
export async function startServer(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { path = '/healthz', program: own = process.execPath }: { path?: string; program?: string } = {},
): Promise<Server> {
  const port = await freePort();
  const startedAt = performance.now();
  const [program, rest] = pinned ? ['taskset', ['-c', '0', own, ...args]] : [own, args];
  const child = spawn(program as string, rest as string[], {
    cwd: ROOT,
    env: { ...process.env, LOG_LEVEL: 'silent', ENGINE: 'none', TRUSTED_PROXIES: '1', ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  // a benchmark that fails leaves no server behind
  process.once('exit', () => child.kill('SIGKILL'));
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}`);
    const answer = await fetch(new URL(path, url)).catch(() => null);
    if (answer?.ok) break;
    if (performance.now() - startedAt > 60_000) throw new Error(`${args.join(' ')} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  return {
    url,
    child,
    startMs: performance.now() - startedAt,
    stop: () =>
      new Promise<void>((done) => {
        child.once('exit', () => done());
        child.kill('SIGTERM');
      }),
  };
}

/** The built node with its web process alone. */
export const startNode = (
  dataDir: string,
  processes = ['web'],
  env: Readonly<Record<string, string>> = {},
): Promise<Server> => startServer(['dist/main.js', ...processes], { DATA_DIR: dataDir, ...env });

export interface Load {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Processor time of the server for each answer: what a machine that is shared with others changes least. */
  readonly cpuMsPerRequest: number;
}

/** So many connections for some seconds. Throws when an answer is not 2xx: the figure says nothing then. */
async function shoot({ url, child }: Server, paths: readonly string[], connections: number, duration: number) {
  let person = 0;
  // every request is somebody else's, or the limits for one address would answer
  const setupRequest = (request: object): object => {
    person += 1;
    return {
      ...request,
      headers: { 'x-forwarded-for': `10.${(person >> 8) & 255}.${person & 255}.1` },
    };
  };
  const requests = paths.map((path) => ({ path, setupRequest }));
  const before = cpuMsOf(child.pid);
  const result = await autocannon({ url: url.href, connections, duration, requests });
  const cpuMsPerRequest = (cpuMsOf(child.pid) - before) / result.requests.total;
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} bad answers, ${result.errors} errors from ${url.href}${paths[0]}`);
  }
  return { requestsPerSecond: result.requests.average, p99Ms: result.latency.p99, cpuMsPerRequest };
}

/** In CI a figure says that it can still be measured, and little more. */
const [ROUNDS, ROUND_S, WARM_UP_S] = process.env.BENCH_SIZE === 'ci' ? [1, 2, 1] : [3, 6, 2];

const summary = (rounds: readonly Load[]): Load => ({
  requestsPerSecond: median(rounds.map((round) => round.requestsPerSecond)),
  p99Ms: median(rounds.map((round) => round.p99Ms)),
  cpuMsPerRequest: median(rounds.map((round) => round.cpuMsPerRequest)),
});

/** The median of a few rounds after a warm-up. */
export async function load(server: Server, paths: readonly string[], { connections = 50 } = {}): Promise<Load> {
  await shoot(server, paths, connections, WARM_UP_S);
  const rounds: Load[] = [];
  while (rounds.length < ROUNDS) rounds.push(await shoot(server, paths, connections, ROUND_S));
  return summary(rounds);
}

/** Two servers on the same core, one round each in turn, so that what else the machine does touches both alike. */
export async function duel(
  ours: Server,
  theirs: Server,
  paths: readonly string[],
  { connections = 50 } = {},
): Promise<{ ours: Load; theirs: Load }> {
  const [left, right]: [Load[], Load[]] = [[], []];
  for (const server of [ours, theirs]) await shoot(server, paths, connections, WARM_UP_S);
  while (left.length < ROUNDS) {
    left.push(await shoot(ours, paths, connections, ROUND_S));
    right.push(await shoot(theirs, paths, connections, ROUND_S));
  }
  return { ours: summary(left), theirs: summary(right) };
}

/** User and system time of a process so far; the kernel counts it in hundredths of a second. */
export function cpuMsOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // the name in brackets may hold spaces; utime and stime are fields 14 and 15
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const LOOK_MS = 250;
const IDLE_SHARE = 0.1;

/** Resolves when the process has nothing more to do, with the time since when. */
export async function untilIdle({ child }: Server): Promise<number> {
  for (let quiet = 0; ; ) {
    const before = cpuMsOf(child.pid);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    quiet = cpuMsOf(child.pid) - before < LOOK_MS * IDLE_SHARE ? quiet + 1 : 0;
    if (quiet === 2) return performance.now() - quiet * LOOK_MS;
  }
}
