import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import Bull from 'bull';
import { Redis } from 'ioredis';
import type { Log } from '../log.ts';
import { LANES, type Lane } from './define.ts';
import type { Announced, Driver, Turns } from './driver.ts';

/** A message that arrived a moment before its row is due would find nothing. */
const CLOCK_SLACK_MS = 50;

/** A Redis that is gone does not keep the process from ending. */
const UNREACHABLE_AFTER_MS = 3000;

interface BullOptions {
  readonly url: URL;
  readonly prefix: string;
  readonly log: Log;
  readonly now: () => Date;
  /** For this long Bull takes a message for being worked on without a renewal. */
  readonly lockMs: number;
}

/**
 * Bull carries the ids of rows: it wakes whichever process has room. What a message says is only "look into this lane";
 * the claim is in the database. So its weak points do no harm: a message that is delivered twice (its lock renewal is a
 * chain that ends at the first failure) or not at all changes nothing but the time of the run. It gets no priority,
 * since the claim takes the row that comes first, and Bull's sorted insert costs O(n).
 */
export class BullDriver implements Driver {
  readonly #queues: ReadonlyMap<Lane, Bull.Queue>;
  readonly #clients: Redis[] = [];
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #channel: string;
  readonly #log: Log;
  readonly #now: () => Date;
  #isClosed = false;

  constructor({ url, prefix, log, now, lockMs }: BullOptions) {
    this.#log = log;
    this.#now = now;
    this.#channel = `${prefix}:changed`;
    const connect = () => {
      // Bull's blocking connection must wait for ever, and may not ask whether Redis is ready
      const client = new Redis(url.href, { maxRetriesPerRequest: null, enableReadyCheck: false });
      client.on('error', (error) => log.warn({ err: error }, 'redis'));
      if (this.#isClosed) client.disconnect(); // Bull asks for a connection late, and nobody would end that one
      this.#clients.push(client);
      return client;
    };
    this.#publisher = connect();
    this.#subscriber = connect();
    const shared = { client: this.#publisher, subscriber: connect() };
    this.#queues = new Map(
      LANES.map((lane) => {
        const queue = new Bull(lane, {
          prefix,
          createClient: (kind) => (kind === 'bclient' ? connect() : shared[kind]),
          settings: { lockDuration: lockMs, stalledInterval: lockMs / 2, maxStalledCount: 1_000_000 },
          defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
        });
        // nobody reads the name; Bull gives it without looking what becomes of that, and at the end of a process whose
        // connection does not stand yet it fails
        Object.assign(queue, { setWorkerName: () => {} });
        queue.on('error', (error) => log.warn({ err: error, lane }, 'bull'));
        return [lane, queue];
      }),
    );
    this.#subscriber.on('message', (_channel, jobId) => this.#changes.emit('change', jobId));
    this.#subscriber.subscribe(this.#channel).catch((error) => log.warn({ err: error }, 'redis'));
  }

  announce(jobs: readonly Announced[]): void {
    for (const { id, lane, runAt, fence } of jobs) {
      const delayMs = runAt.getTime() - this.#now().getTime();
      this.#queues
        .get(lane)
        // with an id of its own, so that announcing twice what Redis still has is nothing
        ?.add({}, { jobId: `${id}.${fence}`, ...(delayMs > 0 ? { delay: delayMs + CLOCK_SLACK_MS } : {}) })
        .catch((error) => this.#log.warn({ err: error, lane }, 'job not announced; the relay will'));
    }
  }

  async serve(lanes: ReadonlyMap<Lane, number>, turns: Turns): Promise<void> {
    for (const [lane, concurrency] of lanes) {
      this.#queues
        .get(lane)
        ?.process(concurrency, () => turns.runOne(lane))
        .catch((error) => this.#log.error({ err: error, lane }, 'bull'));
    }
  }

  async pause(): Promise<void> {
    // local, and without waiting for what runs: the worker hands that back
    const pausing = Promise.allSettled([...this.#queues.values()].map((queue) => queue.pause(true, true)));
    await Promise.race([pausing, setTimeout(UNREACHABLE_AFTER_MS, null, { ref: false })]);
  }

  changed(jobId: string): void {
    this.#publisher.publish(this.#channel, jobId).catch((error) => this.#log.warn({ err: error }, 'redis'));
  }

  onChange(listener: (jobId: string) => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  async close(): Promise<void> {
    const closing = Promise.allSettled([...this.#queues.values()].map((queue) => queue.close(true)));
    await Promise.race([closing, setTimeout(UNREACHABLE_AFTER_MS, null, { ref: false })]);
    this.#isClosed = true;
    for (const client of this.#clients) client.disconnect();
    this.#changes.removeAllListeners();
  }
}
