import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../kit/database/sql.ts';
import { creditAccountId, findPurse, NODE, type Purse, person } from './ledger/accounts.ts';
import { post } from './ledger/post.ts';
import { type CreditSettings, dayOf } from './settings.ts';

/**
 * Gives a member the allowance of today, unless they had it: at the first thing that they do in a day. It fills their
 * purse up to the cap, counting what waits in escrow, so that nobody makes room by asking for things and taking it back.
 */
export async function claimAllowance(
  em: EntityManager,
  accountId: number,
  { allowancePerDay, allowanceCap }: CreditSettings,
  now: Date,
): Promise<void> {
  const day = dayOf(now);
  const claim = async (tx: EntityManager): Promise<void> => {
    const id = await creditAccountId(tx, person(accountId));
    // the row is locked from here on, so one of two that come at once finds the day marked
    const marked = await rows<{ balance: unknown }>(
      tx,
      `update credit_account set allowance_day = ? where id = ? and (allowance_day is null or allowance_day < ?)
       returning balance`,
      [day, id, day],
    );
    if (marked.length === 0) return;
    const purse = await findPurse(tx, accountId);
    const room = allowanceCap - toNumber(purse?.balance) - toNumber(purse?.held);
    const amount = Math.min(allowancePerDay, room);
    if (amount <= 0) return;
    const moves = [
      { account: NODE, amount: -amount },
      { account: person(accountId), amount },
    ];
    await post(tx, { key: `allowance:${id}:${day}`, kind: 'allowance', moves, at: now });
  };
  if (em.isInTransaction()) await claim(em);
  else await em.fork().transactional(claim);
}

/** What a member has, with the allowance of today in it. Costs one query when they were here today. */
export async function openPurse(
  em: EntityManager,
  accountId: number,
  settings: CreditSettings,
  now: Date,
): Promise<Pick<Purse, 'balance' | 'held'>> {
  const known = await findPurse(em, accountId);
  if (known?.allowanceDay && known.allowanceDay >= dayOf(now)) return known;
  await claimAllowance(em, accountId, settings, now);
  return (await findPurse(em, accountId)) ?? { balance: 0, held: 0 };
}
