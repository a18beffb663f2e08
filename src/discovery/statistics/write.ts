import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import type { Figure } from './model.ts';

interface Counted {
  readonly owner: number;
  /** 0 for none. */
  readonly model: number;
  readonly day: string;
  readonly figure: Figure;
  readonly n: number;
}

/** Sets one number of one day; a smaller one than there was changes nothing. */
export async function writeDay(em: EntityManager, { owner, model, day, figure, n }: Counted): Promise<void> {
  await rows(
    em,
    `insert into stat_day (account_id, model_id, day, ${figure}) values (?, ?, ?, ?)
     on conflict (account_id, model_id, day) do update set ${figure} =
       case when excluded.${figure} > stat_day.${figure} then excluded.${figure} else stat_day.${figure} end
     returning day`,
    [owner, model, day, n],
  );
}
