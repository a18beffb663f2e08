import { constants } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import { viewerOf } from '../src/accounts/access/identify.ts';
import type { Account } from '../src/accounts/model.ts';
import type { EngineLimits } from '../src/compute/engine/watchdog.ts';
import type { ServerTimes } from '../src/compute/server/engine.ts';
import { readConfig } from '../src/kit/config.ts';
import { rows, toNumber } from '../src/kit/database/sql.ts';
import { type Log, makeLog } from '../src/kit/log.ts';
import type { Work } from '../src/kit/work.ts';
import { type Node, openNode, type Process } from '../src/node.ts';
import type { NodeOptions } from '../src/parts.ts';
import { emptySqlite, testDatabase } from './databases.ts';
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
    queueTimes: { lookEveryMs: 250, graceMs: 2_000, ...queueTimes },
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
  const deadline = Date.now() + 180_000;
  for (let quiet = 0; quiet < 2; ) {
    await node.queue.look();
    const open = await openWorkCount(node);
    quiet = open === 0 ? quiet + 1 : 0;
    if (Date.now() > deadline) throw new Error(`${open} jobs or events are still open after three minutes.`);
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
