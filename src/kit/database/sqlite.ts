import {
  AbstractSqlDriver,
  type Configuration,
  type ConnectionOptions,
  type Knex,
  SqliteConnection,
  SqliteKnexDialect,
  SqlitePlatform,
} from '@mikro-orm/sqlite';
import type sqlite3 from 'sqlite3';
import { Reader } from './sqlite-reader.ts';

/** What the writing connection is told. */
const PRAGMAS = [
  'PRAGMA busy_timeout = 5000',
  'PRAGMA foreign_keys = ON',
  'PRAGMA journal_mode = WAL',
  // A commit is on the disk when it returns. NORMAL would lose the last commits in a power cut, and with them an
  // activity that we answered with 202 (its sender never sends it again) or the row of an upload that we confirmed.
  'PRAGMA synchronous = FULL',
  'PRAGMA cache_size = -65536',
  'PRAGMA temp_store = MEMORY',
].join(';');

class ImmediateDialect extends SqliteKnexDialect {
  override _query(connection: unknown, query: { sql: string; method?: string }): Promise<unknown> {
    // A deferred transaction that reads first and then writes fails at once when another process wrote in between, and
    // busy_timeout does not help it (sqlite.org/lang_transaction.html, 2.1); an immediate one waits its turn.
    if (query.sql === 'BEGIN;') query.sql = 'BEGIN IMMEDIATE;';
    // the ORM's dialect knows that INSERT and UPDATE may return rows, but not that DELETE may
    if (query.method === 'raw' && / returning /i.test(query.sql)) query.method = 'select';
    return super._query(connection, query);
  }
}

/**
 * One connection that writes, in the pool of knex; and for a database in a file one more that only reads, so that pages
 * do not wait for transactions, which WAL allows. A database in memory has the first only.
 */
export class OneFileConnection extends SqliteConnection {
  #reader: Promise<Reader> | null = null;

  protected override getKnexOptions(): Knex.Config {
    return {
      ...super.getKnexOptions('sqlite3'),
      // knex takes a subclass of its dialect, though its types know the base class only
      client: ImmediateDialect as unknown as typeof Knex.Client,
      pool: {
        min: 1,
        max: 1,
        afterCreate: (raw: sqlite3.Database, done: (error: Error | null) => void) => {
          raw.exec(PRAGMAS, done);
        },
      },
    };
  }

  async read<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    if (this.#path === ':memory:') return this.write<Row>(sql, parameters, undefined);
    this.#reader ??= Reader.open(this.#path);
    return (await this.#reader).all<Row>(sql, parameters);
  }

  async write<Row>(
    sql: string,
    parameters: readonly unknown[],
    transaction: Knex.Transaction | undefined,
  ): Promise<Row[]> {
    const query = this.getKnex().raw(sql, parameters as Knex.RawBinding[]);
    const answer: unknown = await (transaction ? query.transacting(transaction) : query);
    return Array.isArray(answer) ? answer : [];
  }

  override async close(force?: boolean): Promise<void> {
    const reader = await this.#reader;
    this.#reader = null;
    await reader?.close();
    await super.close(force);
  }

  get #path(): string {
    return this.config.get('dbName') ?? ':memory:';
  }
}

export class OneFileDriver extends AbstractSqlDriver<OneFileConnection, SqlitePlatform> {
  constructor(config: Configuration) {
    super(config, new SqlitePlatform(), OneFileConnection as new (...rest: ConnectionArguments) => OneFileConnection, [
      'knex',
      'sqlite3',
    ]);
  }
}
type ConnectionArguments = [config: Configuration, options?: ConnectionOptions, type?: 'read' | 'write'];
