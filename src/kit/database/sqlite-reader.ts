import sqlite3 from 'sqlite3';

/** More than there are different queries in the program; a list of placeholders makes a new one for each length. */
const MAX_STATEMENTS = 300;

/** A connection that only reads, with its statements kept prepared. It sees each commit as soon as it returned. */
export class Reader {
  readonly #database: sqlite3.Database;
  readonly #statements = new Map<string, sqlite3.Statement>();

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

  all<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
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
