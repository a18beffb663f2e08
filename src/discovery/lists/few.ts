import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows, toNumber } from '../../kit/database/sql.ts';

/** Counts no further than `limit`. `from` begins with that word. */
export async function countFirst(
  em: EntityManager,
  from: string,
  values: readonly Parameter[],
  limit: number,
): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from (select 1 as one ${from} limit ${limit}) counted`,
    values,
  );
  return toNumber(found?.n);
}

// where both ways cost about the same at 1,000,000 pictures: `npm run bench -- api`
export const FEW = 4_000;

/**
 * Do so few rows fit that a list should begin with them? Of many, it walks its order and leaves out what does not fit,
 * and soon has a page; of few, that walk would go through the whole table.
 */
export const isFew = async (em: EntityManager, from: string, values: readonly Parameter[]): Promise<boolean> =>
  (await countFirst(em, from, values, FEW)) < FEW;
