import { type EntityManager, IsolationLevel } from '@mikro-orm/core';
import { dialectOf, rows, toNumber } from '../../kit/database/sql.ts';

export interface LedgerReport {
  readonly isWhole: boolean;
  readonly postingCount: number;
  readonly accountCount: number;
  /** What people and escrow have together, which is what the node gave out. */
  readonly inCirculation: number;
  /** At most 20, in words. */
  readonly faults: readonly string[];
}

const MOST_FAULTS = 20;

/** Adds everything up: each act to zero, each account to its balance, and each ended hold to an empty escrow. */
export async function verifyLedger(em: EntityManager): Promise<LedgerReport> {
  // one moment for all sums, while others go on
  const isolation = dialectOf(em) === 'postgresql' ? { isolationLevel: IsolationLevel.REPEATABLE_READ } : {};
  return em.fork().transactional(verify, isolation);
}

async function verify(em: EntityManager): Promise<LedgerReport> {
  const [acts, accounts, holds, pledges] = [
    await rows<{ id: string; total: unknown; sides: unknown }>(
      em,
      `select p.id, coalesce(sum(e.amount), 0) as total, count(e.id) as sides
       from credit_posting p left join credit_entry e on e.posting_id = p.id
       group by p.id having coalesce(sum(e.amount), 0) <> 0 or count(e.id) < 2 order by p.id limit ${MOST_FAULTS}`,
    ),
    await rows<{ id: string; kind: string; balance: unknown; total: unknown }>(
      em,
      `select a.id, a.kind, a.balance, coalesce(sum(e.amount), 0) as total
       from credit_account a left join credit_entry e on e.account_id = a.id
       group by a.id, a.kind, a.balance having a.balance <> coalesce(sum(e.amount), 0)
         or (a.balance < 0 and a.kind <> 'node') order by a.id limit ${MOST_FAULTS}`,
    ),
    await rows<{ id: string; balance: unknown; state: string }>(
      em,
      `select h.id, a.balance, h.state from credit_hold h join credit_account a on a.id = h.escrow_id
       where a.balance <> case when h.state = 'held' then h.amount else 0 end order by h.id limit ${MOST_FAULTS}`,
    ),
    await rows<{ id: string; balance: unknown; state: string }>(
      em,
      `select h.id, a.balance, h.state from credit_pledge h join credit_account a on a.id = h.escrow_id
       where a.balance <> case when h.state = 'held' then h.amount else 0 end order by h.id limit ${MOST_FAULTS}`,
    ),
  ];
  const [totals] = await rows<{ postings: unknown; accounts: unknown; sum: unknown; out: unknown }>(
    em,
    `select (select count(*) from credit_posting) as postings, (select count(*) from credit_account) as accounts,
       (select coalesce(sum(balance), 0) from credit_account) as sum,
       (select coalesce(sum(balance), 0) from credit_account where kind <> 'node') as out`,
  );
  const faults = [
    ...acts.map(({ id, total, sides }) => `act ${id} has ${toNumber(sides)} sides that make ${toNumber(total)}`),
    ...accounts.map(({ id, kind, balance, total }) =>
      toNumber(balance) === toNumber(total)
        ? `account ${id} (${kind}) stands at ${toNumber(balance)}`
        : `account ${id} (${kind}) says ${toNumber(balance)} and has entries of ${toNumber(total)}`,
    ),
    ...holds.map(({ id, balance, state }) => `hold ${id} is ${state} and has ${toNumber(balance)} in escrow`),
    ...pledges.map(({ id, balance, state }) => `pledge ${id} is ${state} and has ${toNumber(balance)} in escrow`),
    ...(toNumber(totals?.sum) === 0 ? [] : [`everything together makes ${toNumber(totals?.sum)}`]),
  ].slice(0, MOST_FAULTS);
  return {
    isWhole: faults.length === 0,
    postingCount: toNumber(totals?.postings),
    accountCount: toNumber(totals?.accounts),
    inCirculation: toNumber(totals?.out),
    faults,
  };
}
