import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../kit/database/sql.ts';
import type { PostingKind } from './ledger/model.ts';
import { dayStart } from './settings.ts';

/** What acts of a kind brought to one account today, or took from it. */
export async function sumOfDay(
  em: EntityManager,
  purseId: string,
  kind: PostingKind,
  way: 'in' | 'out',
  now: Date,
): Promise<number> {
  const [found] = await rows<{ total: unknown }>(
    em,
    `select coalesce(sum(abs(e.amount)), 0) as total from credit_entry e join credit_posting p on p.id = e.posting_id
     where e.account_id = ? and e.at >= ? and p.kind = ? and e.amount ${way === 'in' ? '>' : '<'} 0`,
    [purseId, dayStart(now), kind],
  );
  return toNumber(found?.total);
}
