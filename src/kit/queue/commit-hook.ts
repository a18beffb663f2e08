import type { EntityManager, EventArgs, EventSubscriber, TransactionEventArgs } from '@mikro-orm/core';
import { RecordedEvent } from '../events/model.ts';
import type { Announced } from './driver.ts';
import { Job } from './job.ts';

export interface Committed {
  readonly jobs: readonly Announced[];
  readonly hasEvents: boolean;
}

/** Tells of the jobs and events that a transaction wrote, once it is committed. */
export class CommitHook implements EventSubscriber<object> {
  readonly #written = new WeakMap<EntityManager, { jobs: Announced[]; hasEvents: boolean }>();
  readonly #tell: (committed: Committed) => void;

  constructor(tell: (committed: Committed) => void) {
    this.#tell = tell;
  }

  afterCreate({ em, entity }: EventArgs<object>): void {
    const isJob = isOf(entity, Job.meta.className);
    if (!isJob && !isOf(entity, RecordedEvent.meta.className)) return;
    const written = this.#written.get(em) ?? { jobs: [], hasEvents: false };
    this.#written.set(em, written);
    if (isJob) written.jobs.push(entity as Job);
    else written.hasEvents = true;
  }

  afterTransactionCommit({ em }: TransactionEventArgs): void {
    const written = this.#written.get(em);
    if (!written) return;
    this.#written.delete(em);
    this.#tell(written);
  }

  afterTransactionRollback({ em }: TransactionEventArgs): void {
    this.#written.delete(em);
  }
}

const isOf = (entity: object, name: string): boolean => entity.constructor.name === name;
