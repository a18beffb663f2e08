import sqlite3 from 'sqlite3';

/** More than there are different queries in the program; a list of placeholders makes a new one for each length. */
const MAX_STATEMENTS = 300;

/** From here on a query counts as a list. */
const LIST_LENGTH = 8;

function toObjects<Row>(columns: readonly string[], list: readonly (readonly unknown[])[]): Row[] {
  return list.map((values) => {
    const row: Record<string, unknown> = {};
    columns.forEach((name, index) => {
      row[name] = values[index];
    });
    return row as Row;
  });
}

/** JSON holds no bytes; a column that has them, or whose first rows are all empty and might, stays with the driver. */
const hasOnlyPlainValues = (found: readonly unknown[]): boolean =>
  found.every((row) => Object.values(row as object).every((value) => !(value instanceof Uint8Array)));

/** A connection that only reads, with its statements kept prepared. It sees each commit as soon as it returned. */
export class Reader {
  readonly #database: sqlite3.Database;
  readonly #statements = new Map<string, sqlite3.Statement>();
  /** The columns of queries that give lists. */
  readonly #lists = new Map<string, string[]>();

  private constructor(database: sqlite3.Database) {
    this.#database = database;
  }

  static open(path: string): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const database = new sqlite3.Database(path, sqlite3.OPEN_READONLY, (failure) => {
        if (failure) return reject(failure);
        database.exec(
          'PRAGMA busy_timeout = 5000; PRAGMA cache_size = -65536; PRAGMA mmap_size = 1073741824; PRAGMA temp_store = MEMORY',
          (error) => (error ? reject(error) : resolve(new Reader(database))),
        );
      });
    });
  }

  /**
   * The driver makes one JavaScript value for each cell, which costs more than the query itself on a list of forty rows
   * and twenty columns. So a list that was seen once is asked for as one text of JSON: a third less time for the feed.
   */
  async all<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    const columns = this.#lists.get(sql);
    if (columns) {
      const list = columns.map((name) => `"${name}"`).join(', ');
      const [answer] = await this.#run<{ list: string }>(
        `select json_group_array(json_array(${list})) as list from (${sql})`,
        parameters,
      );
      return toObjects<Row>(columns, JSON.parse(answer?.list ?? '[]'));
    }
    const found = await this.#run<Row>(sql, parameters);
    const [first] = found;
    if (found.length >= LIST_LENGTH && first && this.#lists.size < MAX_STATEMENTS && hasOnlyPlainValues(found)) {
      this.#lists.set(sql, Object.keys(first));
    }
    return found;
  }

  #run<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      // runs on a thread of libuv; calls of one statement wait for one another inside the driver
      this.#prepare(sql).all<Row>(parameters, (failure, found) => (failure ? reject(failure) : resolve(found)));
    });
  }

  #prepare(sql: string): sqlite3.Statement {
    const known = this.#statements.get(sql);
    if (known) {
      this.#statements.delete(sql);
      this.#statements.set(sql, known);
      return known;
    }
    const statement = this.#database.prepare(sql, (failure: Error | null) => {
      if (failure) this.#statements.delete(sql); // the query itself reports the error
    });
    this.#statements.set(sql, statement);
    const oldest = this.#statements.entries().next();
    if (this.#statements.size > MAX_STATEMENTS && !oldest.done) {
      this.#statements.delete(oldest.value[0]);
      oldest.value[1].finalize();
    }
    return statement;
  }

  async close(): Promise<void> {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    await new Promise<void>((resolve, reject) => {
      this.#database.close((failure) => (failure ? reject(failure) : resolve()));
    });
  }
}
