import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import pg from 'pg';
import { readConfig } from '../../src/kit/config.ts';
import { dialectOf, rows } from '../../src/kit/database/sql.ts';
import { makeLog } from '../../src/kit/log.ts';
import { type Node, openNode, openRestore } from '../../src/node.ts';
import { type BackupReport, backUp } from '../../src/operator/backup/back-up.ts';
import { type RestoreOptions, restore } from '../../src/operator/backup/restore.ts';

export const takeBackup = (node: Node, folder: string, say?: (text: string) => void): Promise<BackupReport> =>
  backUp(node.openWork(null), node, folder, say);

/** A machine without a node: a folder, and with TEST_DATABASE_URL a database of its own. */
export async function emptyMachine(t: TestContext, name: string, env: Record<string, string> = {}) {
  const nodes: Node[] = [];
  const home = await mkdtemp(join(tmpdir(), 'tessera-restored-'));
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  });
  const url = await emptyDatabase(t, name);
  const config = readConfig({
    ...{ PORT: '0', DATA_DIR: join(home, name), LOG_LEVEL: 'silent', MIN_FREE_MB: '0', ENGINE: 'none' },
    ...(url ? { DATABASE_URL: url } : {}),
    ...env,
  });
  return {
    config,
    restore: async (folder: string, options?: RestoreOptions) => restore(await openRestore(config), folder, options),
    /** The node that was restored; closed with the test. */
    open: async (now: () => Date): Promise<Node> => {
      const node = await openNode(config, { now, log: makeLog('silent'), queueTimes: { lookEveryMs: 50 } });
      nodes.push(node);
      return node;
    },
  };
}

async function emptyDatabase(t: TestContext, name: string): Promise<string | null> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) return null;
  const database = `tessera_restore_${process.pid}_${name}`;
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await run(`drop database if exists ${database} with (force)`);
  await run(`create database ${database}`);
  t.after(() => run(`drop database if exists ${database} with (force)`));
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

/** Every row of every table as text, sorted, but for what is written beside a backup. */
export async function everyRow({ orm }: Node): Promise<Record<string, string[]>> {
  const em = orm.em.fork();
  const isSqlite = dialectOf(em) === 'sqlite';
  const tables = await rows<{ name: string }>(
    em,
    isSqlite
      ? `select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`
      : `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  );
  const all: Record<string, string[]> = {};
  for (const { name } of tables) {
    if (name === 'migration') continue;
    const where = name === 'setting' ? ` where name <> 'last-backup'` : '';
    const found = isSqlite
      ? (await rows<object>(em, `select * from "${name}"${where}`)).map((row) => JSON.stringify(row))
      : (await rows<{ line: string }>(em, `select t::text as line from "${name}" t${where}`)).map(({ line }) => line);
    all[name] = found.sort();
  }
  return all;
}

/** The SHA-256 of the bytes of every blob, under the name that it has. */
export async function everyBlob({ files }: Node): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const { sha256 } of files.list()) {
    const bytes = await buffer(files.open(sha256));
    all[sha256] = createHash('sha256').update(bytes).digest('hex');
  }
  return Object.fromEntries(Object.entries(all).sort());
}

export async function everySealed({ vaultShelf }: Node): Promise<string[]> {
  const all: string[] = [];
  for await (const name of vaultShelf.list()) all.push(name);
  return all.sort();
}
