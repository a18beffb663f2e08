import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROBE = fileURLToPath(new URL('./probe.mjs', import.meta.url));

export interface Measured {
  /** The longest and the ninety-ninth of a hundred delays of the event loop since the last answer. */
  readonly maxMs: number;
  readonly p99Ms: number;
  /** Delays over 100 ms, with the processor time that the process itself took meanwhile. */
  readonly stalls: readonly { readonly lateMs: number; readonly cpuMs: number }[];
  readonly heapBytes: number;
  /** Of the process alone: pages of files, such as the database's, are the kernel's to keep or drop. */
  readonly residentBytes: number;
}

export interface Probed {
  readonly child: ChildProcess;
  measure(options?: { readonly collect: true }): Promise<Measured>;
  stop(): Promise<void>;
}

/** The built node, with the probe before it. */
export const startProbedNode = (env: Readonly<Record<string, string>>): Probed =>
  start(['--expose-gc', '--import', PROBE], `${ROOT}dist/main.js`, ['web', 'worker'], env);

export const startControl = (): Probed => start([], PROBE, ['control'], {});

function start(execArgv: string[], program: string, args: string[], env: Readonly<Record<string, string>>): Probed {
  const child = fork(program, args, {
    ...{ cwd: ROOT, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let serial = 0;
  return {
    child,
    measure: ({ collect } = { collect: undefined as never }) => {
      serial += 1;
      const ask = serial;
      return new Promise((done, fail) => {
        const listen = (
          answer: { ask: number } & Omit<Measured, 'heapBytes'> & { heapUsed: number; external: number },
        ) => {
          if (answer.ask !== ask) return;
          child.off('message', listen);
          const { maxMs, p99Ms, stalls, heapUsed, external } = answer;
          done({ maxMs, p99Ms, stalls, heapBytes: heapUsed + external, residentBytes: anonymousBytes(child.pid) });
        };
        child.on('message', listen);
        child.send({ ask, collect: collect === true }, (error) => error && fail(error));
      });
    },
    stop: () =>
      new Promise((done) => {
        if (child.exitCode !== null) return done();
        child.once('exit', () => done());
        child.kill('SIGTERM');
      }),
  };
}

function anonymousBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) * 1024;
}
