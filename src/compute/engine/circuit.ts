import type { EngineLimits } from './watchdog.ts';

/** What is done after a crash: start again after a while, or leave it until a probe or a person. */
export type AfterCrash =
  | { readonly act: 'respawn'; readonly waitMs: number }
  | { readonly act: 'open'; readonly probeMs: number };

type CrashLimits = Pick<EngineLimits, 'backoffMs' | 'maxCrashes' | 'crashWindowMs' | 'probeAfterMs'>;

/** Counts crashes: three in ten minutes open the circuit (spec/engine.md 1.1). Times as in `Watchdog`. */
export class Circuit {
  readonly #limits: CrashLimits;
  #crashesAt: number[] = [];

  constructor(limits: CrashLimits) {
    this.#limits = limits;
  }

  crashesWithin(nowMs: number): number {
    this.#crashesAt = this.#crashesAt.filter((at) => nowMs - at < this.#limits.crashWindowMs);
    return this.#crashesAt.length;
  }

  crashed(nowMs: number): AfterCrash {
    const crashes = this.crashesWithin(nowMs) + 1;
    this.#crashesAt.push(nowMs);
    const { maxCrashes, backoffMs, probeAfterMs } = this.#limits;
    if (crashes >= maxCrashes) return { act: 'open', probeMs: probeAfterMs };
    return { act: 'respawn', waitMs: backoffMs[Math.min(crashes, backoffMs.length) - 1] ?? 0 };
  }

  /** A probe went well: one more crash within the window opens it again. */
  halfClose(nowMs: number): void {
    this.#crashesAt = Array.from({ length: this.#limits.maxCrashes - 1 }, () => nowMs);
  }

  close(): void {
    this.#crashesAt = [];
  }
}
