import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import pg from 'pg';
import { ENTITIES } from '../src/entities.ts';
import { migrate } from '../src/kit/database/migrate.ts';
import { migrations as postgresqlMigrations } from '../src/kit/database/migrations/postgresql/list.ts';
import { migrations as sqliteMigrations } from '../src/kit/database/migrations/sqlite/list.ts';
import { openDatabase } from '../src/kit/database/open.ts';
import { makeLog } from '../src/kit/log.ts';
import './one-discovery.ts';

/**
 * A database without rows as the migrations make it: they take longer than most tests, and ran already when another
 * process asked. Its name says of which migrations it is.
 */
export async function emptySqlite(): Promise<string> {
  const path = join(tmpdir(), `${emptyName(sqliteMigrations)}.sqlite`);
  if (existsSync(path)) return path;
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-empty-'));
  await migrated(dataDir, null);
  await rename(join(dataDir, 'tessera.sqlite'), path);
  await rm(dataDir, { recursive: true, force: true });
  return path;
}

/** The same on PostgreSQL: a database of which others are copies. Those that nobody has needed for a day are dropped. */
async function emptyPostgres(server: string): Promise<string> {
  const name = emptyName(postgresqlMigrations);
  await onServer(server, async (ask) => {
    // one process makes it, and the others wait for it here
    await ask(`select pg_advisory_lock(hashtext('tessera_empty'))`);
    const found = await ask<{ name: string; made: string | null }>(
      `select datname as name, shobj_description(oid, 'pg_database') as made from pg_database where datname like 'tessera\\_empty\\_%'`,
    );
    const today = new Date().toISOString().slice(0, 10);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    for (const other of found) {
      if (other.name !== name && (other.made ?? '') < yesterday) await ask(dropping(other.name));
    }
    if (found.some((one) => one.name === name && one.made !== null)) return;
    await ask(dropping(name));
    await ask(`create database ${name}`);
    await migrated(tmpdir(), databaseUrl(server, name));
    await ask(`comment on database ${name} is '${today}'`);
  });
  return name;
}

const emptyName = (migrations: unknown): string =>
  `tessera_empty_${createHash('sha256').update(JSON.stringify(migrations)).digest('hex').slice(0, 16)}`;

async function migrated(dataDir: string, url: URL | null): Promise<void> {
  const orm = await openDatabase({ url, dataDir, entities: ENTITIES, log: makeLog('silent') });
  await migrate(orm);
  await orm.close(true);
}

interface TestDatabase {
  readonly url: string;
  /** Emptied, it serves the next test of this file: PostgreSQL makes hundreds of files for a new one. */
  giveBack(): Promise<void>;
}

let serial = 0;
const free: string[] = [];
const made: string[] = [];
let empty: Promise<string> | undefined;
// at the end of the file, not of the test that was first; a benchmark that leans on this file is no test
if (process.env.NODE_TEST_CONTEXT)
  after(() => inOrder(process.env.TEST_DATABASE_URL ?? '', made.splice(0).map(dropping)));

export async function testDatabase(): Promise<TestDatabase | null> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) return null;
  let name = free.pop();
  if (name === undefined) {
    serial += 1;
    name = `tessera_test_${process.pid}_${serial}`;
    made.push(name);
    empty ??= emptyPostgres(server);
    await inOrder(server, [dropping(name), `create database ${name} template ${await empty}`]);
  }
  const url = databaseUrl(server, name);
  const giveBack = async () => {
    await inOrder(url.href, [EMPTY]);
    free.push(name);
  };
  return { url: url.href, giveBack };
}

const dropping = (name: string): string => `drop database if exists ${name} with (force)`;

/** Rows go, in whatever order, and ids begin at 1 again. Throws when the node that had it is still connected. */
const EMPTY = `do $$ declare r record; begin
  if exists (select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
      and backend_type = 'client backend') then raise 'somebody is still connected'; end if;
  set local session_replication_role = replica;
  for r in select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename <> 'migration' loop
    execute 'delete from ' || r.name;
  end loop;
  for r in select quote_ident(sequencename) as name from pg_sequences where schemaname = 'public' and last_value is not null loop
    execute 'alter sequence ' || r.name || ' restart';
  end loop;
end $$`;

function databaseUrl(server: string, name: string): URL {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url;
}

async function inOrder(server: string, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  await onServer(server, async (ask) => {
    for (const sql of statements) await ask(sql);
  });
}

type Ask = <R extends pg.QueryResultRow>(sql: string) => Promise<R[]>;

async function onServer(server: string, act: (ask: Ask) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await act(async <R extends pg.QueryResultRow>(sql: string) => (await client.query<R>(sql)).rows);
  } finally {
    await client.end();
  }
}
