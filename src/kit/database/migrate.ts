import type { MikroORM } from '@mikro-orm/core';
import { AbstractSqlConnection, type Knex } from '@mikro-orm/sqlite';
import { AppError } from '../errors.ts';
import type { Migration } from './migration.ts';
import { migrations as forPostgresql } from './migrations/postgresql/list.ts';
import { migrations as forSqlite } from './migrations/sqlite/list.ts';
import { type Dialect, dialectOf } from './sql.ts';

/** Any number that no other program on the same database uses; the letters of "tess". */
const ADVISORY_LOCK = 0x74657373;

const BEGIN: Record<Dialect, readonly string[]> = {
  // A table is changed on SQLite by making it anew, which must not cascade (sqlite.org/lang_altertable.html, 7), and
  // this pragma does nothing inside a transaction. Two processes that start at once wait for each other.
  sqlite: ['pragma foreign_keys = off', 'pragma busy_timeout = 600000', 'begin exclusive'],
  postgresql: ['begin', `select pg_advisory_xact_lock(${ADVISORY_LOCK})`],
};

/**
 * Brings the schema up to date and returns the names of what was missing. All of it is one transaction, so a process
 * that is killed on the way leaves what was there before.
 */
export async function migrate(orm: MikroORM, list?: readonly Migration[]): Promise<string[]> {
  const dialect = dialectOf(orm.em);
  const wanted = list ?? (dialect === 'sqlite' ? forSqlite : forPostgresql);
  const connection = orm.em.getConnection();
  if (!(connection instanceof AbstractSqlConnection)) throw new TypeError('migrations need an SQL database');
  const knex = connection.getKnex();
  const raw: unknown = await knex.client.acquireConnection();
  const run: Run = (sql, parameters) =>
    // without parameters, a `?` in the text of a migration is just that
    (parameters ? knex.raw(sql, parameters) : knex.raw(sql)).connection(raw);
  try {
    for (const sql of BEGIN[dialect]) await run(sql);
    try {
      const missing = await runMissing(run, dialect, wanted);
      await run('commit');
      return missing;
    } catch (error) {
      await run('rollback');
      throw error;
    }
  } finally {
    if (dialect === 'sqlite') {
      await run('pragma foreign_keys = on');
      await run('pragma busy_timeout = 5000');
    }
    await knex.client.releaseConnection(raw);
  }
}

type Run = (sql: string, parameters?: readonly Knex.RawBinding[]) => Promise<unknown>;

async function runMissing(run: Run, dialect: Dialect, wanted: readonly Migration[]): Promise<string[]> {
  await run('create table if not exists migration (name varchar(120) primary key, applied_at varchar(30) not null)');
  const applied = new Set(namesOf(await run('select name from migration')));
  const known = new Set(wanted.map(({ name }) => name));
  const strange = [...applied].filter((name) => !known.has(name));
  if (strange.length > 0) {
    throw new AppError('conflict', `The database was made by a newer version of this program (${strange.join(', ')}).`);
  }
  const missing = wanted.filter(({ name }) => !applied.has(name));
  for (const { name, statements } of missing) {
    for (const statement of statements) await run(statement);
    await run('insert into migration (name, applied_at) values (?, ?)', [name, new Date().toISOString()]);
  }
  if (dialect === 'sqlite' && missing.length > 0) {
    const orphans = await run('pragma foreign_key_check');
    if (Array.isArray(orphans) && orphans.length > 0)
      throw new Error(`rows without parent: ${JSON.stringify(orphans[0])}`);
  }
  return missing.map(({ name }) => name);
}

/** SQLite answers with rows, PostgreSQL with an object that holds them. */
function namesOf(answer: unknown): string[] {
  const found = Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows;
  return found.map((row: { name: string }) => row.name);
}
