import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { mayTrain } from '../datasets/own.ts';
import { settleHeld } from '../gpu/credits.ts';
import { assertStanding, versionIdsOf } from '../standing.ts';
import { assertVersionNotShut } from '../withhold.ts';
import type { Merger } from './merger.ts';
import { MergeRun } from './model.ts';

type Keeping = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** Throws `not_found` for what is not the viewer's. */
export async function loadOwnMerge({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<MergeRun> {
  const run = await em.findOne(MergeRun, { id, owner: mayTrain(viewer).id });
  if (!run) throw new AppError('not_found', 'There is no such merge.');
  return run;
}

/** One whose file is there and may be had. Throws `gone` or `withheld` when a decision keeps it or what it is made of. */
export async function loadOwnMerged(work: Pick<Work, 'em' | 'viewer'>, id: string) {
  const run = await loadOwnMerge(work, id);
  const { sha256 } = run;
  if (!sha256) throw new AppError('not_found', 'This merge has made nothing.');
  if (run.publishedVersion) await assertVersionNotShut(work.em, run.publishedVersion.id);
  await assertStanding(work.em, { accountId: run.owner.id, act: 'train', versionIds: versionIdsOf(run.parts) });
  return { run, sha256 };
}

/** Ends it. What has ended stays as it is. */
export async function cancelMerge(work: Keeping, mergeId: string): Promise<void> {
  const { em, jobs, now } = work;
  const run = await loadOwnMerge(work, mergeId);
  // the state first: what the engine says from now on finds it, and leaves nothing
  await rows(
    em,
    `update merge_run set state = 'cancelled', finished_at = ? where id = ? and state in ('queued', 'running') returning id`,
    [now(), mergeId],
  );
  if (run.jobId) await jobs.cancel(em, run.jobId);
  await settleHeld(work, 'merge', mergeId);
}

/** Throws `conflict` unless it failed or was cancelled. */
export async function mergeAgain(work: Keeping, merger: Merger, mergeId: string): Promise<void> {
  await settleHeld(work, 'merge', mergeId);
  await work.em.transactional(async (em) => {
    const run = await loadOwnMerge({ ...work, em }, mergeId);
    if (run.state !== 'failed' && run.state !== 'cancelled')
      throw new AppError('conflict', 'This merge has nothing to do again.');
    Object.assign(run, { state: 'queued', error: null, warnings: null, finishedAt: null });
    await merger.enqueue(em, work, mayTrain(work.viewer), run);
  });
}

/** Forgets it with its file. What was published stays. */
export async function deleteMerge(work: Keeping, mergeId: string): Promise<void> {
  await cancelMerge(work, mergeId);
  await work.em.nativeDelete(MergeRun, { id: mergeId });
}

/** After `account.deleted`: merges and what they made go with their owner. */
export const forgetMergesJob = defineJob({
  name: 'compute.forget-merges',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: (work, { accountId }) => forgetMerges(work, accountId),
});

async function forgetMerges({ em, jobs }: Pick<Work, 'em' | 'jobs'>, accountId: number): Promise<void> {
  const open = await em.find(MergeRun, { owner: accountId, state: { $in: ['queued', 'running'] } });
  for (const { jobId } of open) if (jobId) await jobs.cancel(em, jobId);
  await em.nativeDelete(MergeRun, { owner: accountId });
}
