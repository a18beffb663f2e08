import { join } from 'node:path';
import pg from 'pg';
import { ENTITIES } from '../../src/entities.ts';
import { migrate } from '../../src/kit/database/migrate.ts';
import { migrations } from '../../src/kit/database/migrations/postgresql/list.ts';
import { openDatabase } from '../../src/kit/database/open.ts';
import { makeLog } from '../../src/kit/log.ts';
import { moveFromSqlite } from '../../src/operator/backup/move.ts';
import { datasetFolder, datasetKey, type Size } from './dataset.ts';
import { type Server, startNode } from './server.ts';

/** A node with the dataset of this size: on SQLite, or on the PostgreSQL server that BENCH_DATABASE_URL names. */
export async function datasetNode(size: Size): Promise<Server> {
  const folder = await datasetFolder(size);
  const server = process.env.BENCH_DATABASE_URL;
  return startNode(folder, ['web'], server ? { DATABASE_URL: await databaseOf(new URL(server), folder, size) } : {});
}

/** The rows of the folder, moved there once. */
async function databaseOf(server: URL, folder: string, size: Size): Promise<string> {
  const name = `tessera_bench_${datasetKey(new URL('dataset.ts', import.meta.url), size)}`;
  const url = new URL(`/${name}`, server).href;
  if ((await ask(server, 'select 1 from pg_database where datname = $1', [name])).length > 0) return url;
  const draft = `${name}_draft`;
  await ask(server, `drop database if exists ${draft} with (force)`);
  await ask(server, `create database ${draft}`);
  const startedAt = performance.now();
  const settings = { url: new URL(`/${draft}`, server), dataDir: folder, entities: ENTITIES, log: makeLog('silent') };
  const orm = await openDatabase({ ...settings, pool: 2 });
  await migrate(orm, migrations);
  await moveFromSqlite(orm, join(folder, 'tessera.sqlite'));
  await orm.close(true);
  await ask(new URL(`/${draft}`, server), 'vacuum analyze');
  await ask(server, `alter database ${draft} rename to ${name}`);
  console.error(`moved it to PostgreSQL in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  return url;
}

async function ask(server: URL, sql: string, values: readonly unknown[] = []): Promise<object[]> {
  const client = new pg.Client({ connectionString: server.href });
  await client.connect();
  try {
    return (await client.query<object>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}
