import { rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import { writeUnderFence } from '../../kit/queue/lease.ts';
import type { Work } from '../../kit/work.ts';
import type { EngineMerged } from '../engine/protocol-merge.ts';
import { mergeEnded } from '../events.ts';
import { endWork } from '../gpu/credits.ts';
import { MergeRun } from './model.ts';

/** Keeps what was made: the bytes first, then the row, under the fence of the run. Of one that was ended nothing stays. */
export async function keepMerged(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  handle: JobHandle,
  mergeId: string,
  { file, sha256, rank }: EngineMerged,
  warnings: readonly string[],
  place: (name: string) => string,
): Promise<void> {
  const blob = await files.put({ path: place(file), sha256 });
  await writeUnderFence(em, handle, async (tx) => {
    const run = await tx.findOne(MergeRun, { id: mergeId, state: { $in: ['queued', 'running'] } });
    if (!run) return;
    Object.assign(run, {
      ...{ state: 'done', error: null, sha256: blob.sha256, totalBytes: blob.totalBytes, rank: rank ?? null },
      ...{ warnings: warnings.slice(0, 20), finishedAt: now() },
    });
    record(tx, mergeEnded, { mergeId, isDone: true });
    await tx.flush();
    await endWork(tx, 'merge', mergeId, 'done', now());
  });
}

/** Ends it under the fence, unless somebody ended it already. */
export async function endMerge(
  { em, now }: Pick<Work, 'em' | 'now'>,
  handle: JobHandle,
  mergeId: string,
  state: 'failed' | 'cancelled',
  error: string,
): Promise<void> {
  await writeUnderFence(em, handle, async (tx) => {
    const ended = await rows(
      tx,
      `update merge_run set state = ?, error = ?, finished_at = ? where id = ? and state in ('queued', 'running') returning id`,
      [state, error.slice(0, 500), now(), mergeId],
    );
    if (ended.length === 0) return;
    if (state === 'failed') record(tx, mergeEnded, { mergeId, isDone: false });
    await tx.flush();
    await endWork(tx, 'merge', mergeId, state, now());
  });
}
