import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { TrainingRun } from './model.ts';

export const Decided = z.object({ runId: z.string(), outcome: z.enum(['released', 'refused']) });

/** The trainer, as far as it is needed here. */
interface Enqueuer {
  enqueue(tx: EntityManager, work: Pick<Work, 'jobs' | 'now'>, viewer: Viewer, run: TrainingRun): Promise<void>;
}

/** Somebody looked at a training that waited: it begins, or never does. */
export async function releaseTraining(
  work: Work,
  trainer: Enqueuer,
  { runId, outcome }: z.output<typeof Decided>,
): Promise<void> {
  const refuse = (run: TrainingRun, error: string) =>
    Object.assign(run, { state: 'failed', error: error.slice(0, 500), finishedAt: work.now() });
  const release = (act: (tx: EntityManager, run: TrainingRun) => unknown) =>
    work.em.fork().transactional(async (tx) => {
      const run = await tx.findOne(TrainingRun, { id: runId, state: 'held' });
      if (run) await act(tx, run);
    });
  if (outcome === 'refused') return release((_, run) => refuse(run, t('train.refused.by-review')));
  try {
    await release(async (tx, run) => {
      run.state = 'queued';
      await trainer.enqueue(tx, work, viewerOf(await tx.findOneOrFail(Account, run.owner.id)), run);
    });
  } catch (error) {
    // its owner spent their credits while it waited, and goes on with it when there are more
    if (!(error instanceof AppError) || error.kind !== 'insufficient_credit') throw error;
    await release((_, run) => refuse(run, error.message));
  }
}
