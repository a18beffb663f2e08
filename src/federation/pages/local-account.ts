import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';

/** Anything else is no name, and PostgreSQL would not even compare a text with NUL in it. */
const NAME = /^[a-z0-9_][a-z0-9_.-]{0,63}$/i;

/** Somebody of this node by the name in an address, in any case; null also for one who is not in yet. */
export async function findLocalAccount(em: EntityManager, name: string): Promise<Account | null> {
  if (!NAME.test(name)) return null;
  const account = await em.findOne(Account, { host: '', name: name.toLowerCase() });
  const isIn = account && account.state !== 'unverified' && account.state !== 'awaiting_approval';
  return isIn ? account : null;
}

/** Also a suspended or deleted one. Throws `not_found`. */
export async function loadLocalAccount(em: EntityManager, name: string): Promise<Account> {
  const account = await findLocalAccount(em, name);
  if (!account) throw new AppError('not_found', 'There is no such account.');
  return account;
}
