import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { endSessions } from '../access/sessions.ts';
import { accountReinstated, accountSuspended } from '../events.ts';
import { eraseAccount } from '../leaving/leave.ts';
import { Account, isLocal } from '../model.ts';
import { PERMISSION } from '../permissions.ts';

// What a decision of moderation does to an account. Who may decide was asked when it was decided; the node carries it out.

type Task = Pick<Work, 'em' | 'now'>;

/** Nothing may be uploaded or published from now on. Returns the bits that were taken; none of an account of elsewhere. */
export async function lockUploads({ em }: Pick<Work, 'em'>, accountId: number): Promise<number> {
  const account = await em.findOne(Account, accountId);
  if (!account || !isLocal(account)) return 0;
  const taken = account.permissions & PERMISSION.publish;
  account.permissions &= ~PERMISSION.publish;
  await em.flush();
  return taken;
}

export async function unlockUploads({ em }: Pick<Work, 'em'>, accountId: number, bits: number): Promise<void> {
  const account = await em.findOne(Account, accountId);
  if (!account) return;
  account.permissions |= bits & PERMISSION.publish;
  await em.flush();
}

/** False when it was not in use. */
export async function suspendByDecision({ em }: Pick<Work, 'em'>, accountId: number): Promise<boolean> {
  const account = await em.findOne(Account, { id: accountId, state: 'active' });
  if (!account) return false;
  account.state = 'suspended';
  record(em, accountSuspended, { accountId });
  await em.flush();
  await endSessions({ em }, accountId, null);
  return true;
}

export async function reinstateByDecision({ em }: Pick<Work, 'em'>, accountId: number): Promise<void> {
  const account = await em.findOne(Account, { id: accountId, state: 'suspended' });
  if (!account) return;
  account.state = 'active';
  record(em, accountReinstated, { accountId });
  await em.flush();
}

/** For good: what it had here goes as when somebody leaves. */
export async function terminateByDecision({ em, now }: Task, accountId: number): Promise<void> {
  const account = await em.findOne(Account, accountId);
  if (account && isLocal(account)) await eraseAccount({ em, now }, account);
}
