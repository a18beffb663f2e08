import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { JobOutcome } from '../engine/running-jobs.ts';
import { RunnerFile, type RunnerOrder } from './model.ts';
import { endOrder, givenBack } from './orders.ts';
import { isPassedOn, type PassedEvent } from './protocol.ts';

/** That many wait at most for the process that reads them. */
const MOST_WAITING = 5_000;

interface Named {
  readonly file: string;
  readonly sha256: string;
}

/**
 * Takes what a runner says of an order, once however often it is said. What it says of files is held against the files
 * that it returned; when it does not fit, the order ends, another engine does the job, and `invalid` is thrown.
 */
export async function acceptEvents(
  em: EntityManager,
  order: RunnerOrder,
  from: number,
  events: readonly Parameters<typeof isPassedOn>[0][],
): Promise<void> {
  const passed = events.map((event, n) => ({ event, position: from + n }));
  for (const { event, position } of passed) {
    if (!isPassedOn(event)) continue;
    await orEnd(em, order, () => assertTrue(em, order, event));
    const [waiting] = await rows<{ n: unknown }>(em, 'select count(*) as n from runner_event where order_id = ?', [
      order.id,
    ]);
    if (toNumber(waiting?.n) >= MOST_WAITING) throw new AppError('unavailable', 'Too much was said that nobody read.');
    await rows(
      em,
      `insert into runner_event (order_id, position, event) values (?, ?, ?)
       on conflict (order_id, position) do nothing returning order_id`,
      [order.id, position, JSON.stringify(event)],
    );
  }
}

/** The same of how it ended. */
export async function acceptOutcome(em: EntityManager, order: RunnerOrder, outcome: JobOutcome): Promise<void> {
  if (outcome.state === 'done') {
    await orEnd(em, order, async () => {
      const { count = 1, batch } = order.params as { readonly count?: number; readonly batch?: readonly unknown[] };
      const positions = new Set(outcome.images.map(({ index }) => index));
      const isRight = positions.size === outcome.images.length && positions.size <= (batch?.length ?? count);
      if (order.type === 'generate' && (!isRight || positions.size === 0))
        throw new AppError('invalid', 'The runner returned another number of pictures than was asked for.');
      for (const image of outcome.images) await assertPicture(em, order, image, image);
    });
  }
  await endOrder(em, order.id, outcome);
}

async function assertTrue(em: EntityManager, order: RunnerOrder, event: PassedEvent): Promise<void> {
  if (event.job !== undefined && event.job !== order.jobId)
    throw new AppError('invalid', 'This is said of another job.');
  if (event.t === 'sample') await assertPicture(em, order, event, event);
  if (event.t !== 'checkpoint') return;
  const file = await loadFile(em, order, event);
  if (file.kind !== 'tensors' || file.totalBytes !== event.bytes)
    throw new AppError('invalid', 'The checkpoint is not what the runner says.');
}

async function assertPicture(
  em: EntityManager,
  order: RunnerOrder,
  named: Named,
  { w, h }: { readonly w: number; readonly h: number },
): Promise<void> {
  const { kind, width, height } = await loadFile(em, order, named);
  if (kind !== 'image') throw new AppError('invalid', 'A picture that the runner returned is none.');
  if (width !== w || height !== h) {
    throw new AppError(
      'invalid',
      `A picture of ${w} × ${h} pixels was announced, and one of ${width} × ${height} came.`,
    );
  }
}

async function loadFile(em: EntityManager, { id, jobId }: RunnerOrder, { file, sha256 }: Named): Promise<RunnerFile> {
  if (!isFileOf(jobId, file)) throw new AppError('invalid', 'The runner named a file of another job.');
  const found = await em.fork().findOne(RunnerFile, { orderId: id, sha256 });
  if (!found) throw new AppError('invalid', 'The runner named a file that it did not return.');
  return found;
}

/** Files of a job carry its id, so that they cannot be taken for those of another. */
export const isFileOf = (jobId: string, name: string): boolean =>
  name.startsWith(`${jobId}-`) && /^[\w.-]+$/.test(name);

async function orEnd(em: EntityManager, { id }: RunnerOrder, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof AppError && error.kind === 'invalid') await endOrder(em, id, givenBack(error.message));
    throw error;
  }
}
