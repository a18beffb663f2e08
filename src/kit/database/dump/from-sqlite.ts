import sqlite3 from 'sqlite3';
import { AppError } from '../../errors.ts';
import type { DumpedTable } from './postgresql.ts';

/** A table of full text: what stands in it and how PostgreSQL makes its row of it, over `line`, the JSON of the values. */
export interface TextTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly load: DumpedTable['columns'];
}

const PAGE = 500;
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The rows of a SQLite file as lines that `loadPostgresql` takes: of each value the text that PostgreSQL reads. */
export class SqliteDump {
  readonly #database: sqlite3.Database;

  private constructor(database: sqlite3.Database) {
    this.#database = database;
  }

  static open(path: string): Promise<SqliteDump> {
    return new Promise((resolve, reject) => {
      const database: sqlite3.Database = new sqlite3.Database(path, sqlite3.OPEN_READONLY, (failure) =>
        failure ? reject(failure) : resolve(new SqliteDump(database)),
      );
    });
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => this.#database.close((failure) => (failure ? reject(failure) : resolve())));
  }

  /** The lines of one table, in the order of its columns there. Throws `invalid` for a text that has no room there. */
  async *linesOf(table: DumpedTable): AsyncGenerator<string> {
    await this.#assertFits(table);
    const isJson = table.columns.map(({ type }) => type === 'jsonb');
    for await (const line of this.#lines(table.name, table.columns.map(textOf)))
      yield isOdd(line) ? JSON.stringify((JSON.parse(line) as Texts).map((text, n) => whole(text, isJson[n]))) : line;
  }

  async *linesOfText({ name, columns }: TextTable): AsyncGenerator<string> {
    for await (const line of this.#lines(name, ['cast(rowid as text)', ...columns.map(quote)]))
      yield isOdd(line) ? JSON.stringify((JSON.parse(line) as Texts).map((text) => whole(text))) : line;
  }

  /** The highest number that a table's rows ever had. */
  async highest(table: string, column: string): Promise<bigint> {
    const [found] = await this.#all<{ used: string | null; top: string | null }>(
      `select (select cast(seq as text) from sqlite_sequence where name = ?) as used,
         cast(max(${quote(column)}) as text) as top from ${quote(table)}`,
      [table],
    );
    const [used, top] = [BigInt(found?.used ?? 0), BigInt(found?.top ?? 0)];
    return used > top ? used : top;
  }

  async *#lines(table: string, texts: readonly string[]): AsyncGenerator<string> {
    let after: string | null = null;
    for (;;) {
      const found: { at: string; line: string }[] = await this.#all(
        `select cast(rowid as text) as at, json_array(${texts.join(', ')}) as line from ${quote(table)}
         ${after === null ? '' : 'where rowid > cast(? as integer)'} order by rowid limit ${PAGE}`,
        after === null ? [] : [after],
      );
      for (const { line } of found) yield line;
      after = found.at(-1)?.at ?? null;
      if (found.length < PAGE || after === null) return;
    }
  }

  /** SQLite holds a text of any length in every column; PostgreSQL would cut it without a word. */
  async #assertFits({ name, columns }: DumpedTable): Promise<void> {
    const limited = columns.flatMap(({ name: column, type }) => {
      const most = /^character varying\((\d+)\)$/.exec(type)?.[1];
      return most ? [{ column, most: Number(most) }] : [];
    });
    if (limited.length === 0) return;
    const longest = limited.map(({ column }, n) => `max(length(${quote(column)})) as c${n}`).join(', ');
    const [found] = await this.#all<Record<string, number | null>>(`select ${longest} from ${quote(name)}`, []);
    const over = limited.find(({ most }, n) => (found?.[`c${n}`] ?? 0) > most);
    if (over)
      throw new AppError('invalid', `${name}.${over.column} holds a text of more than ${over.most} characters.`);
  }

  #all<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    return new Promise((resolve, reject) =>
      this.#database.all<Row>(sql, parameters, (failure, found) => (failure ? reject(failure) : resolve(found))),
    );
  }
}

/** In SQLite times are milliseconds and booleans numbers. */
function textOf({ name, type }: DumpedTable['columns'][number]): string {
  const column = quote(name);
  if (type === 'boolean') return `case ${column} when 1 then 'true' when 0 then 'false' end`;
  if (type === 'bytea') return `iif(${column} is null, null, '\\x' || lower(hex(${column})))`;
  if (/^timestamp/.test(type)) return `strftime('%Y-%m-%d %H:%M:%f+00', ${column} / 1000.0, 'unixepoch')`;
  return `cast(${column} as text)`;
}

type Texts = (string | null)[];

/** Holds perhaps a zero or half a character, which PostgreSQL refuses. */
const isOdd = (line: string): boolean => /u0000|ud[89a-f]/i.test(line);

function whole(text: string | null, isJson = false): string | null {
  if (text === null) return null;
  return isJson ? JSON.stringify(wholeValue(JSON.parse(text))) : wholeText(text);
}

const wholeText = (text: string): string => text.replaceAll('\0', '').replaceAll(/\p{Surrogate}/gu, '\ufffd');

function wholeValue(value: unknown): unknown {
  if (typeof value === 'string') return wholeText(value);
  if (Array.isArray(value)) return value.map(wholeValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [wholeText(name), wholeValue(one)]));
}
