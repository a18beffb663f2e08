import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/core';
import { Redis } from 'ioredis';
import { openDatabase } from '../../src/kit/database/open.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import type { Wiring } from '../../src/kit/events/wiring.ts';
import { makeLog } from '../../src/kit/log.ts';
import type { JobDefinition, Lane } from '../../src/kit/queue/define.ts';
import { FairLane, FairShare } from '../../src/kit/queue/fair/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import type { EnqueueOptions } from '../../src/kit/queue/jobs.ts';
import { openQueue, type Queue, type QueueTimes, type StartSettings } from '../../src/kit/queue/open.ts';
import { DiskFiles } from '../../src/kit/storage/disk.ts';

const REDIS_URL = process.env.TEST_REDIS_URL ?? process.env.REDIS_URL;
const DATABASE_URL = process.env.TEST_DATABASE_URL;

export interface Ground {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly skip: string | false;
  readonly redisUrl: URL | null;
  readonly isPostgresql: boolean;
}

/** A database of its own in Redis, so that emptying it harms nobody. */
const redisUrl = (): URL | null => {
  if (!REDIS_URL) return null;
  const url = new URL(REDIS_URL);
  url.pathname = '/13';
  return url;
};

export const GROUNDS: readonly Ground[] = [
  { name: 'embedded on SQLite', skip: false, redisUrl: null, isPostgresql: false },
  {
    name: 'embedded on PostgreSQL',
    skip: !DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL',
    redisUrl: null,
    isPostgresql: true,
  },
  {
    name: 'Bull on SQLite',
    skip: !REDIS_URL && 'REDIS_URL names no Redis',
    redisUrl: redisUrl(),
    isPostgresql: false,
  },
  {
    name: 'Bull on PostgreSQL',
    skip: (!REDIS_URL || !DATABASE_URL) && 'REDIS_URL or TEST_DATABASE_URL is not given',
    redisUrl: redisUrl(),
    isPostgresql: true,
  },
];

export const pause = (ms: number): Promise<void> => wait(ms);

/** Waits until it is so; fails after ten seconds. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `${what}: not within ${withinMs} ms`);
    await pause(15);
  }
}

/** The time moves with the real one, and can be moved on. */
class Clock {
  #offsetMs = 0;
  readonly now = (): Date => new Date(Date.now() + this.#offsetMs);
  moveOn(ms: number): void {
    this.#offsetMs += ms;
  }
}

/** A process of the node, as far as the queue knows: its own connections and its own worker. */
interface Process {
  readonly queue: Queue;
  readonly orm: MikroORM;
  /** Enqueues in a transaction of its own. */
  enqueue(job: JobDefinition, payload: unknown, options?: EnqueueOptions): Promise<string>;
}

interface ProcessOptions extends Pick<StartSettings, 'concurrency' | 'places'> {
  readonly lanes?: readonly Lane[];
  readonly wiring?: Wiring;
  readonly times?: Partial<QueueTimes>;
  readonly random?: () => number;
}

export interface Place {
  readonly databaseUrl: URL;
  readonly redisUrl: URL | null;
  readonly redisPrefix: string;
  readonly clock: Clock;
  em(): EntityManager;
  jobRow(id: string): Promise<Job>;
  openProcess(jobs: readonly JobDefinition[], options?: ProcessOptions): Promise<Process>;
}

/** What the queue stands on. */
export const QUEUE_TABLES = [Job, FairLane, FairShare, RecordedEvent];

const MEDIA: readonly Lane[] = ['media'];

const FAST: QueueTimes = {
  leaseMs: 1500,
  renewEveryMs: 300,
  lookEveryMs: 100,
  relayEveryMs: 500,
  graceMs: 1000,
};

/** A fresh database and a fresh prefix in Redis, removed at the end of the test. */
export async function openPlace(t: TestContext, ground: Ground): Promise<Place> {
  const endings: Endings = [];
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  const log = makeLog(process.env.TEST_LOG ?? 'silent');
  const { url: databaseUrl, folder, name } = await freshDatabase(endings, ground.isPostgresql);
  if (ground.redisUrl) endings.push(() => forgetKeys(ground.redisUrl, name));
  const files = await DiskFiles.at(`${folder}/files`);
  const clock = new Clock();
  const open = async () => {
    const orm = await openDatabase({ url: databaseUrl, dataDir: folder, entities: QUEUE_TABLES, log, pool: 5 });
    endings.push(() => orm.close(true));
    return orm;
  };
  const watcher = await open();
  await watcher.schema.createSchema();
  return {
    databaseUrl,
    redisUrl: ground.redisUrl,
    redisPrefix: name,
    clock,
    em: () => watcher.em.fork(),
    jobRow: (id) => watcher.em.fork().findOneOrFail(Job, id),
    async openProcess(jobs, { lanes = MEDIA, wiring = [], times = {}, random = () => 0.5, ...rest } = {}) {
      const orm = await open();
      const queue = await openQueue({
        ...{ orm, files, log, now: clock.now, random },
        ...{ redisUrl: ground.redisUrl, redisPrefix: name, times: { ...FAST, ...times } },
      });
      endings.push(() => queue.close());
      await queue.start({ jobs, words: { read: async () => null }, wiring, lanes, ...rest });
      return {
        queue,
        orm,
        async enqueue(job, payload, options) {
          const em = orm.em.fork();
          const id = queue.jobs.enqueue(em, job, payload, options);
          await em.flush();
          return id;
        },
      };
    },
  };
}

async function forgetKeys(url: URL | null, prefix: string): Promise<void> {
  const redis = new Redis(url?.href ?? '', { maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  const keys = await redis.keys(`${prefix}:*`).catch(() => []); // one that is gone has forgotten them
  if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
}

type Endings = (() => Promise<unknown>)[];

/** An empty database; what removes it is added to `endings`. */
export async function freshDatabase(endings: Endings, isPostgresql: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-database-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const name = `tessera_test_${randomBytes(6).toString('hex')}`;
  const url = isPostgresql ? await scratchDatabase(endings, name) : new URL(`sqlite:${folder}/t.sqlite`);
  return { url, folder, name };
}

async function scratchDatabase(endings: Endings, name: string): Promise<URL> {
  const url = new URL(DATABASE_URL ?? '');
  const admin = await openDatabase({ url, dataDir: '.', entities: [RecordedEvent], log: makeLog('silent'), pool: 1 });
  await rows(admin.em.fork(), `create database ${name}`);
  await admin.close(true);
  endings.push(async () => {
    const again = await openDatabase({ url, dataDir: '.', entities: [RecordedEvent], log: makeLog('silent'), pool: 1 });
    await rows(again.em.fork(), `drop database if exists ${name} with (force)`);
    await again.close(true);
  });
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own;
}
