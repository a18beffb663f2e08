import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import type { EngineEvent, EngineHello } from '../engine/protocol.ts';
import type { DeviceNumber } from './devices.ts';

/** One engine and the device that it has to itself. */
export class Seat {
  readonly device: DeviceNumber;
  readonly engine: Engine;
  jobId: string | null = null;
  /** The hash of the model that it used last. */
  model: string | null = null;
  vramMb = 0;
  /** The owner wants it to take no more. */
  isDrained = false;

  constructor(device: DeviceNumber, make: (onEvent: (event: EngineEvent) => void) => Engine) {
    this.device = device;
    this.engine = make((event) => {
      if (event.t === 'hb') this.vramMb = event.vram_mb;
      if (event.t === 'hello') this.model = null; // a fresh process has nothing loaded
    });
  }

  get isUsable(): boolean {
    return !this.isDrained && this.engine.state !== 'broken' && this.engine.state !== 'probing';
  }

  get isFree(): boolean {
    return this.isUsable && this.jobId === null;
  }
}

/** A place in the queue was given for a machine that just broke: it may be well again, or another free, in a moment. */
const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** The engines of this process. */
export class Pool {
  readonly seats: readonly Seat[];

  constructor(
    devices: readonly DeviceNumber[],
    make: (device: DeviceNumber, onEvent: (event: EngineEvent) => void) => Engine,
  ) {
    this.seats = devices.map((device) => new Seat(device, (onEvent) => make(device, onEvent)));
  }

  usable(): number {
    return this.seats.filter(({ isUsable }) => isUsable).length;
  }

  loaded(): string[] {
    return this.seats.flatMap((seat) => (seat.isFree && seat.model !== null ? [seat.model] : []));
  }

  hello(): EngineHello | null {
    return this.seats.find(({ engine }) => engine.hello)?.engine.hello ?? null;
  }

  /** A free engine, best one that has the model loaded; null when none becomes free in time. */
  async take(jobId: string, model: string | null, signal: AbortSignal): Promise<Seat | null> {
    for (const end = performance.now() + WAIT_MS; performance.now() < end && !signal.aborted; ) {
      const free = this.seats.filter(({ isFree }) => isFree);
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
    await Promise.all(this.seats.map(({ engine }) => engine.shutdown()));
  }
}
