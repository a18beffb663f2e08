import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId, newId } from '../../kit/ids.ts';
import type { JobOutcome } from '../engine/running-jobs.ts';
import { failed } from '../engine/running-jobs.ts';
import { RunnerEvent, RunnerFile, RunnerOrder } from './model.ts';
import type { OrderFile } from './protocol.ts';

interface NewOrder {
  readonly runnerId: string;
  readonly device: string;
  readonly jobId: string;
  readonly fence: number;
  readonly type: RunnerOrder['type'];
  readonly params: object;
  readonly files: readonly OrderFile[];
}

/** Lays a run out for a runner to take. */
export async function offerOrder(em: EntityManager, order: NewOrder, now: Date): Promise<string> {
  const id = newId();
  em.persist(em.create(RunnerOrder, { id, ...order, state: 'offered', createdAt: now }));
  await em.flush();
  return id;
}

/** The next order of one device of a runner; null when there is none. Only one of two who ask at once gets it. */
export async function takeOrder(
  em: EntityManager,
  runnerId: string,
  device: string,
  now: Date,
): Promise<RunnerOrder | null> {
  const [taken] = await rows<{ id: string }>(
    em,
    `update runner_order set state = 'taken', seen_at = ?
     where id = (select id from runner_order where runner_id = ? and device = ? and state = 'offered'
       order by created_at limit 1) and state = 'offered' returning id`,
    [now, runnerId, device],
  );
  return taken ? em.fork().findOneOrFail(RunnerOrder, taken.id) : null;
}

/** Is the run that it was made for still the one that counts? */
const COUNTS = `exists (select 1 from job j where j.id = runner_order.job_id and j.fence = runner_order.fence
  and j.state = 'running')`;

/**
 * An order that this runner works on, and that it speaks of now. Throws `not_found` for that of another runner or for
 * none, and `gone` when it is over: cancelled, or overtaken by another run of its job.
 */
export async function loadOrder(em: EntityManager, runnerId: string, id: string, now: Date): Promise<RunnerOrder> {
  const [row] = isId(id)
    ? await rows<{ id: string }>(
        em,
        `update runner_order set seen_at = ? where id = ? and runner_id = ? and state = 'taken' and ${COUNTS}
         returning id`,
        [now, id, runnerId],
      )
    : [];
  if (row) return em.fork().findOneOrFail(RunnerOrder, row.id);
  const isItsOwn = isId(id) && (await em.count(RunnerOrder, { id, runnerId })) > 0;
  throw isItsOwn
    ? new AppError('gone', 'This work is over: it was cancelled, or somebody else does it now.')
    : new AppError('not_found', 'There is no such work.');
}

/** Ends an order; the first outcome counts. False when it had ended. */
export async function endOrder(em: EntityManager, id: string, outcome: JobOutcome): Promise<boolean> {
  const ended = await rows(
    em,
    `update runner_order set state = 'ended', outcome = ? where id = ? and state <> 'ended' returning id`,
    [JSON.stringify(outcome), id],
  );
  return ended.length > 0;
}

/** It is not the job's fault: another engine is to do it. */
export const givenBack = (why: string): JobOutcome => failed('gpu_lost', why, true);

export async function endOrdersOf(em: EntityManager, runnerId: string, why: string): Promise<void> {
  const open = await em.fork().find(RunnerOrder, { runnerId, state: { $ne: 'ended' } });
  for (const { id } of open) await endOrder(em, id, givenBack(why));
}

/** Forgets an order with all that was said of it. */
export async function removeOrder(em: EntityManager, id: string): Promise<void> {
  await em.transactional(async (tx) => {
    await tx.nativeDelete(RunnerEvent, { orderId: id });
    await tx.nativeDelete(RunnerFile, { orderId: id });
    await tx.nativeDelete(RunnerOrder, { id });
  });
}

/** Orders whose job goes on without them: the process that waited for them died. */
export async function removeStaleOrders(em: EntityManager): Promise<void> {
  const stale = await rows<{ id: string }>(em, `select id from runner_order where not ${COUNTS}`);
  for (const { id } of stale) await removeOrder(em.fork(), id);
}
