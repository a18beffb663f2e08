import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineSettings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';

const whole = (fallback: number, low: number, high: number) =>
  z.coerce.number().int().min(low).max(high).default(fallback);

/** What the owner sets on /admin/gpu. */
export const GpuSettings = z.object({
  minutesPerDay: whole(240, 1, 1_440).describe('GPU minutes that one account may use in a day (UTC).'),
  openGenerations: whole(10, 1, 200).describe('Generations of one account that wait or run.'),
  runningGenerations: whole(2, 1, 20).describe('Generations of one account that run at once, on several GPUs.'),
  openTrainings: whole(3, 1, 50).describe('Trainings of one account that wait or run.'),
  runningTrainings: whole(1, 1, 10).describe('Trainings of one account that run at once.'),
  imagesPerRequest: whole(8, 1, 8).describe('Pictures that one request may ask for.'),
  generationPercent: whole(50, 10, 95).describe('Of the time in which a training waits, so much may go to generation.'),
  quantumMinutes: whole(5, 1, 60).describe('A training runs at least so long before it makes room for generation.'),
});
export type GpuSettings = z.output<typeof GpuSettings>;
export const gpuSettings = defineSettings('compute.gpu', GpuSettings);

const DAY_MS = 86_400_000;
const dayStart = (now: Date): Date => new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS);

export interface Allowance {
  readonly limitSeconds: number;
  readonly usedSeconds: number;
  /** Estimated, for what waits or runs. */
  readonly reservedSeconds: number;
  readonly leftSeconds: number;
  readonly renewsAt: Date;
}

/** What an account has used of its day, and what its open jobs will take. */
export async function loadAllowance(
  { em, now }: Pick<Work, 'em' | 'now'>,
  accountId: number,
  { minutesPerDay }: Pick<GpuSettings, 'minutesPerDay'>,
): Promise<Allowance> {
  const today = dayStart(now());
  const [row] = await rows<{ used: unknown; reserved: unknown }>(
    em,
    `select (select coalesce(sum(seconds), 0) from gpu_use where account_id = ? and ended_at >= ? and not is_refunded) as used,
       (select coalesce(sum(cost_seconds), 0) from job where account_id = ? and lane = 'gpu'
         and state in ('queued', 'running')) as reserved`,
    [accountId, today, accountId],
  );
  const [usedSeconds, reservedSeconds] = [toNumber(row?.used), toNumber(row?.reserved)];
  const limitSeconds = minutesPerDay * 60;
  return {
    ...{ limitSeconds, usedSeconds, reservedSeconds },
    leftSeconds: Math.max(0, limitSeconds - usedSeconds - reservedSeconds),
    renewsAt: new Date(today.getTime() + DAY_MS),
  };
}

/** Throws `rate_limited` with what is left and when it renews. Whoever runs the node may use all of it. */
export async function assertAllowance(
  work: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  costSeconds: number,
  settings: GpuSettings,
): Promise<void> {
  if (can(viewer, 'manageSettings')) return;
  const { limitSeconds, leftSeconds, renewsAt } = await loadAllowance(work, viewer.id, settings);
  if (costSeconds <= leftSeconds) return;
  const said = { cost: minutes(costSeconds), limit: minutes(limitSeconds), left: minutes(leftSeconds) };
  if (costSeconds > limitSeconds) throw new AppError('invalid', t('quota.too-much', said));
  const waitMs = renewsAt.getTime() - work.now().getTime();
  const hours = Math.max(1, Math.round(waitMs / 3_600_000));
  throw new AppError('rate_limited', t('quota.spent', { ...said, hours }), {
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  });
}

/** Throws `rate_limited` when somebody has too much in the queue already. */
export function assertRoom(openCount: number, most: number): void {
  if (openCount < most) return;
  throw new AppError('rate_limited', t('quota.queue', { n: openCount, most }), { retryAfterSeconds: 30 });
}

/** One digit under ten minutes. */
const minutes = (seconds: number): string => {
  const value = seconds / 60;
  return value < 10 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
};
