import { type ChildProcess, spawn } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';
import { type EngineEvent, MAX_LINE_BYTES, parseEvent } from './protocol.ts';

const LOG_TAIL_BYTES = 64 * 1024;

export interface EngineCommand {
  /** Absolute, or found on the path. */
  readonly pythonPath: string;
  /** The folder that holds the package `tessera_engine`. */
  readonly engineDir: string;
  /** In place of `-m tessera_engine`; for tests. */
  readonly args?: readonly string[];
  /** What it is run by, such as a sandbox: the beginning of the command line, asked for at each start. */
  readonly runBy?: () => readonly string[];
  /** Added to the few variables that the engine gets. It never gets ours, which hold secrets. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why we ended it, or null when it ended by itself. */
  readonly ended: string | null;
  /** The end of what it wrote to stdout and stderr. */
  readonly logTail: string;
}

export const engineEnv = ({ engineDir, env }: EngineCommand): Record<string, string> => ({
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
  PYTHONPATH: engineDir,
  PYTHONUNBUFFERED: '1',
  PYTHONDONTWRITEBYTECODE: '1',
  HF_HUB_OFFLINE: '1',
  HF_TOKEN: '',
  // Threads that spin while they wait take the other cores from the site.
  OMP_WAIT_POLICY: 'PASSIVE',
  ...env,
});

/** One run of the engine, from spawn to exit. */
export class EngineChild {
  readonly exited: Promise<ChildExit>;
  readonly #child: ChildProcess;
  readonly #stdin: Writable;
  readonly #killMs: number;
  #ended: string | null = null;
  #logTail = '';
  #nextId = 1;

  constructor(
    command: EngineCommand,
    killMs: number,
    onEvent: (event: EngineEvent) => void,
    onLog: (line: string) => void,
  ) {
    this.#killMs = killMs;
    // A group of its own, so that a Ctrl+C at our terminal is ours to handle, and a kill takes its children too.
    const line = [...(command.runBy?.() ?? []), command.pythonPath, ...(command.args ?? ['-m', 'tessera_engine'])];
    this.#child = spawn(line[0] ?? '', line.slice(1), {
      cwd: command.engineDir,
      env: engineEnv(command),
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const { stdin, stdout, stderr } = this.#child;
    const events = this.#child.stdio[3];
    if (!stdin || !stdout || !stderr || !(events instanceof Readable)) throw new Error('spawn made no pipes');
    this.#stdin = stdin;
    stdin.on('error', () => {}); // a broken pipe is followed by the exit, which says more
    readLines(events, (line) => {
      const event = parseEvent(line);
      if (event) onEvent(event);
      else onLog(`not an event: ${line.slice(0, 200)}`);
    });
    for (const stream of [stdout, stderr]) {
      readLines(stream, (line) => {
        this.#logTail = `${this.#logTail}${line}\n`.slice(-LOG_TAIL_BYTES);
        onLog(line);
      });
    }
    this.exited = new Promise((resolve) => {
      const finish = (code: number | null, signal: string | null) =>
        resolve({ code, signal, ended: this.#ended, logTail: this.#logTail });
      // 'close' comes after the pipes ran dry, so a result written just before the end is not lost.
      this.#child.once('close', finish);
      this.#child.once('error', (error) => {
        this.#logTail += `${error.message}\n`;
        if (this.#child.pid === undefined) finish(null, null);
      });
    });
  }

  /** The id of the command. Writing to an engine that is gone is harmless: its exit ends what waits. */
  send(type: string, fields: object = {}): number {
    const id = this.#nextId++;
    this.#stdin.write(`${JSON.stringify({ v: 1, t: type, id, ...fields })}\n`);
    return id;
  }

  /** SIGTERM, then SIGKILL; at once with `now`. */
  end(why: string, now: 'gently' | 'now' = 'gently'): void {
    if (this.#ended === null) this.#ended = why;
    this.#signal(now === 'now' ? 'SIGKILL' : 'SIGTERM');
    if (now === 'now') return;
    const timer = setTimeout(() => this.#signal('SIGKILL'), this.#killMs);
    this.#child.once('exit', () => clearTimeout(timer));
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(-pid, signal);
    } catch {
      this.#child.kill(signal);
    }
  }
}

/** Whole lines as UTF-8. A line that is too long is dropped, and reading goes on after the next newline. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  let parts: Buffer[] = [];
  let heldBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = chunk.subarray(start, end);
      if (heldBytes + line.length <= MAX_LINE_BYTES) onLine(Buffer.concat([...parts, line]).toString('utf8'));
      parts = [];
      heldBytes = 0;
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    heldBytes += rest.length;
    if (heldBytes > MAX_LINE_BYTES) parts = [];
    else if (rest.length > 0) parts.push(rest);
  });
  stream.on('error', () => {});
}
