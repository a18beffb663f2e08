import { countFirst, isFew as isFewOf } from '../../discovery/lists/few.ts';
import type { Parameter } from '../../kit/database/sql.ts';
import type { Ask } from '../operation/define.ts';
import { COUNT_LIMIT } from './paging.ts';

/** Counts no further than pages go. */
export const countUpTo = ({ em }: Pick<Ask, 'em'>, from: string, values: readonly Parameter[]): Promise<number> =>
  countFirst(em, from, values, COUNT_LIMIT);

export const isFew = ({ em }: Pick<Ask, 'em'>, from: string, values: readonly Parameter[]): Promise<boolean> =>
  isFewOf(em, from, values);
