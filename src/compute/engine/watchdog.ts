import type { EngineEvent } from './protocol.ts';

/** Limits on silence. spec: supervisor rules of the engine; tests make them short. */
export interface EngineLimits {
  readonly startMs: number;
  readonly ackMs: number;
  readonly heartbeatMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly killMs: number;
  /** From `cancel` to SIGKILL. */
  readonly cancelMs: number;
  /** From `pause` to the end of the engine: the state of a training is some hundred MB. */
  readonly pauseMs: number;
  /** Without a new step; or twenty times the median step, where that is longer. */
  readonly stepMs: number;
  /** Added to the time that the bytes of the model take at 50 MB/s. */
  readonly loadMs: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
  /** Waits before the first, second, … respawn. */
  readonly backoffMs: readonly number[];
  /** This many crashes within `crashWindowMs` and the engine counts as broken. */
  readonly maxCrashes: number;
  readonly crashWindowMs: number;
  /** A broken engine is tried again after that long, without a job. */
  readonly probeAfterMs: number;
}

const LOAD_BYTES_PER_MS = 50_000;

export const ENGINE_LIMITS: EngineLimits = {
  startMs: 180_000,
  ackMs: 10_000,
  heartbeatMs: 30_000,
  killMs: 10_000,
  cancelMs: 10_000,
  pauseMs: 120_000,
  stepMs: 120_000,
  loadMs: 180_000,
  encodeMs: 60_000,
  decodeMs: 120_000,
  backoffMs: [1_000, 2_000, 5_000, 15_000],
  maxCrashes: 3,
  crashWindowMs: 600_000,
  probeAfterMs: 600_000,
};

export const loadLimitMs = ({ loadMs }: Pick<EngineLimits, 'loadMs'>, bytes: number): number =>
  loadMs + bytes / LOAD_BYTES_PER_MS;

/** Notices an engine that lives but does not get on. Times are milliseconds of a clock that never goes back. */
export class Watchdog {
  readonly #limits: EngineLimits;
  #lifeAt: number;
  #movedAt: number;
  #phase: string | null = null;
  #step = -1;
  #stepsMs: number[] = [];
  #loadBytes = 0;

  constructor(limits: EngineLimits, nowMs: number) {
    this.#limits = limits;
    this.#lifeAt = nowMs;
    this.#movedAt = nowMs;
  }

  /** A job begins that may load that much. */
  expectLoad(bytes: number): void {
    this.#loadBytes = bytes;
  }

  saw(event: EngineEvent, nowMs: number): void {
    this.#lifeAt = nowMs;
    if (event.t === 'progress') {
      if (event.phase === this.#phase && event.step === this.#step) return;
      const steps = event.step - this.#step;
      if (event.phase === this.#phase && steps > 0) {
        this.#stepsMs.push((nowMs - this.#movedAt) / steps);
        if (this.#stepsMs.length > 50) this.#stepsMs.shift();
      }
      this.#phase = event.phase;
      this.#step = event.step;
      this.#movedAt = nowMs;
    }
    const isOver = event.t === 'result' || event.t === 'cancelled' || event.t === 'paused';
    if (isOver || (event.t === 'error' && event.job)) {
      this.#phase = null;
      this.#step = -1;
      this.#stepsMs = [];
    }
  }

  /** Why the engine should be ended, or null. */
  overdue(nowMs: number): string | null {
    if (nowMs - this.#lifeAt > this.#limits.heartbeatMs) return 'no heartbeat';
    if (this.#phase && nowMs - this.#movedAt > this.#limitMs(this.#phase)) return `no progress while in ${this.#phase}`;
    return null;
  }

  #limitMs(phase: string): number {
    if (phase === 'load') return loadLimitMs(this.#limits, this.#loadBytes);
    if (phase === 'encode') return this.#limits.encodeMs;
    if (phase === 'decode' || phase === 'save') return this.#limits.decodeMs;
    if (phase === 'queued_local') return Number.POSITIVE_INFINITY;
    const sorted = [...this.#stepsMs].sort((a, b) => a - b);
    return Math.max(this.#limits.stepMs, 20 * (sorted[sorted.length >> 1] ?? 0));
  }
}
