import { z } from 'zod';
import type { Work } from '../../kit/work.ts';
import { THEMES } from '../page-state.ts';
import { loadOwnAccount } from './edit.ts';

/** Ratings in their order, as bits; what they mean is written in safety/ratings.ts, a room above. */
export const LEVELS = [1, 2, 4, 8, 16] as const;

const listOf = z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]);
const Bits = listOf
  .pipe(z.array(z.enum(['1', '2', '4', '8', '16'], 'There is no such rating.')))
  .transform((bits) => bits.reduce((sum, bit) => sum | Number(bit), 0));

export const BrowsingForm = z.object({ shown: Bits, blurred: Bits, theme: z.enum(THEMES).default('system') });

/** What the viewer sees. PG is always shown, and nothing above what the node allows. */
export async function setBrowsing(
  work: Pick<Work, 'em' | 'viewer'>,
  { shown, blurred }: Pick<z.output<typeof BrowsingForm>, 'shown' | 'blurred'>,
  allowedLevels: number,
): Promise<void> {
  const account = await loadOwnAccount(work);
  account.levels = (shown | 1) & (allowedLevels | 1);
  account.blurLevels = blurred;
  await work.em.flush();
}
