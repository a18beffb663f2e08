import { createReadStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/core';
import type { Config } from '../../kit/config.ts';
import { loadPostgresql } from '../../kit/database/dump/postgresql.ts';
import { migrate } from '../../kit/database/migrate.ts';
import type { Migration } from '../../kit/database/migration.ts';
import { migrations as forPostgresql } from '../../kit/database/migrations/postgresql/list.ts';
import { migrations as forSqlite } from '../../kit/database/migrations/sqlite/list.ts';
import { type Entities, openDatabase, sqlitePath } from '../../kit/database/open.ts';
import { type Dialect, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { makeLog } from '../../kit/log.ts';
import { linesOf } from './database.ts';
import { type Manifest, NAMES, sizeOf, writeHashed } from './folder.ts';
import { moveFromSqlite } from './move.ts';

/** Where the database of a backup is put. */
export interface RestoredDatabase {
  readonly dialect: Dialect;
  /** Whose backups it takes. */
  readonly takes: readonly Dialect[];
  /** For people. */
  readonly place: string;
  isEmpty(): Promise<boolean>;
  /** Throws `conflict` for a backup that a newer program made. */
  assertKnown(migrations: readonly string[]): void;
  /** All of it or nothing. */
  load(folder: string, manifest: Manifest): Promise<void>;
}

export function restoredDatabase({ databaseUrl, dataDir }: Config, entities: Entities): RestoredDatabase {
  return databaseUrl && databaseUrl.protocol !== 'sqlite:'
    ? intoPostgresql(databaseUrl, dataDir, entities)
    : intoSqlite(sqlitePath(databaseUrl, resolve(dataDir)), dataDir, entities);
}

const assertIn = (known: readonly Migration[], migrations: readonly string[]): void => {
  const strange = migrations.filter((name) => !known.some((one) => one.name === name));
  if (strange.length > 0)
    throw new AppError('conflict', `This backup was made by a newer version of this program (${strange.join(', ')}).`);
};

function intoSqlite(path: string, dataDir: string, entities: Entities): RestoredDatabase {
  if (path === ':memory:') throw new AppError('conflict', 'A database in memory cannot be restored.');
  return {
    ...{ dialect: 'sqlite', takes: ['sqlite'], place: path },
    isEmpty: async () => (await sizeOf(path)) === null,
    assertKnown: (migrations) => assertIn(forSqlite, migrations),
    async load(folder) {
      await mkdir(dirname(path), { recursive: true });
      if ((await sizeOf(path)) !== null) await assertUnused(path, dataDir, entities);
      const fresh = `${path}.restored`;
      await writeHashed(createReadStream(join(folder, NAMES.sqlite)), fresh);
      // the journal of the database before would be played into the new one
      for (const end of ['-wal', '-shm', '-journal']) await rm(`${path}${end}`, { force: true });
      await rename(fresh, path);
    },
  };
}

/** SQLite changes its journal only for who is alone. */
async function assertUnused(path: string, dataDir: string, entities: Entities): Promise<void> {
  const orm = await openDatabase({ url: new URL(`sqlite:${path}`), dataDir, entities, log: makeLog('silent') });
  try {
    const found = await rows<{ journal_mode: string }>(orm.em.fork(), 'pragma journal_mode = delete');
    if (found[0]?.journal_mode !== 'delete') throw new Error('it is in use');
  } catch (cause) {
    throw new AppError('conflict', `A node is running on ${path}. Stop it first.`, { cause });
  } finally {
    await orm.close(true);
  }
}

function intoPostgresql(url: URL, dataDir: string, entities: Entities): RestoredDatabase {
  const within = async <T>(act: (orm: MikroORM) => Promise<T>): Promise<T> => {
    const orm = await openDatabase({ url, dataDir, entities, log: makeLog('silent'), pool: 2 });
    try {
      return await act(orm);
    } finally {
      await orm.close(true);
    }
  };
  const place = `the database ${url.pathname.slice(1)}`;
  const isEmpty = () =>
    within(async ({ em }) => {
      const [table] = await rows<{ there: boolean }>(em.fork(), `select to_regclass('account') is not null as there`);
      return !table?.there || (await rows(em.fork(), 'select 1 as one from account limit 1')).length === 0;
    });
  return {
    ...{ dialect: 'postgresql', takes: ['sqlite', 'postgresql'], place, isEmpty },
    assertKnown: (migrations) => assertIn(forPostgresql, migrations),
    async load(folder, manifest) {
      const isFresh = await isEmpty();
      await within(async (orm) => {
        if (!isFresh) await assertAlone(orm, place);
        const names = new Set(manifest.migrations);
        await dropNewer(orm, names);
        // the schema as it was then; the start after this brings it up to date
        const known = forPostgresql.filter(({ name }) => names.has(name));
        await migrate(orm, known);
        if (manifest.dialect === 'sqlite') await moveFromSqlite(orm, join(folder, NAMES.sqlite));
        else await loadPostgresql(orm, manifest, (table) => linesOf(folder, table));
      });
    },
  };
}

/** A connection that was closed a moment ago may still be listed. */
const ALONE_TRIES = 25;

async function assertAlone({ em }: MikroORM, place: string): Promise<void> {
  for (let tries = 0; tries < ALONE_TRIES; tries += 1) {
    const others = await rows(
      em.fork(),
      `select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
         and pid <> pg_backend_pid()`,
    );
    if (others.length === 0) return;
    await setTimeout(200);
  }
  throw new AppError('conflict', `A node is running on ${place}. Stop it first.`);
}

/** A schema that is ahead of the backup's cannot be brought back to it: it is made anew. */
async function dropNewer({ em }: MikroORM, names: ReadonlySet<string>): Promise<void> {
  const fork = em.fork();
  const [table] = await rows<{ there: boolean }>(fork, `select to_regclass('migration') is not null as there`);
  const there = table?.there ? await rows<{ name: string }>(fork, 'select name from migration') : [];
  if (there.every(({ name }) => names.has(name))) return;
  const tables = await rows<{ name: string }>(
    fork,
    'select quote_ident(tablename) as name from pg_tables where schemaname = current_schema()',
  );
  await rows(fork, `drop table ${tables.map(({ name }) => name).join(', ')} cascade`);
}
