import { type Parameter, rows, toNumber } from '../../kit/database/sql.ts';
import type { Ask } from './operation.ts';
import { COUNT_LIMIT } from './paging.ts';

/** Counts no further than pages go. */
export async function countUpTo({ em }: Ask, from: string, values: readonly Parameter[]): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from (select 1 as one ${from} limit ${COUNT_LIMIT}) some`,
    values,
  );
  return toNumber(found?.n);
}
