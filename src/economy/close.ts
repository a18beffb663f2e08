import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows, toNumber } from '../kit/database/sql.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { NODE, row } from './ledger/accounts.ts';
import { post } from './ledger/post.ts';

/** After `account.deleted`. */
export const closePurseJob = defineJob({
  name: 'economy.close-purse',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 10,
  run: (work, { accountId }) => closePurse(work, accountId),
});

/**
 * What somebody had goes to the node, and nothing names them any more: their entries stay, under a row that is nobody's,
 * without the notes that they wrote. Again is harmless.
 */
export async function closePurse({ em, now }: Pick<Work, 'em' | 'now'>, accountId: number): Promise<void> {
  await em.fork().transactional(async (tx) => {
    await rows(tx, 'update credit_pledge set account_id = null where account_id = ? returning id', [accountId]);
    // escrow first, as whoever ends a hold takes them
    await rows(tx, `update credit_account set owner_id = null where owner_id = ? and kind = 'escrow' returning id`, [
      accountId,
    ]);
    const [purse] = await rows<{ id: string; balance: unknown }>(
      tx,
      // locked, so that nothing comes in between the sum and the closing
      'update credit_account set balance = balance where key = ? returning id, balance',
      [`account:${accountId}`],
    );
    if (!purse) return;
    const balance = toNumber(purse.balance);
    if (balance > 0) {
      const moves = [
        { account: row(purse.id), amount: -balance },
        { account: NODE, amount: balance },
      ];
      await post(tx, { key: `close:${purse.id}`, kind: 'close', moves, at: now() });
    }
    await forgetNotes(tx, purse.id);
    await rows(tx, 'update credit_account set owner_id = null, key = ? where id = ? returning id', [
      ...[`closed:${purse.id}`, purse.id],
    ]);
  });
}

const forgetNotes = (tx: EntityManager, purseId: string) =>
  rows(
    tx,
    `update credit_posting set note = '' where note <> '' and id in
       (select posting_id from credit_entry where account_id = ?) returning id`,
    [purseId],
  );
