import type { EntityManager } from '@mikro-orm/core';
import { addUse } from '../../economy/holds.ts';
import { rows, toBoolean } from '../../kit/database/sql.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { JobClass } from '../../kit/queue/fair/decide.ts';
import { settleShare } from '../../kit/queue/fair/state.ts';
import type { ShareOptions } from '../../kit/queue/jobs.ts';
import type { USE_KINDS } from './model.ts';

/** Federated people share one smaller place for each of their nodes. */
const PEER_WEIGHT = 0.25;

/** Whose share pays. The estimate is reserved by the row of the job, for as long as it waits or runs. */
export const shareOf = (
  account: { readonly id: number; readonly host: string },
  jobClass: JobClass,
  rest: { readonly costSeconds: number; readonly affinity?: string },
): ShareOptions =>
  account.host === ''
    ? { jobClass, key: `account:${account.id}`, ...rest }
    : { jobClass, key: `peer:${account.host}`, weight: PEER_WEIGHT, ...rest };

export interface Taken {
  readonly kind: (typeof USE_KINDS)[number];
  readonly engineId: string;
  readonly seconds: number;
  /** `refund`: it failed through our fault. */
  readonly act: 'charge' | 'refund';
}

/**
 * Books what a run took: once for each run, however often it is said. A run that was overtaken costs nothing, since
 * another does its work, and neither does one whose pictures were lost after it was booked. What somebody pays in credits is counted here too, and taken when the work ends.
 */
export async function settle(
  em: EntityManager,
  { jobId, fence }: Pick<JobHandle, 'jobId' | 'fence'>,
  { kind, engineId, seconds, act }: Taken,
  now: Date,
): Promise<void> {
  await em.transactional(async (tx) => {
    const [job] = await rows<{
      job_class: JobClass;
      share_key: string;
      cost_seconds: number;
      account_id: number | null;
      is_mine: unknown;
    }>(tx, 'select job_class, share_key, cost_seconds, account_id, (fence = ?) as is_mine from job where id = ?', [
      fence,
      jobId,
    ]);
    if (!job) return;
    const isRefunded = act === 'refund' || !toBoolean(job.is_mine);
    const booked = await rows(
      tx,
      `insert into gpu_use (job_id, fence, engine_id, account_id, job_class, kind, estimated_seconds, seconds,
         is_refunded, ended_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (job_id, fence) do nothing returning job_id`,
      [
        ...[jobId, fence, engineId, job.account_id, job.job_class, kind, job.cost_seconds, seconds],
        ...[isRefunded, now],
      ],
    );
    if (booked.length === 0) return;
    const lostSeconds = !isRefunded && kind === 'generation' ? await refundLost(tx, jobId, fence) : 0;
    if (!isRefunded) await addUse(tx, jobId, seconds - lostSeconds);
    const overSeconds = (isRefunded ? 0 : seconds) - lostSeconds - job.cost_seconds;
    await settleShare(tx, { lane: 'gpu', jobClass: job.job_class, shareKey: job.share_key }, overSeconds, now);
  });
}

/** Seconds of earlier runs that nothing is left of: a generation keeps what its last run made, and nothing else. */
async function refundLost(tx: EntityManager, jobId: string, fence: number): Promise<number> {
  const lost = await rows<{ seconds: number }>(
    tx,
    'update gpu_use set is_refunded = ? where job_id = ? and fence < ? and is_refunded = ? returning seconds',
    [true, jobId, fence, false],
  );
  return lost.reduce((sum, { seconds }) => sum + seconds, 0);
}
