import { setTimeout as wait } from 'node:timers/promises';
import { inList, rows } from '../database/sql.ts';
import { type Claim, type ClaimRequest, claimAlong, claimNext } from './claim.ts';
import type { JobDefinition, Lane, Places } from './define.ts';
import type { Turns } from './driver.ts';
import { isFair } from './fair/state.ts';
import { collectLost, handBack } from './lease.ts';
import { Run, type RunParts } from './run.ts';

export interface WorkerSettings extends RunParts {
  readonly owner: string;
  readonly lanes: ReadonlyMap<Lane, number>;
  readonly places: ReadonlyMap<Lane, Places>;
  readonly definitions: ReadonlyMap<string, JobDefinition>;
}

/** Each still holds a little memory and perhaps some sockets. */
const MOST_ASIDE = 400;

/** Claims and runs jobs in this process. */
export class Worker implements Turns {
  readonly #settings: WorkerSettings;
  readonly #runs = new Map<string, Run>();
  readonly #busy = new Map<Lane, number>();
  readonly #pumping = new Map<Lane, 'once' | 'again'>();
  readonly #waiting: (() => void)[] = [];
  /** Runs that only wait for others and left their places. */
  readonly #aside = new Set<Run>();
  #isStopped = false;

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
  }

  pump(lane: Lane): void {
    if (this.#pumping.has(lane)) {
      this.#pumping.set(lane, 'again');
      return;
    }
    this.#pumping.set(lane, 'once');
    this.#pumpAll(lane).catch((error) => this.#settings.log.error({ err: error, lane }, 'claiming failed'));
  }

  async runOne(lane: Lane): Promise<void> {
    while (!this.#hasRoom(lane) && !this.#isStopped) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const run = await this.#begin(lane);
    if (run) await Promise.race([run.ended, run.aside]);
  }

  /** Somebody changed a job: if it runs here, it may have been cancelled. */
  async look(jobId: string): Promise<void> {
    await this.#runs.get(jobId)?.look();
  }

  /** Finds what no signal told of: due rows, rows whose process died. Returns the lanes that have due rows. */
  async findDue(): Promise<Lane[]> {
    const { fork, now, lanes, driver } = this.#settings;
    for (const id of await collectLost(fork(), now())) driver.changed(id);
    const names = [...lanes.keys()];
    const due = await rows<{ lane: Lane }>(
      fork(),
      `select distinct lane from job where state = 'queued' and run_at <= ? and lane in (${inList(names)})`,
      [now(), ...names],
    );
    return due.map(({ lane }) => lane);
  }

  /** Begins nothing more, lets what runs end for a while, then asks it to stop and hands the rest back. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
    const settled = () => Promise.all([...this.#runs.values()].map((run) => run.ended));
    const within = (ms: number) => {
      const end = new AbortController();
      return Promise.race([settled(), wait(ms, null, { signal: end.signal, ref: true }).catch(() => null)]).finally(
        () => end.abort(),
      );
    };
    await within(graceMs / 2);
    for (const run of this.#runs.values()) run.stop();
    await within(graceMs / 2);
    for (const { claim } of this.#runs.values()) await handBack(this.#settings.fork(), claim);
  }

  async #pumpAll(lane: Lane): Promise<void> {
    try {
      for (;;) {
        while (this.#hasRoom(lane) && (await this.#begin(lane))) {
          // begun: look for the next
        }
        if (this.#pumping.get(lane) !== 'again' || !this.#hasRoom(lane)) return;
        this.#pumping.set(lane, 'once');
      }
    } finally {
      this.#pumping.delete(lane);
    }
  }

  async #begin(lane: Lane): Promise<Run | null> {
    if (!this.#hasRoom(lane)) return null;
    this.#occupy(lane, 1); // before the claim, for others may ask for room meanwhile
    const claim = await claimNext(this.#settings.fork(), this.#requestOf(lane)).catch((error) => {
      this.#occupy(lane, -1);
      throw error;
    });
    if (!claim) {
      this.#occupy(lane, -1);
      return null;
    }
    return this.#start(claim, 'held');
  }

  /** While a place is free the jobs go there, and are done at the same time. */
  async #bring(lane: Lane, isWanted: (jobId: string) => boolean): Promise<readonly string[]> {
    if (this.#isStopped || !isFair(lane) || this.#hasRoom(lane)) return [];
    const claims = await claimAlong(this.#settings.fork(), this.#requestOf(lane), isWanted);
    for (const claim of claims) this.#start(claim, 'left');
    return claims.map(({ id }) => id);
  }

  #requestOf(lane: Lane): ClaimRequest {
    const { owner, now, leaseMs, places } = this.#settings;
    return { lane, owner, now: now(), leaseMs, loaded: places.get(lane)?.loaded() ?? [] };
  }

  #start(claim: Claim, its: 'held' | 'left'): Run {
    const { lane } = claim;
    const definition = this.#settings.definitions.get(claim.name);
    const run = new Run(this.#settings, claim, definition, (isWanted) => this.#bring(lane, isWanted));
    this.#runs.set(claim.id, run);
    let place = its;
    const leave = () => {
      if (place === 'held') this.#occupy(lane, -1);
      place = 'left';
      this.#waiting.shift()?.();
      // a place is free, or its end has made room in a partition
      this.pump(lane);
    };
    void run.aside.then(() => {
      if (this.#aside.size >= MOST_ASIDE || !this.#runs.has(claim.id)) return;
      this.#aside.add(run);
      leave();
    });
    run.ended
      .catch((error) => this.#settings.log.error({ err: error, job: claim.name, id: claim.id }, 'job not concluded'))
      .finally(() => {
        if (this.#runs.get(claim.id) === run) this.#runs.delete(claim.id);
        this.#aside.delete(run);
        leave();
      });
    return run;
  }

  #hasRoom(lane: Lane): boolean {
    const { lanes, places } = this.#settings;
    const most = places.get(lane)?.usable() ?? lanes.get(lane) ?? 0;
    return !this.#isStopped && (this.#busy.get(lane) ?? 0) < most;
  }

  #occupy(lane: Lane, change: number): void {
    this.#busy.set(lane, (this.#busy.get(lane) ?? 0) + change);
  }
}
