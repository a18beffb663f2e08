import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { type AccountRef, creditAccountId, inOrder } from './accounts.ts';
import type { PostingKind } from './model.ts';

/*
 * The ledger. Credits never appear and never vanish: each act (a posting) moves them between accounts, in two entries or
 * more whose sum is zero, so that the sum over everything is zero too. An act has a key that says what it is for, and the
 * same key a second time moves nothing: whoever is unsure whether it happened says it again. The balance of an account
 * is kept beside its entries in the same transaction, by an update that fails where a person or an escrow would come
 * below zero; that row is also what two acts on one account wait for. An act makes the accounts that are missing, then
 * changes them, each in one order with the node's last, so that two of them never wait for each other.
 */

interface Move {
  readonly account: AccountRef;
  /** Whole credits; below zero is taken from the account. */
  readonly amount: number;
}

export interface Act {
  readonly key: string;
  readonly kind: PostingKind;
  readonly moves: readonly Move[];
  readonly at: Date;
  readonly subject?: { readonly kind: string; readonly id: string | number };
  readonly note?: string;
}

/** More is a mistake: numbers stay far below what JavaScript counts exactly. */
const MOST_CREDITS = 1_000_000_000;

/**
 * Writes an act, in the transaction of `em` when it has one. False when it happened already. Throws
 * `insufficient_credit` where somebody does not have as much, and `conflict` for a key that was another act's.
 */
export async function post(em: EntityManager, act: Act): Promise<boolean> {
  assertWhole(act);
  return em.isInTransaction() ? write(em, act) : em.fork().transactional((tx) => write(tx, act));
}

async function write(tx: EntityManager, { key, kind, moves, at, subject, note = '' }: Act): Promise<boolean> {
  const postingId = newId();
  // who comes second with a key waits here until the first has committed
  const written = await rows(
    tx,
    `insert into credit_posting (id, key, kind, subject_kind, subject_id, note, at) values (?, ?, ?, ?, ?, ?, ?)
     on conflict (key) do nothing returning id`,
    [postingId, key, kind, subject?.kind ?? '', String(subject?.id ?? ''), note, at],
  );
  const ids = new Map<AccountRef, string>();
  for (const account of inOrder(moves.map(({ account }) => account))) {
    ids.set(account, await creditAccountId(tx, account));
  }
  const sides = moves.map(
    ({ account, amount }): Side => ({ id: ids.get(account) ?? '', amount, isNode: account.kind === 'node' }),
  );
  if (new Set(sides.map(({ id }) => id)).size < sides.length) throw new TypeError(`an account stands twice in ${key}`);
  sides.sort((a, b) => Number(a.isNode) - Number(b.isNode) || (a.id < b.id ? -1 : 1));
  if (written.length === 0) {
    await assertSameAct(tx, key, kind, sides);
    return false;
  }
  for (const { id, amount } of sides) await change(tx, id, amount);
  for (const { id, amount } of sides) {
    await rows(
      tx,
      'insert into credit_entry (id, posting_id, account_id, amount, at) values (?, ?, ?, ?, ?) returning id',
      [newId(), postingId, id, amount, at],
    );
  }
  return true;
}

interface Side {
  readonly id: string;
  readonly amount: number;
  readonly isNode: boolean;
}

async function change(tx: EntityManager, id: string, amount: number): Promise<void> {
  const changed = await rows(
    tx,
    `update credit_account set balance = balance + ? where id = ? and (kind = 'node' or balance + ? >= 0) returning id`,
    [amount, id, amount],
  );
  if (changed.length > 0) return;
  const [row] = await rows<{ balance: unknown }>(tx, 'select balance from credit_account where id = ?', [id]);
  throw new InsufficientCredit(-amount, toNumber(row?.balance));
}

/** Somebody has less than an act takes. What it means to them is said where it was asked for. */
export class InsufficientCredit extends AppError {
  readonly missing: number;

  constructor(needed: number, balance: number) {
    super('insufficient_credit', `That takes ${needed} credits, and there are ${balance}.`);
    this.missing = needed - balance;
  }
}

function assertWhole({ key, moves }: Act): void {
  const isCount = (amount: number) => Number.isInteger(amount) && amount !== 0 && Math.abs(amount) <= MOST_CREDITS;
  const sum = moves.reduce((total, { amount }) => total + amount, 0);
  if (key === '' || moves.length < 2 || sum !== 0 || !moves.every(({ amount }) => isCount(amount))) {
    throw new TypeError(`not an act of a ledger: ${key}`);
  }
}

async function assertSameAct(tx: EntityManager, key: string, kind: string, sides: readonly Side[]): Promise<void> {
  const before = await rows<{ account_id: string; amount: unknown }>(
    tx,
    `select e.account_id, e.amount from credit_posting p join credit_entry e on e.posting_id = p.id
     where p.key = ? and p.kind = ? and e.account_id in (${inList(sides)})`,
    [key, kind, ...sides.map(({ id }) => id)],
  );
  const amounts = new Map(before.map(({ account_id: id, amount }) => [id, toNumber(amount)]));
  if (before.length !== sides.length || sides.some(({ id, amount }) => amounts.get(id) !== amount)) {
    throw new AppError('conflict', 'Something else was paid under this key.');
  }
}
