import { randomInt } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows, toNumber } from '../../kit/database/sql.ts';

/** From how many neighbours of a random place the pictures are drawn. */
const DRAWN_FROM = 1_000;

/**
 * Some pictures `i` by chance: a walk along the ids from a random place, and a draw among those. There is no next page.
 */
export async function drawImageIds(
  em: EntityManager,
  { where, values }: { readonly where: readonly string[]; readonly values: readonly Parameter[] },
  limit: number,
): Promise<number[]> {
  const [last] = await rows<{ id: unknown }>(em, 'select max(id) as id from image');
  const from = randomInt(1, toNumber(last?.id) + 2);
  const walk = (condition: string, most: number) =>
    rows<{ id: number }>(
      em,
      `select i.id from image i where i.id ${condition} ? and ${where.join(' and ')} order by i.id limit ?`,
      [from, ...values, most],
    );
  const found = await walk('>=', DRAWN_FROM);
  if (found.length < DRAWN_FROM) found.push(...(await walk('<', DRAWN_FROM - found.length)));
  for (let at = found.length - 1; at > 0; at -= 1) {
    const other = randomInt(at + 1);
    [found[at], found[other]] = [found[other] as { id: number }, found[at] as { id: number }];
  }
  return found.slice(0, limit).map(({ id }) => id);
}
