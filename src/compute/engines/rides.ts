import type { JobHandle } from '../../kit/queue/define.ts';
import { groupKeyOf, imagesOf } from '../engine/group.ts';
import type { EngineRun, EngineWork } from './drive.ts';
import { alone, Ride, type Rider } from './ride.ts';

/** A job of the queue that could be made together with another. */
export interface Match {
  readonly jobId: string;
  readonly images: number;
}

interface Runs {
  run(jobId: string, work: EngineWork): Promise<EngineRun>;
  clean(id: string): Promise<void>;
  isBatching(): boolean;
}

type Needs = Pick<EngineWork, 'model' | 'family' | 'sources'>;

/**
 * Makes together what may be made together. Whoever is about to run brings along those who would be next anyway and
 * whose requests have the same group key. They never fail by each other: what failed together is tried again alone.
 */
export class Rides {
  readonly #engines: Runs;
  /** By each job that is in one. */
  readonly #rides = new Map<string, Ride>();
  /** Those whose first job has ended before them: the place in the queue is its, the engine is theirs. */
  readonly #running = new Map<Ride, { readonly leader: string }>();

  constructor(engines: Runs) {
    this.#engines = engines;
  }

  /** Engines that work for rides whose first job has left its place in the queue. */
  get orphans(): number {
    return [...this.#running.values()].filter(({ leader }) => !this.#rides.has(leader)).length;
  }

  /** Runs it, with others where some match. `leave` has to follow in the end. */
  async run(
    handle: Pick<JobHandle, 'jobId' | 'fence' | 'attempt' | 'bringAlong'>,
    rider: Rider,
    needs: Needs,
    findMatches: (key: string) => Promise<readonly Match[]>,
    mostImages: number,
  ): Promise<EngineRun> {
    const { jobId, fence } = handle;
    const brought = this.#rides.get(jobId);
    if (brought) return brought.join(jobId, rider);
    const ride = await this.#open(handle, rider, findMatches, mostImages);
    const { params, signal } = rider;
    const base = { type: 'generate', ...needs, fence } as const;
    if (!ride) return this.#engines.run(jobId, { ...base, params, signal, listener: rider.listenAt(alone(rider)) });
    const own = ride.join(jobId, rider);
    this.#running.set(ride, { leader: jobId });
    void ride
      .depart((work) => this.#engines.run(jobId, { ...base, ...work }))
      .finally(() => {
        this.#running.delete(ride);
        this.#clean(ride);
      });
    return own;
  }

  /** The job needs nothing more of its ride. */
  leave(jobId: string): void {
    const ride = this.#rides.get(jobId);
    if (!ride) return;
    this.#rides.delete(jobId);
    ride.cross(jobId);
    this.#clean(ride);
  }

  /** Null when nobody comes along. One that was tried before is made alone: it may be what failed. */
  async #open(
    { jobId, attempt, bringAlong }: Pick<JobHandle, 'jobId' | 'attempt' | 'bringAlong'>,
    { params }: Rider,
    findMatches: (key: string) => Promise<readonly Match[]>,
    mostImages: number,
  ): Promise<Ride | null> {
    const key = groupKeyOf(params);
    let room = mostImages - imagesOf(params);
    if (key === null || attempt > 1 || room < 1 || !this.#engines.isBatching()) return null;
    const matches = new Map((await findMatches(key)).map((match) => [match.jobId, match.images]));
    if (matches.size === 0) return null;
    const ride = new Ride();
    const expected: string[] = [];
    const ids = await bringAlong((id) => {
      const images = matches.get(id) ?? Number.POSITIVE_INFINITY;
      if (images > room) return false;
      room -= images;
      expected.push(id);
      ride.expect(id);
      this.#rides.set(id, ride);
      return true;
    }).catch((): readonly string[] => []);
    for (const id of expected) if (!ids.includes(id)) this.leave(id);
    if (ids.length === 0) return null;
    this.#rides.set(jobId, ride);
    return ride;
  }

  /** When all are done with it. */
  #clean(ride: Ride): void {
    if (this.#running.has(ride) || [...this.#rides.values()].includes(ride)) return;
    this.#engines.clean(ride.runId).catch(() => {}); // else it is stale in a day
  }
}
