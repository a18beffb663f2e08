import { type Parameter, rows, toNumber } from '../../kit/database/sql.ts';
import type { Ask } from '../operation/define.ts';
import { COUNT_LIMIT } from './paging.ts';

/** Counts no further than pages go. */
export async function countUpTo(
  { em }: Pick<Ask, 'em'>,
  from: string,
  values: readonly Parameter[],
  limit = COUNT_LIMIT,
): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from (select 1 as one ${from} limit ${limit}) counted`,
    values,
  );
  return toNumber(found?.n);
}

const FEW = 500;

/**
 * Do so few rows fit that a list should begin with them? Of many, it walks its order and leaves out what does not fit,
 * and soon has a page; of few, that walk would go through the whole table.
 */
export const isFew = async (ask: Pick<Ask, 'em'>, from: string, values: readonly Parameter[]): Promise<boolean> =>
  (await countUpTo(ask, from, values, FEW)) < FEW;
