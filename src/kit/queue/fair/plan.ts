import type { EntityManager } from '@mikro-orm/core';
import { rows, toDateOrNull } from '../../database/sql.ts';
import type { Lane } from '../define.ts';
import { decide } from './decide.ts';
import { type LaneState, listWaiting, readLane } from './state.ts';

export interface Forecast {
  /** Jobs that begin before it. */
  readonly place: number;
  /** Null while nothing works on the lane. */
  readonly startsInSeconds: number | null;
}

/** Beyond it nobody is told their place; a queue is that long on no node that is alive. */
const MOST_PLANNED = 1_000;

/** When each job that waits would begin if nobody else came: the decisions that claims will make, one after the other. */
export function forecast(
  { state, rules, servers, isPaused }: LaneState,
  waiting: Parameters<typeof decide>[1],
  busySeconds: readonly number[],
): Map<string, Forecast> {
  const found = new Map<string, Forecast>();
  const free = Array.from({ length: servers }, (_, n) => busySeconds[n] ?? 0);
  let left = waiting;
  let now = state;
  while (left.length > 0 && found.size < MOST_PLANNED) {
    const decision = decide(now, left, [], rules);
    if (!decision) break;
    const { job } = decision;
    now = decision.state;
    left = left.filter(({ id }) => id !== job.id);
    free.sort((a, b) => a - b);
    const startsIn = free[0];
    found.set(job.id, { place: found.size, startsInSeconds: isPaused ? null : (startsIn ?? null) });
    if (startsIn !== undefined) free[0] = startsIn + job.costSeconds;
  }
  return found;
}

async function forecastLane(em: EntityManager, lane: Lane, now: Date): Promise<Map<string, Forecast>> {
  const waiting = await listWaiting(em, lane, now, MOST_PLANNED);
  if (waiting.length === 0) return new Map();
  const running = await rows<{ cost_seconds: number; started_at: unknown }>(
    em,
    `select cost_seconds, started_at from job where lane = ? and state = 'running'`,
    [lane],
  );
  const busy = running.map(({ cost_seconds: cost, started_at: at }) => {
    const ranSeconds = (now.getTime() - (toDateOrNull(at) ?? now).getTime()) / 1000;
    return Math.max(0, cost - ranSeconds);
  });
  busy.sort((a, b) => b - a);
  return forecast(await readLane(em, lane), waiting, busy);
}

const FRESH_MS = 1_000;

/** One forecast a second serves everybody who watches. */
export class Forecasts {
  readonly #known = new Map<Lane, { readonly atMs: number; readonly plan: Promise<Map<string, Forecast>> }>();
  readonly #fork: () => EntityManager;
  readonly #now: () => Date;

  constructor(fork: () => EntityManager, now: () => Date) {
    this.#fork = fork;
    this.#now = now;
  }

  async of(lane: Lane, jobId: string): Promise<Forecast | null> {
    const known = this.#known.get(lane);
    if (known && performance.now() - known.atMs < FRESH_MS) {
      const found = (await known.plan).get(jobId);
      if (found) return found;
    }
    const plan = forecastLane(this.#fork(), lane, this.#now());
    plan.catch(() => this.#known.delete(lane));
    this.#known.set(lane, { atMs: performance.now(), plan });
    return (await plan).get(jobId) ?? null;
  }
}
