import { hostname } from 'node:os';
import type { EntityManager, MikroORM } from '@mikro-orm/core';
import { rows, toDate } from '../database/sql.ts';
import { pruneEvents, relayEvents } from '../events/relay.ts';
import type { Wiring } from '../events/wiring.ts';
import { randomToken } from '../ids.ts';
import type { Log } from '../log.ts';
import type { Files } from '../storage/files.ts';
import type { Words } from '../work.ts';
import { CommitHook } from './commit-hook.ts';
import type { JobDefinition, Lane, Places } from './define.ts';
import type { Announced, Driver } from './driver.ts';
import { EmbeddedDriver } from './embedded.ts';
import { enqueueJob } from './enqueue.ts';
import { pruneJobs } from './failed.ts';
import { Forecasts } from './fair/plan.ts';
import type { Jobs } from './jobs.ts';
import { watchJob } from './watch.ts';
import { Worker } from './worker.ts';

/** How many jobs of a lane one process runs at once. Deliveries wait for other machines, the rest works here. */
const CONCURRENCY: Record<Lane, number> = { inbox: 4, delivery: 48, media: 2, mail: 2, clock: 1, gpu: 1 };

const DAY_MS = 86_400_000;
const KEEP_ENDED_DAYS = 7;

export interface QueueTimes {
  /** For this long a job is ours without renewal (spec/engine.md, 5: 60 s and 10 s). */
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  /** How often a worker looks into the table by itself. */
  readonly lookEveryMs: number;
  /** How often rows are announced again that a driver may have lost. */
  readonly relayEveryMs: number;
  /** What jobs get to end by themselves at shutdown. */
  readonly graceMs: number;
}
const TIMES: Omit<QueueTimes, 'lookEveryMs'> = {
  leaseMs: 60_000,
  renewEveryMs: 10_000,
  relayEveryMs: 60_000,
  graceMs: 10_000,
};

export interface QueueSettings {
  readonly orm: MikroORM;
  readonly files: Files;
  readonly log: Log;
  readonly now: () => Date;
  /** Null takes the embedded driver. */
  readonly redisUrl: URL | null;
  /** Of the keys in Redis, for nodes that share one. */
  readonly redisPrefix?: string;
  readonly times?: Partial<QueueTimes>;
  /** 0 up to 1; tests hold it still. */
  readonly random?: () => number;
}

export interface StartSettings {
  readonly words: Words;
  readonly jobs: readonly JobDefinition[];
  readonly wiring: Wiring;
  /** The lanes that this process works on; none makes it a process that only writes jobs and relays events. */
  readonly lanes: readonly Lane[];
  readonly concurrency?: Partial<Record<Lane, number>>;
  readonly places?: Partial<Record<Lane, Places>>;
}

/** Makes the queue of this process. */
export async function openQueue(settings: QueueSettings): Promise<Queue> {
  return new Queue(settings, await openDriver(settings));
}

async function openDriver({ redisUrl, redisPrefix = 'tessera', log, now, times }: QueueSettings): Promise<Driver> {
  if (!redisUrl) return new EmbeddedDriver(now);
  // Bull and its client of Redis take 30 MB, which a node without Redis keeps
  const { BullDriver } = await import('./bull.ts');
  const lockMs = times?.leaseMs ?? TIMES.leaseMs;
  return new BullDriver({ url: redisUrl, prefix: redisPrefix, log, now, lockMs });
}

export class Queue {
  readonly jobs: Jobs;
  readonly #settings: QueueSettings;
  readonly #times: QueueTimes;
  readonly #driver: Driver;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #forecasts: Forecasts;
  #worker: Worker | null = null;
  #wiring: Wiring | null = null;
  #relaying: 'no' | 'once' | 'again' = 'no';
  /** What was begun in the background; awaited before the database is closed. */
  readonly #background = new Set<Promise<unknown>>();

