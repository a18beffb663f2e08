import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../kit/database/sql.ts';
import { newId } from '../kit/ids.ts';
import { creditAccountId, escrow, NODE, person, row } from './ledger/accounts.ts';
import type { HoldKind } from './ledger/model.ts';
import { post } from './ledger/post.ts';
import { priceOf } from './price.ts';

export interface HoldSubject {
  readonly kind: HoldKind;
  readonly id: string;
}

export interface HoldWish {
  readonly subject: HoldSubject;
  readonly round?: number;
  readonly jobId: string;
  readonly accountId: number;
  readonly amount: number;
  readonly creditsPerMinute: number;
}

/**
 * Puts aside what a piece of work may cost, in the transaction that asks for it. Throws `insufficient_credit`, and then
 * nothing of that transaction stays.
 */
export async function holdCredits(tx: EntityManager, wish: HoldWish, now: Date): Promise<void> {
  const { subject, round = 0, jobId, accountId, amount, creditsPerMinute } = wish;
  const payerId = await creditAccountId(tx, person(accountId));
  const key = `hold:${subject.kind}:${subject.id}:${round}`;
  const escrowId = await creditAccountId(tx, escrow(key, accountId));
  const moves = [
    { account: row(payerId), amount: -amount },
    { account: row(escrowId), amount },
  ];
  await post(tx, { key, kind: 'hold', moves, at: now, subject });
  await rows(
    tx,
    `insert into credit_hold (id, payer_id, escrow_id, subject_kind, subject_id, round, job_id, amount,
       credits_per_minute, used_seconds, state, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 'held', ?)
     on conflict (subject_kind, subject_id, round) do nothing returning id`,
    [newId(), payerId, escrowId, subject.kind, subject.id, round, jobId, amount, creditsPerMinute, now],
  );
}

/** The work goes on in another job. */
export async function moveHold(tx: EntityManager, { kind, id }: HoldSubject, jobId: string): Promise<void> {
  await rows(
    tx,
    `update credit_hold set job_id = ? where subject_kind = ? and subject_id = ? and state = 'held' returning id`,
    [jobId, kind, id],
  );
}

/** Counts what a run of the job took. The caller sees to it that no run counts twice. */
export async function addUse(tx: EntityManager, jobId: string, seconds: number): Promise<void> {
  await rows(
    tx,
    `update credit_hold set used_seconds = used_seconds + ? where job_id = ? and state = 'held' returning id`,
    [seconds, jobId],
  );
}

/** `capture`: what was used is paid, at most what was put aside, and the rest comes back. `refund`: all of it does. */
export type HoldEnd = 'capture' | 'refund';

interface HeldRow {
  id: string;
  payer_id: string;
  escrow_id: string;
  subject_kind: HoldKind;
  subject_id: string;
  amount: number;
  used_seconds: number;
  credits_per_minute: number;
}

/** Ends what is held for something. Again, and where nothing is held, is harmless. Returns what was paid. */
export async function endHold(
  em: EntityManager,
  { kind, id }: HoldSubject,
  how: HoldEnd,
  now: Date,
): Promise<{ readonly paid: number }> {
  if (!em.isInTransaction()) return em.fork().transactional((tx) => endHold(tx, { kind, id }, how, now));
  await creditAccountId(em, NODE); // made, if it must be, before anything that others wait for
  const ended = await rows<HeldRow>(
    em,
    `update credit_hold set state = ?, ended_at = ? where subject_kind = ? and subject_id = ? and state = 'held'
     returning *`,
    [how === 'capture' ? 'captured' : 'refunded', now, kind, id],
  );
  let paid = 0;
  for (const held of ended) paid += await payOut(em, held, how, now);
  return { paid };
}

async function payOut(tx: EntityManager, held: HeldRow, how: HoldEnd, now: Date): Promise<number> {
  const cost = how === 'capture' ? Math.min(held.amount, priceOf(held.used_seconds, held.credits_per_minute)) : 0;
  const back = held.amount - cost;
  // it will be empty for good, and is not looked for any more among what somebody has
  await rows(tx, 'update credit_account set owner_id = null where id = ? returning id', [held.escrow_id]);
  const [payer] = await rows<{ owner_id: number | null }>(
    tx,
    // locked, so that nobody leaves in between
    'update credit_account set balance = balance where id = ? returning owner_id',
    [held.payer_id],
  );
  // who has left gets nothing back: it goes to the node, as what they had did
  const toPayer = payer?.owner_id == null ? 0 : back;
  const toNode = held.amount - toPayer;
  const moves = [
    { account: row(held.escrow_id), amount: -held.amount },
    ...(toPayer > 0 ? [{ account: row(held.payer_id), amount: toPayer }] : []),
    ...(toNode > 0 ? [{ account: NODE, amount: toNode }] : []),
  ];
  const subject = { kind: held.subject_kind, id: held.subject_id };
  const kind = cost > 0 ? 'capture' : 'refund';
  await post(tx, { key: `end:${held.id}`, kind, moves, at: now, subject });
  return cost;
}
