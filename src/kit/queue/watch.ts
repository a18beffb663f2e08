import type { EntityManager } from '@mikro-orm/core';
import type { Driver } from './driver.ts';
import type { Forecasts } from './fair/plan.ts';
import { isFinished } from './job.ts';
import { findStatus, type JobStatus } from './status.ts';

/** For changes that no signal told of, and for the place in the queue, which changes without one. */
const LOOK_EVERY_MS = 2000;

/** The job as it is now, then after each change, until it has ended. */
export async function* watchJob(
  fork: () => EntityManager,
  driver: Driver,
  forecasts: Forecasts,
  jobId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobStatus> {
  let wake: () => void = () => {};
  let hasChanged = false;
  const nudge = () => {
    hasChanged = true;
    wake();
  };
  const stop = driver.onChange((id) => {
    if (id === jobId) nudge();
  });
  signal?.addEventListener('abort', nudge);
  try {
    let shown = '';
    while (!signal?.aborted) {
      hasChanged = false;
      const status = await findStatus(fork(), jobId, forecasts);
      if (!status) return;
      const now = `${status.revision} ${status.placeInQueue} ${Math.ceil((status.startsInSeconds ?? 0) / 10)}`;
      if (now !== shown) yield status;
      shown = now;
      if (isFinished(status.state)) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, hasChanged ? 0 : LOOK_EVERY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    stop();
    signal?.removeEventListener('abort', nudge);
  }
}
