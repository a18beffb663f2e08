import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { findStatus } from '../../kit/queue/status.ts';
import type { Work } from '../../kit/work.ts';
import { Dataset, DatasetItem } from '../datasets/model.ts';
import { mayTrain } from '../datasets/own.ts';
import { settleHeld } from '../gpu/credits.ts';
import { assertVersionNotShut } from '../withhold.ts';
import { type RunState, TrainingEpoch, TrainingRun, TrainingSample } from './model.ts';
import { runState } from './queries.ts';
import { dropOutput } from './store.ts';
import type { Trainer } from './trainer.ts';

type Keeping = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** Throws `not_found` for what is not the viewer's. */
export async function loadOwnRun({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<TrainingRun> {
  const run = await em.findOne(TrainingRun, { id, owner: mayTrain(viewer).id });
  if (!run) throw new AppError('not_found', 'There is no such training.');
  return run;
}

export async function loadOwnEpoch({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string) {
  const epoch = await em.findOne(TrainingEpoch, { id, run: { owner: mayTrain(viewer).id } }, { populate: ['run'] });
  if (!epoch) throw new AppError('not_found', 'There is no such epoch.');
  if (epoch.publishedVersion) await assertVersionNotShut(em, epoch.publishedVersion.id);
  return epoch;
}

/** Ends it and keeps the epochs that are done; it can go on later. What has ended stays as it is. */
export async function stopTraining(work: Keeping, runId: string): Promise<void> {
  await end(work, runId, 'stopped');
}

/** Ends it and throws away what it made. What was published stays where it was published. */
export async function cancelTraining(work: Keeping, runId: string): Promise<void> {
  if (!(await end(work, runId, 'cancelled'))) return;
  await dropOutput(work.em, runId);
}

async function end(work: Keeping, runId: string, state: 'stopped' | 'cancelled'): Promise<boolean> {
  const { em, jobs, now } = work;
  const run = await loadOwnRun(work, runId);
  // the state first: what the engine says from now on finds it, and leaves nothing
  const ended = await rows(
    em,
    `update training_run set state = ?, finished_at = ? where id = ? and state in ('held', 'queued', 'running') returning id`,
    [state, now(), runId],
  );
  if (run.jobId) await jobs.cancel(em, run.jobId);
  await settleHeld(work, 'training', runId);
  return ended.length > 0;
}

/** What it looks like to its owner: a run whose job is gone has failed. */
async function shownState({ em }: Pick<Work, 'em'>, { state, jobId }: TrainingRun): Promise<RunState> {
  const status = jobId ? await findStatus(em, jobId) : null;
  return runState(state, status?.state ?? null);
}

/** Goes on from the last state, or begins again where there is none. Throws `conflict` unless it failed or was stopped. */
export async function resumeTraining(work: Keeping, trainer: Trainer, runId: string): Promise<void> {
  const state = await shownState(work, await loadOwnRun(work, runId));
  await settleHeld(work, 'training', runId);
  if (state !== 'failed' && state !== 'stopped')
    throw new AppError('conflict', 'This training has nothing to go on with.');
  await work.em.transactional(async (em) => {
    const run = await loadOwnRun({ ...work, em }, runId);
    Object.assign(run, { state: 'queued', crashes: 0, error: null, finishedAt: null });
    await trainer.enqueue(em, work, mayTrain(work.viewer), run);
  });
}

/** Forgets a run with its epochs and samples. What was published stays. */
export async function deleteTraining(work: Keeping, runId: string): Promise<void> {
  await end(work, runId, 'cancelled');
  await forgetRuns(work.em, { id: runId });
}

async function forgetRuns(em: Work['em'], which: { readonly id: string } | { readonly owner: number }): Promise<void> {
  await em.transactional(async (tx) => {
    await tx.nativeDelete(TrainingSample, { run: which });
    await tx.nativeDelete(TrainingEpoch, { run: which });
    await tx.nativeDelete(TrainingRun, which);
  });
}

/** After `account.deleted`: sets, runs and what they made go with their owner. */
export const forgetTrainingJob = defineJob({
  name: 'compute.forget-training',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: (work, { accountId }) => forgetTraining(work, accountId),
});

async function forgetTraining({ em, jobs }: Pick<Work, 'em' | 'jobs'>, accountId: number): Promise<void> {
  const open = await em.find(TrainingRun, { owner: accountId, state: { $in: ['queued', 'running'] } });
  for (const { jobId } of open) if (jobId) await jobs.cancel(em, jobId);
  await forgetRuns(em, { owner: accountId });
  await em.transactional(async (tx) => {
    await tx.nativeDelete(DatasetItem, { dataset: { owner: accountId } });
    await tx.nativeDelete(Dataset, { owner: accountId });
  });
}
