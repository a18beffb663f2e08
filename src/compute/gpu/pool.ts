import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import type { EngineEvent, EngineHello } from '../engine/protocol.ts';
import type { EngineListener, JobOutcome } from '../engine/running-jobs.ts';
import type { ModelSource } from '../models/cache.ts';

/** What a seat's engine is given to do. */
export interface SeatWork {
  readonly type: 'generate' | 'train' | 'resume' | 'caption' | 'merge';
  readonly params: object;
  readonly listener: EngineListener;
  readonly loadBytes: number;
  /** Of the job's run. */
  readonly fence: number;
  readonly sources: readonly ModelSource[];
}

/** An engine as a seat needs it: a process here, or one on a runner. */
export interface SeatEngine
  extends Pick<Engine, 'state' | 'hello' | 'health' | 'start' | 'reset' | 'cancel' | 'pause' | 'load' | 'shutdown'> {
  run(jobId: string, work: SeatWork): Promise<JobOutcome>;
}

/** One engine and the device that it has to itself. */
export class Seat {
  /** Host and device: its row in the table of engines. */
  readonly id: string;
  readonly device: string;
  /** On a runner; null is here. */
  readonly runnerId: string | null;
  readonly engine: SeatEngine;
  jobId: string | null = null;
  /** The hash of the model that it used last. */
  model: string | null = null;
  vramMb = 0;
  /** The owner wants it to take no more. */
  isDrained = false;
  /** The owner wants its whole runner to take no more. */
  isRunnerDrained = false;
  /** There is no engine on this machine. */
  isAbsent = false;
  /** What it was started with is not so any more. */
  isOutdated = false;
  #isClosed = false;

  constructor(
    id: string,
    device: string,
    make: (onEvent: (event: EngineEvent) => void) => SeatEngine,
    runnerId: string | null = null,
  ) {
    this.id = id;
    this.device = device;
    this.runnerId = runnerId;
    this.engine = make((event) => {
      if (event.t === 'hb') this.vramMb = event.vram_mb;
      if (event.t === 'hello') this.model = null; // a fresh process has nothing loaded
    });
  }

  get isUsable(): boolean {
    const isWell = this.engine.state !== 'broken' && this.engine.state !== 'probing';
    return isWell && !this.isDrained && !this.isRunnerDrained && !this.isAbsent;
  }

  get isFree(): boolean {
    return this.isUsable && this.jobId === null;
  }

  /** False when it could not be started, or the node ends: what started then, nobody would end. */
  async start(): Promise<boolean> {
    return !this.#isClosed && (await this.engine.start());
  }

  /** Forgets the crashes and starts it. */
  async reset(): Promise<boolean> {
    return !this.#isClosed && (await this.engine.reset());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.engine.shutdown();
  }

  /** Ends an engine whose folders are other ones now, so that it starts anew. */
  async renew(): Promise<void> {
    if (!this.isOutdated) return;
    this.isOutdated = false;
    await this.engine.shutdown();
  }

  /** False when its engine is known not to run this family of models. */
  runs(family: string | null): boolean {
    const families = this.engine.hello?.caps.families;
    return family === null || families === undefined || family in families;
  }
}

/** A place in the queue was given for a machine that just broke: it may be well again, or another free, in a moment. */
const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** What a job needs of an engine. */
export interface Wanted {
  readonly model: string | null;
  /** Null runs everywhere. */
  readonly family: string | null;
  /** Only an engine of this machine does it. */
  readonly isLocal: boolean;
}

/** The engines of this process: those of this machine, and those of the runners that it drives. */
export class Pool {
  #seats: readonly Seat[];
  /** The owner has runners, there or away: work waits for them. */
  hasRunners = false;

  constructor(seats: readonly Seat[]) {
    this.#seats = seats;
  }

  get seats(): readonly Seat[] {
    return this.#seats;
  }

  add(seat: Seat): void {
    this.#seats = [...this.#seats, seat];
  }

  remove(seat: Seat): void {
    this.#seats = this.#seats.filter((other) => other !== seat);
  }

  usable(): number {
    // without any engine jobs are taken all the same: they end by saying what is missing
    if (!this.hasRunners && this.seats.every(({ isAbsent }) => isAbsent)) return Math.max(1, this.seats.length);
    return this.seats.filter(({ isUsable }) => isUsable).length;
  }

  loaded(): string[] {
    return this.seats.flatMap((seat) => (seat.isFree && seat.model !== null ? [seat.model] : []));
  }

  hello(): EngineHello | null {
    return this.seats.find(({ engine }) => engine.hello)?.engine.hello ?? null;
  }

  /** A free engine, best one that has the model loaded; null when none becomes free in time. */
  async take(jobId: string, { model, family, isLocal }: Wanted, signal: AbortSignal): Promise<Seat | null> {
    for (const end = performance.now() + WAIT_MS; performance.now() < end && !signal.aborted; ) {
      const free = this.seats.filter(
        (seat) => seat.isFree && seat.runs(family) && (seat.runnerId === null || !isLocal),
      );
      const seat =
        free.find((one) => model !== null && one.model === model) ??
        free.find(({ engine }) => engine.state === 'ready') ??
        free[0];
      if (seat) {
        seat.jobId = jobId;
        return seat;
      }
      await wait(LOOK_EVERY_MS);
    }
    return null;
  }

  async close(): Promise<void> {
    await Promise.all(this.seats.map((seat) => seat.close()));
  }
}
