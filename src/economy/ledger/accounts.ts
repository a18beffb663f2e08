import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';

/** An account of the ledger, by whose it is or, where that is known, by its row. */
export type AccountRef =
  | { readonly kind: 'node' }
  | { readonly kind: 'person'; readonly accountId: number }
  | { readonly kind: 'escrow'; readonly key: string; readonly ownerId: number }
  | { readonly kind: 'row'; readonly id: string };

/** What the node gave out and has not got back: below zero by as much as others have. */
export const NODE: AccountRef = { kind: 'node' };
export const person = (accountId: number): AccountRef => ({ kind: 'person', accountId });
export const escrow = (key: string, ownerId: number): AccountRef => ({ kind: 'escrow', key, ownerId });
export const row = (id: string): AccountRef => ({ kind: 'row', id });

const keyOf = (ref: Exclude<AccountRef, { kind: 'row' }>): string =>
  ref.kind === 'node' ? 'node' : ref.kind === 'person' ? `account:${ref.accountId}` : ref.key;

/** In which order accounts are made, the node's last: who makes two waits for nobody who waits for them. */
export const inOrder = (refs: readonly AccountRef[]): AccountRef[] => {
  const placeOf = (ref: AccountRef) => (ref.kind === 'row' ? '' : ref.kind === 'node' ? '\uffff' : keyOf(ref));
  return [...refs].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
};

/** Its row, which is made the first time. */
export async function creditAccountId(tx: EntityManager, ref: AccountRef): Promise<string> {
  if (ref.kind === 'row') return ref.id;
  const key = keyOf(ref);
  const find = () => rows<{ id: string }>(tx, 'select id from credit_account where key = ?', [key]);
  const [known] = await find();
  if (known) return known.id;
  const ownerId = ref.kind === 'person' ? ref.accountId : ref.kind === 'escrow' ? ref.ownerId : null;
  const [made] = await rows<{ id: string }>(
    tx,
    `insert into credit_account (id, kind, key, owner_id, balance) values (?, ?, ?, ?, 0)
     on conflict (key) do nothing returning id`,
    [newId(), ref.kind, key, ownerId],
  );
  const [found] = made ? [made] : await find();
  if (!found) throw new TypeError(`there is no account ${key}`);
  return found.id;
}

export interface Purse {
  readonly id: string;
  readonly balance: number;
  /** What waits in escrow for what was asked for. */
  readonly held: number;
  readonly allowanceDay: string | null;
}

/** What a person has; null before they had anything. */
export async function findPurse(em: EntityManager, accountId: number): Promise<Purse | null> {
  const [found] = await rows<{ id: string; balance: unknown; held: unknown; allowance_day: string | null }>(
    em,
    `select a.id, a.balance, a.allowance_day,
       (select coalesce(sum(e.balance), 0) from credit_account e where e.owner_id = ? and e.kind = 'escrow'
         and e.balance > 0) as held
     from credit_account a where a.key = ?`,
    [accountId, `account:${accountId}`],
  );
  return (
    (found && {
      ...{ id: found.id, allowanceDay: found.allowance_day },
      ...{ balance: toNumber(found.balance), held: toNumber(found.held) },
    }) ??
    null
  );
}
