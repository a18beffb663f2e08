import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { storageError } from '../failures.ts';
import type { Shelf } from './shelf.ts';

const MOST_LINES = 500_000;

/** A line as it lies there. `line` is a UUIDv7: its order is the order in time, whoever wrote it. */
export type Line = Readonly<Record<string, unknown>> & { readonly line?: string };

/**
 * A file of JSON lines that are only ever added, beside the database and not in it. Where machines share a store, each
 * line is also an object there, and a machine takes the lines of the others into its own file before it reads.
 */
export class LineLog {
  readonly #path: string;
  readonly #shelf: Shelf | null;
  readonly #newId: () => string;

  constructor(folder: string, name: string, shelf: Shelf | null, newId: () => string) {
    this.#path = join(folder, name);
    this.#shelf = shelf;
    this.#newId = newId;
  }

  /** Returns when the line would survive a power cut. */
  async append(value: Readonly<Record<string, unknown>>): Promise<void> {
    const line = this.#newId();
    const whole = JSON.stringify({ ...value, line });
    await addLine(this.#path, whole);
    await this.#shelf?.put(line, Readable.from([Buffer.from(whole)], { objectMode: false }));
  }

  /** All that can be read, in the order of time; how many could not is the second. */
  async read(): Promise<{ readonly lines: readonly Line[]; readonly broken: number }> {
    const known = await readLines(this.#path);
    if (!this.#shelf) return known;
    const names = new Set(known.lines.map(({ line }) => line));
    let fetched = 0;
    for await (const name of this.#shelf.list()) {
      if (names.has(name)) continue;
      await addLine(this.#path, await text(this.#shelf.open(name)));
      fetched += 1;
    }
    return fetched > 0 ? readLines(this.#path) : known;
  }
}

/** What a crash cut in two stays a line of its own. */
async function addLine(path: string, whole: string): Promise<void> {
  try {
    const file = await open(path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      await file.appendFile(`${size > 0 && last.toString() !== '\n' ? '\n' : ''}${whole}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageError(error);
  }
}

/** The lines of such a file; none where there is no file. */
export async function readLines(path: string): Promise<{ lines: Line[]; broken: number }> {
  const file = await open(path).catch(() => null);
  const lines: Line[] = [];
  let broken = 0;
  if (!file) return { lines, broken };
  for await (const whole of file.readLines()) {
    // the newest are the ones that a backup does not know
    if (lines.length >= 2 * MOST_LINES) lines.splice(0, MOST_LINES);
    const line = whole.trim() === '' ? null : parse(whole);
    if (line) lines.push(line);
    else if (whole.trim() !== '') broken += 1;
  }
  // the lines of another machine came later than they were written; a sort keeps the order of equals
  return { lines: lines.sort((a, b) => compare(a.line ?? '', b.line ?? '')), broken };
}

function parse(whole: string): Line | null {
  try {
    const value: unknown = JSON.parse(whole);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Line) : null;
  } catch {
    return null;
  }
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
