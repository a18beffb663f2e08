import { z } from 'zod';
import { defineSettings } from '../kit/settings.ts';

const whole = (fallback: number, low: number, high: number) =>
  z.coerce
    .number('Give a whole number.')
    .int('Give a whole number.')
    .min(low, `At least ${low}.`)
    .max(high, `At most ${high.toLocaleString('en')}.`)
    .default(fallback);

/** What the owner sets on /admin/credits. By default a day gives an hour of the GPU, and five days can be saved. */
export const CreditSettings = z.object({
  /** Off: nothing is paid, given or shown. What people have stays. */
  isOn: z.union([z.boolean(), z.enum(['0', '1']).transform((value) => value === '1')]).default(true),
  allowancePerDay: whole(600, 0, 1_000_000),
  /** Allowances fill a purse up to here; what is earned may go beyond. */
  allowanceCap: whole(3_000, 0, 10_000_000),
  creditsPerMinute: whole(10, 0, 100_000),
  firstPostReward: whole(20, 0, 100_000),
  modelUseReward: whole(2, 0, 100_000),
  modelUseMostPerDay: whole(100, 0, 1_000_000),
  tipMost: whole(500, 1, 1_000_000),
  tipMostPerDay: whole(1_000, 1, 10_000_000),
  /** 0: no version is early. */
  earlyMostDays: whole(30, 0, 365),
  earlyMostPrice: whole(2_000, 1, 1_000_000),
  licenceMostPrice: whole(50_000, 1, 10_000_000),
  bountyLeast: whole(50, 1, 1_000_000),
  bountyMost: whole(100_000, 1, 10_000_000),
});
export type CreditSettings = z.output<typeof CreditSettings>;
export const creditSettings = defineSettings('economy.credits', CreditSettings);

const DAY_MS = 86_400_000;

/** The day (UTC) on which allowances, rewards and limits count, as it stands in the keys of the ledger. */
export const dayOf = (now: Date): string => now.toISOString().slice(0, 10);
export const dayStart = (now: Date): Date => new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS);
export const nextDay = (now: Date): Date => new Date(dayStart(now).getTime() + DAY_MS);
