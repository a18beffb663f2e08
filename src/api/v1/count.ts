import { countFirst, isFew as isFewOf } from '../../discovery/lists/few.ts';
import type { Parameter } from '../../kit/database/sql.ts';
import type { ApiDeps } from '../deps.ts';
import type { Ask } from '../operation/define.ts';
import { COUNT_LIMIT } from './paging.ts';

/** That there are more than pages reach is believed for a minute: PostgreSQL may go through all of them to say it. */
const KEPT_MS = 60_000;
const MOST_KEPT = 200;
const reachedUntil = new WeakMap<ApiDeps, Map<string, number>>();

/** Counts no further than pages go. */
export async function countUpTo(
  { em, deps, now }: Pick<Ask, 'em' | 'deps' | 'now'>,
  from: string,
  values: readonly Parameter[],
): Promise<number> {
  const reached = reachedUntil.get(deps) ?? new Map();
  reachedUntil.set(deps, reached);
  const key = JSON.stringify([from, values]);
  const at = now().getTime();
  if (at < (reached.get(key) ?? 0)) return COUNT_LIMIT;
  const count = await countFirst(em, from, values, COUNT_LIMIT);
  reached.delete(key);
  if (count >= COUNT_LIMIT) reached.set(key, at + KEPT_MS);
  if (reached.size > MOST_KEPT) reached.delete(reached.keys().next().value ?? '');
  return count;
}

export const isFew = ({ em }: Pick<Ask, 'em'>, from: string, values: readonly Parameter[]): Promise<boolean> =>
  isFewOf(em, from, values);
