import { hostname } from 'node:os';
import type { EntityManager } from '@mikro-orm/core';
import { randomToken } from '../../kit/ids.ts';
import type { Log } from '../../kit/log.ts';
import type { Files } from '../../kit/storage/files.ts';
import { type Pool, Seat } from '../gpu/pool.ts';
import { type Adopted, adoptRunners, leaveRunners } from './adopt.ts';
import { removeStaleOrders } from './orders.ts';
import { RemoteEngine } from './remote-engine.ts';

export interface RunnerSeatsOptions {
  readonly fork: () => EntityManager;
  readonly files: Files;
  readonly now: () => Date;
  readonly log: Log;
  readonly jobDir: string;
  readonly lostMs: number;
  readonly cancelMs: number;
}

const LOOK_EVERY_MS = 1_000;

/** Keeps a seat in the pool for each engine of the runners that this process drives. */
export class RunnerSeats {
  readonly #pool: Pool;
  readonly #options: RunnerSeatsOptions;
  readonly #driver = `${hostname().slice(0, 60)}:${process.pid}:${randomToken(6)}`;
  readonly #engines = new Map<Seat, RemoteEngine>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(pool: Pool, options: RunnerSeatsOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** One look after the other. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await leaveRunners(this.#options.fork(), this.#driver).catch(() => {}); // then it is found out in a while
  }

  async #look(): Promise<void> {
    const { fork, now, log } = this.#options;
    try {
      const { isAny, adopted } = await adoptRunners(fork(), this.#driver, now());
      this.#pool.hasRunners = isAny;
      if (isAny) await removeStaleOrders(fork());
      this.#arrange(adopted);
    } catch (error) {
      log.warn({ err: error }, 'runners');
    }
  }

  #arrange(adopted: readonly Adopted[]): void {
    const wanted = adopted.flatMap((runner) => runner.devices.map((device) => ({ runner, device })));
    for (const [seat] of this.#engines) {
      const isThere = wanted.some(({ runner, device }) => seat.runnerId === runner.id && seat.device === device.device);
      // what it does ends first: by its lease, or because the owner revoked it
      if (isThere || seat.jobId !== null) continue;
      this.#pool.remove(seat);
      this.#engines.delete(seat);
    }
    for (const { runner, device } of wanted) {
      const known = this.#pool.seats.find((seat) => seat.runnerId === runner.id && seat.device === device.device);
      if (known) {
        this.#engines.get(known)?.heard(device);
        known.isRunnerDrained = runner.isDrained;
        continue;
      }
      const { fork, files, now, jobDir, lostMs, cancelMs } = this.#options;
      const engine = new RemoteEngine({ runnerId: runner.id, device, fork, files, now, jobDir, lostMs, cancelMs });
      const seat = new Seat(
        `runner ${runner.name}/${device.device || 'engine'}`,
        device.device,
        () => engine,
        runner.id,
      );
      seat.isRunnerDrained = runner.isDrained;
      this.#engines.set(seat, engine);
      this.#pool.add(seat);
    }
  }
}
