import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { ProvenActivity } from '../gate.ts';

/** Where work piles up, senders are asked to come back later. */
const MOST_WAITING = 20_000;
const COUNTED_FOR_MS = 1_000;
/** One statement takes seven values for each, and PostgreSQL and SQLite both take thousands. */
const MOST_AT_ONCE = 100;

/** So many at once make a crowd at the door. */
const CROWD = 8;
const CROWD_LASTS_MS = 100;
const LONGEST_STEP_BACK_MS = 250;

interface Arrival {
  readonly proven: ProvenActivity;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/**
 * Writes down what the gate let in. A commit that is safe on the disk costs as much for fifty activities as for one, so
 * what arrives while the last commit runs goes into the next one together; each sender hears 202 after its own.
 */
export class Intake {
  readonly #openWork: () => Task;
  readonly #process: Federation['jobs']['process'];
  readonly #arrivals: Arrival[] = [];
  #isWriting = false;
  #crowdAt = Number.NEGATIVE_INFINITY;
  #waiting = { count: 0, at: Number.NEGATIVE_INFINITY };

  constructor(openWork: () => Task, process: Federation['jobs']['process']) {
    this.#openWork = openWork;
    this.#process = process;
  }

  /** Resolves when the row and its job are on the disk; the same id again does nothing. Throws `rate_limited`. */
  keep(proven: ProvenActivity): Promise<void> {
    return new Promise((done, fail) => {
      this.#arrivals.push({ proven, done, fail });
      if (!this.#isWriting) void this.#writeAll();
    });
  }

  /**
   * Before each activity is carried out: who stands at the door waits for an answer, and what is written down already
   * does not. So the work steps back for a moment while a crowd arrives, never for longer.
   */
  async whenQuiet(): Promise<void> {
    const startedAt = performance.now();
    const isCrowded = () => performance.now() - this.#crowdAt < CROWD_LASTS_MS;
    while (isCrowded() && performance.now() - startedAt < LONGEST_STEP_BACK_MS) await wait(CROWD_LASTS_MS / 2);
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // what came in the same turn of the loop belongs to the first batch
    await new Promise((done) => setImmediate(done));
    while (this.#arrivals.length > 0) await this.#write(this.#arrivals.splice(0, MOST_AT_ONCE));
    this.#isWriting = false;
  }

  async #write(batch: readonly Arrival[]): Promise<void> {
    if (batch.length >= CROWD) this.#crowdAt = performance.now();
    try {
      const work = this.#openWork();
      await this.#requireRoom(work);
      await this.#insert(work, batch);
      for (const { done } of batch) done();
    } catch (error) {
      // one that cannot be written does not take the others with it
      if (batch.length === 1 || error instanceof AppError) for (const { fail } of batch) fail(error);
      else for (const one of batch) await this.#write([one]);
    }
  }

  async #insert({ em, jobs, now }: Task, batch: readonly Arrival[]): Promise<void> {
    const items = batch.map(({ proven: { id, type, actorId, raw } }) => ({
      // one actor's words take effect in their order
      partition: createHash('sha256').update(actorId).digest('hex').slice(0, 40),
      values: [newId(), id, type.slice(0, 60), actorId, JSON.stringify(raw), now()] as const,
    }));
    await em.transactional(async (inner) => {
      const fresh = await rows<{ id: string }>(
        inner,
        `insert into inbox_item (id, uri, type, actor_uri, document, received_at, outcome)
         values ${items.map(() => "(?, ?, ?, ?, ?, ?, '')").join(', ')} on conflict (uri) do nothing returning id`,
        items.flatMap(({ values }) => values),
      );
      const isFresh = new Set(fresh.map(({ id }) => id));
      for (const { values, partition } of items) {
        const [itemId] = values;
        if (isFresh.has(itemId)) jobs.enqueue(inner, this.#process, { itemId }, { partition });
      }
      await inner.flush();
    });
  }

  async #requireRoom({ em }: Task): Promise<void> {
    if (performance.now() - this.#waiting.at > COUNTED_FOR_MS) {
      const [found] = await rows<{ n: unknown }>(
        em,
        `select count(*) as n from job where lane = 'inbox' and state = 'queued'`,
      );
      this.#waiting = { count: Number(found?.n), at: performance.now() };
    }
    if (this.#waiting.count > MOST_WAITING) {
      throw new AppError('rate_limited', 'Too much is waiting here.', { retryAfterSeconds: 300 });
    }
  }
}
