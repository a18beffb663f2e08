import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import pg from 'pg';
import { viewerOf } from '../src/accounts/access/identify.ts';
import type { Account } from '../src/accounts/model.ts';
import type { EngineLimits } from '../src/compute/engine/watchdog.ts';
import type { ServerTimes } from '../src/compute/server/engine.ts';
import { ENTITIES } from '../src/entities.ts';
import { readConfig } from '../src/kit/config.ts';
import { migrate } from '../src/kit/database/migrate.ts';
import { migrations } from '../src/kit/database/migrations/sqlite/list.ts';
import { openDatabase } from '../src/kit/database/open.ts';
import { rows, toNumber } from '../src/kit/database/sql.ts';
import { type Log, makeLog } from '../src/kit/log.ts';
import type { Work } from '../src/kit/work.ts';
import { type Node, openNode, type Process } from '../src/node.ts';
import type { NodeOptions } from '../src/parts.ts';
import { NOW } from './factories/content.ts';

interface TestClock {
  now(): Date;
  set(date: Date): void;
  pass(ms: number): void;
}

export interface TestNode {
  readonly node: Node;
  /** A fork of its own for the test's givens. */
  readonly em: EntityManager;
  readonly clock: TestClock;
  /** The work of a request by this account; null is a visitor. A fresh fork each time. */
  workAs(account: Account | null): Work;
  /** Starts web (on a free port), worker or gpu, and returns the address of web. */
  start(...processes: Process[]): Promise<URL>;
  /** Runs due jobs and what follows from them until none is left; the worker must be started. */
  settle(): Promise<void>;
}

export interface TestNodeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The real clock instead of the still one. */
  readonly realTime?: boolean;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly serverTimes?: Partial<ServerTimes>;
  readonly classifierTimes?: NonNullable<NodeOptions['classifierTimes']>;
  readonly net?: NonNullable<NodeOptions['net']>;
  readonly training?: NonNullable<NodeOptions['training']>;
  readonly queueTimes?: NonNullable<NodeOptions['queueTimes']>;
  /** Where its lines go, for tests of what a log must not hold. */
  readonly log?: Log;
}

/**
 * A whole node with its own database and folder: SQLite in a file, or a database of its own on the server that
 * TEST_DATABASE_URL names. It is gone when the test ends.
 */
export async function testNode(
  t: TestContext,
  {
    env = {},
    realTime = false,
    engineLimits,
    serverTimes,
    classifierTimes,
    net,
    training,
    queueTimes = {},
    log,
  }: TestNodeOptions = {},
): Promise<TestNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-test-'));
  // of the real clock what was passed by hand, of the still one the time itself
  let time = realTime ? 0 : NOW.getTime();
  const clock: TestClock = {
    now: () => new Date(realTime ? Date.now() + time : time),
    set: (date) => {
      time = date.getTime() - (realTime ? Date.now() : 0);
    },
    pass: (ms) => {
      time += ms;
    },
  };
  const database = await testDatabase();
  if (!database) await copyFile(await emptySqlite(), join(dataDir, 'tessera.sqlite'), constants.COPYFILE_FICLONE);
  const config = readConfig({
    PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    MIN_FREE_MB: '0',
    ENGINE: 'none',
    SECRET_KEY: 'a-secret-for-tests-of-at-least-32-characters',
    ...(database ? { DATABASE_URL: database.url } : {}),
    ...env,
  });
  const node = await openNode(config, {
    now: clock.now,
    log: log ?? makeLog(config.logLevel),
    queueTimes: { lookEveryMs: 50, graceMs: 2_000, ...queueTimes },
    ...(engineLimits ? { engineLimits } : {}),
    ...(serverTimes ? { serverTimes } : {}),
    ...(classifierTimes ? { classifierTimes } : {}),
    ...(net ? { net } : {}),
    ...(training ? { training } : {}),
  });
  t.after(async () => {
    await node.close();
    await database?.giveBack();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
  });
  return {
    node,
    em: node.orm.em.fork(),
    clock,
    workAs: (account) => node.openWork(account ? viewerOf(account) : null),
    start: async (...processes) => {
      const address = await node.start(processes);
      return address ?? new URL('http://127.0.0.1/');
    },
    settle: () => settle(node),
  };
}

async function settle(node: Node): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (let quiet = 0; quiet < 2; ) {
    await node.queue.look();
    const open = await openWorkCount(node);
    quiet = open === 0 ? quiet + 1 : 0;
    if (Date.now() > deadline) throw new Error(`${open} jobs or events are still open after a minute.`);
    await new Promise((resolve) => setTimeout(resolve, open === 0 ? 10 : 40));
  }
}

/**
 * Due jobs, running jobs and events without their jobs, as they are at one moment: counted one after the other, what
 * becomes a job between the two is in neither.
 */
async function openWorkCount(node: Node): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    node.orm.em.fork(),
    `select (select count(*) from job where state = 'running' or (state = 'queued' and run_at <= ?))
       + (select count(*) from recorded_event where relayed_at is null) as n`,
    [node.now()],
  );
  return toNumber(found?.n);
}

/**
 * A database without rows as the migrations make it: they take longer than most tests, and ran already when another
 * process asked. Its name says of which migrations it is.
 */
async function emptySqlite(): Promise<string> {
  const name = createHash('sha256').update(JSON.stringify(migrations)).digest('hex').slice(0, 16);
  const path = join(tmpdir(), `tessera-empty-${name}.sqlite`);
  if (existsSync(path)) return path;
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-empty-'));
  const orm = await openDatabase({ url: null, dataDir, entities: ENTITIES, log: makeLog('silent') });
  await migrate(orm);
  await orm.close(true);
  await rename(join(dataDir, 'tessera.sqlite'), path);
  await rm(dataDir, { recursive: true, force: true });
  return path;
}

interface TestDatabase {
  readonly url: string;
  /** Emptied, it serves the next test of this file: PostgreSQL makes hundreds of files for a new one. */
  giveBack(): Promise<void>;
}

let serial = 0;
const free: string[] = [];
const made: string[] = [];
// at the end of the file, not of the test that was first; a benchmark that leans on this file is no test
if (process.env.NODE_TEST_CONTEXT)
  after(() => onServer(process.env.TEST_DATABASE_URL ?? '', made.splice(0).map(dropping)));

async function testDatabase(): Promise<TestDatabase | null> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) return null;
  let name = free.pop();
  if (name === undefined) {
    serial += 1;
    name = `tessera_test_${process.pid}_${serial}`;
    made.push(name);
    await onServer(server, [dropping(name), `create database ${name}`]);
  }
  const url = new URL(server);
  url.pathname = `/${name}`;
  const giveBack = async () => {
    await onServer(url.href, [EMPTY]);
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

async function onServer(server: string, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}
