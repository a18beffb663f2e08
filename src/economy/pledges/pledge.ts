import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import { creditAccountId, escrow, NODE, person, row } from '../ledger/accounts.ts';
import { post } from '../ledger/post.ts';
import type { PledgeKind } from './model.ts';

export interface PledgeSubject {
  readonly kind: PledgeKind;
  readonly id: string;
}

export interface PledgeWish {
  readonly key: string;
  readonly subject: PledgeSubject;
  readonly accountId: number;
  readonly amount: number;
}

/**
 * Puts somebody's credits aside, in the transaction of what they are for, and returns the pledge; the same key again is
 * the same pledge. Throws `InsufficientCredit`, and then nothing of that transaction stays.
 */
export async function pledge(tx: EntityManager, wish: PledgeWish, now: Date): Promise<{ id: string; isNew: boolean }> {
  const { key, subject, accountId, amount } = wish;
  const payerId = await creditAccountId(tx, person(accountId));
  const escrowId = await creditAccountId(tx, escrow(`pledge:${key}`, accountId));
  const moves = [
    { account: row(payerId), amount: -amount },
    { account: row(escrowId), amount },
  ];
  const isNew = await post(tx, { key: `pledge:${key}`, kind: 'pledge', moves, at: now, subject });
  const [made] = await rows<{ id: string }>(
    tx,
    `insert into credit_pledge (id, key, payer_id, escrow_id, account_id, subject_kind, subject_id, amount, state,
       created_at) values (?, ?, ?, ?, ?, ?, ?, ?, 'held', ?) on conflict (key) do nothing returning id`,
    [newId(), key, payerId, escrowId, accountId, subject.kind, subject.id, amount, now],
  );
  const [known] = made ? [made] : await rows<{ id: string }>(tx, 'select id from credit_pledge where key = ?', [key]);
  return { id: known?.id ?? '', isNew };
}

interface PledgeRow {
  id: string;
  payer_id: string;
  escrow_id: string;
  account_id: number | null;
  subject_kind: PledgeKind;
  subject_id: string;
  amount: number;
}

/** Ends these, whoever comes first; empties of an escrow are not looked for among what somebody has. */
async function end(tx: EntityManager, ids: readonly string[], state: 'paid' | 'refunded', now: Date) {
  if (ids.length === 0) return [];
  const ended = await rows<PledgeRow>(
    tx,
    `update credit_pledge set state = ?, ended_at = ? where state = 'held' and id in (${inList(ids)}) returning *`,
    [state, now, ...ids],
  );
  const escrows = ended.map(({ escrow_id: id }) => id);
  if (escrows.length > 0) {
    await rows(tx, `update credit_account set owner_id = null where id in (${inList(escrows)}) returning id`, escrows);
  }
  return ended;
}

/** All that is held for something, in one order. */
export async function listHeld(
  em: EntityManager,
  { kind, id }: PledgeSubject,
): Promise<{ id: string; accountId: number | null; amount: number }[]> {
  const found = await rows<{ id: string; account_id: number | null; amount: unknown }>(
    em,
    `select id, account_id, amount from credit_pledge where subject_kind = ? and subject_id = ? and state = 'held'
     order by id`,
    [kind, id],
  );
  return found.map((one) => ({ id: one.id, accountId: one.account_id, amount: toNumber(one.amount) }));
}

/** Gives these to somebody, in one act of the ledger under `key`. Returns what they got. */
export async function payPledges(
  tx: EntityManager,
  ids: readonly string[],
  toAccountId: number,
  key: string,
  now: Date,
): Promise<number> {
  await creditAccountId(tx, person(toAccountId)); // made, if it must be, before anything that others wait for
  const ended = await end(tx, ids, 'paid', now);
  const [first] = ended;
  if (!first) return 0;
  const total = ended.reduce((sum, { amount }) => sum + toNumber(amount), 0);
  const moves = [
    ...ended.map(({ escrow_id: id, amount }) => ({ account: row(id), amount: -toNumber(amount) })),
    { account: person(toAccountId), amount: total },
  ];
  const subject = { kind: first.subject_kind, id: first.subject_id };
  await post(tx, { key, kind: 'pledge-paid', moves, at: now, subject });
  return total;
}

/**
 * Gives all that is held for something back to who put it in; of who has left, to the node. Each in a transaction of its
 * own, so that two who give back to the same people never wait for each other, and a broken run goes on where it was.
 */
export async function refundPledges(em: EntityManager, subject: PledgeSubject, now: Date): Promise<number> {
  const held = await listHeld(em, subject);
  for (const { id } of held) await em.fork().transactional((tx) => refundPledge(tx, id, now));
  return held.length;
}

/** False when it had ended. */
export async function refundPledge(tx: EntityManager, pledgeId: string, now: Date): Promise<boolean> {
  await creditAccountId(tx, NODE);
  const [one] = await end(tx, [pledgeId], 'refunded', now);
  if (!one) return false;
  const [payer] = await rows<{ owner_id: number | null }>(
    tx,
    // locked, so that nobody leaves in between
    'update credit_account set balance = balance where id = ? returning owner_id',
    [one.payer_id],
  );
  const amount = toNumber(one.amount);
  const moves = [
    { account: row(one.escrow_id), amount: -amount },
    { account: payer?.owner_id == null ? NODE : row(one.payer_id), amount },
  ];
  const subject = { kind: one.subject_kind, id: one.subject_id };
  await post(tx, { key: `pledge-end:${pledgeId}`, kind: 'pledge-back', moves, at: now, subject });
  return true;
}