  constructor(settings: QueueSettings, driver: Driver) {
    const { orm, now, redisUrl } = settings;
    this.#settings = settings;
    // with Redis, looking only finds what died or was lost; without, it is how other processes' rows are found
    this.#times = { ...TIMES, lookEveryMs: redisUrl ? 10_000 : 1_000, ...settings.times };
    this.#driver = driver;
    this.#forecasts = new Forecasts(this.#fork, now);
    orm.em.getEventManager().registerSubscriber(
      new CommitHook(({ jobs, hasEvents }) => {
        this.#driver.announce(jobs);
        if (hasEvents) this.#relaySoon();
      }),
    );
    this.jobs = {
      enqueue: (em, job, payload, options = {}) => enqueueJob(em, job, payload, options, now()),
      cancel: (em, jobId) => this.#cancel(em, jobId),
      forecast: (lane, jobId) => this.#forecasts.of(lane, jobId),
      signal: (topic) => this.#driver.changed(topic),
      onSignal: (listener) => this.#driver.onChange(listener),
      watch: (jobId, signal) => watchJob(this.#fork, this.#driver, this.#forecasts, jobId, signal),
    };
  }

  /** Begins to work on the lanes, and to relay events and forgotten rows. */
  async start({ jobs, words, wiring, lanes, concurrency = {}, places = {} }: StartSettings): Promise<void> {
    this.#wiring = wiring;
    const { now, log, files, random = Math.random } = this.#settings;
    const most = (lane: Lane) => places[lane]?.most ?? concurrency[lane] ?? CONCURRENCY[lane];
    const serving = new Map(lanes.map((lane) => [lane, most(lane)]));
    const worker = new Worker({
      fork: this.#fork,
      openWork: () => ({ em: this.#fork(), viewer: null, jobs: this.jobs, files, words, now }),
      driver: this.#driver,
      log,
      now,
      random,
      leaseMs: this.#times.leaseMs,
      renewEveryMs: this.#times.renewEveryMs,
      owner: `${hostname().slice(0, 30)}:${process.pid}:${randomToken(6)}`,
      lanes: serving,
      places: new Map(lanes.flatMap((lane) => (places[lane] ? [[lane, places[lane]]] : []))),
      definitions: new Map(jobs.map((job) => [job.name, job])),
    });
    this.#worker = worker;
    this.#driver.onChange((jobId) => this.#inBackground(worker.look(jobId)));
    if (lanes.length > 0) await this.#driver.serve(serving, worker);
    this.#every(this.#times.lookEveryMs, () => this.look());
    if (this.#settings.redisUrl) this.#every(this.#times.relayEveryMs, () => this.announceDue());
    this.#every(3_600_000, () => this.#prune());
  }

  /** Relays events and begins due jobs without having been told of them; on a timer, and in tests. */
  async look(): Promise<void> {
    this.#relaySoon();
    for (const lane of (await this.#worker?.findDue()) ?? []) this.#worker?.pump(lane);
  }

  /** Tells the driver of due rows that it may have lost. */
  async announceDue(): Promise<void> {
    const due = await rows<{ id: string; lane: Lane; run_at: unknown; fence: number }>(
      this.#fork(),
      `select id, lane, run_at, fence from job where state = 'queued' order by run_at limit 5000`,
    );
    this.#driver.announce(due.map((row): Announced => ({ ...row, runAt: toDate(row.run_at) })));
  }

  /** Hands running jobs back and closes the driver. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#wiring = null;
    await this.#driver.pause();
    await this.#worker?.stop(this.#times.graceMs);
    await Promise.allSettled(this.#background);
    await this.#driver.close();
  }

  async #cancel(em: EntityManager, jobId: string): Promise<boolean> {
    const now = this.#settings.now();
    const found = await rows(
      em,
      `update job set cancel_requested_at = ?, revision = revision + 1,
        finished_at = case when state = 'queued' then ? else finished_at end,
        state = case when state = 'queued' then 'cancelled' else state end
        where id = ? and state in ('queued', 'running') returning id`,
      [now, now, jobId],
    );
    if (found.length > 0) this.#driver.changed(jobId);
    return found.length > 0;
  }

  #relaySoon(): void {
    if (!this.#wiring) return;
    if (this.#relaying !== 'no') {
      this.#relaying = 'again';
      return;
    }
    this.#relaying = 'once';
    this.#inBackground(this.#relay());
  }

  async #relay(): Promise<void> {
    try {
      do {
        this.#relaying = 'once';
        await relayEvents(this.#fork, this.#wiring ?? [], this.#settings.now);
      } while ((this.#relaying as string) === 'again');
    } finally {
      this.#relaying = 'no';
    }
  }

  async #prune(): Promise<void> {
    const before = new Date(this.#settings.now().getTime() - KEEP_ENDED_DAYS * DAY_MS);
    await pruneJobs(this.#fork(), before);
    await pruneEvents(this.#fork(), before);
  }

  readonly #fork = (): EntityManager => this.#settings.orm.em.fork();

  #every(ms: number, act: () => Promise<void>): void {
    this.#inBackground(act());
    this.#timers.push(setInterval(() => this.#inBackground(act()), ms));
  }

  #inBackground(work: Promise<unknown>): void {
    const tracked = work
      .catch((error) => this.#settings.log.error({ err: error }, 'queue'))
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}
