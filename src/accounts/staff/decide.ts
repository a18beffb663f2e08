import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { endSessions } from '../access/sessions.ts';
import type { Door } from '../deps.ts';
import { accountJoined, accountReinstated, accountSuspended } from '../events.ts';
import { erasePrivate } from '../leaving/leave.ts';
import { Login } from '../login.ts';
import { approvedLetter, rejectedLetter } from '../mail/letters.ts';
import { Account } from '../model.ts';
import { can, type Permission } from '../permissions.ts';
import { loadLocal, refuseAbove } from './roles.ts';

function requirePermission(viewer: Viewer | null, permission: Permission): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if (!can(viewer, permission)) throw new AppError('forbidden', 'You may not do that.');
  return viewer;
}

/** Lets somebody in who waits. Throws `conflict` when nobody waits any more. */
export async function approveAccount(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  { settings, mailer, publicUrl }: Door,
  accountId: number,
): Promise<void> {
  requirePermission(work.viewer, 'approveSignUps');
  const { account, login } = await loadWaiting(work, accountId);
  account.state = 'active';
  login.signUpNote = '';
  record(work.em, accountJoined, { accountId });
  mailer.post(work, login.email, approvedLetter(settings, publicUrl, account.name));
  await work.em.flush();
}

export const RejectForm = z.object({ reason: z.string().trim().max(500).default('') });

/** Turns somebody down who waits. Nothing of them is kept; the name is free again. */
export async function rejectAccount(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  { settings, mailer }: Door,
  accountId: number,
  { reason }: z.output<typeof RejectForm>,
): Promise<void> {
  requirePermission(work.viewer, 'approveSignUps');
  const { account, login } = await loadWaiting(work, accountId);
  const { name } = account;
  const { email } = login;
  await work.em.transactional(async (em) => {
    mailer.post({ ...work, em }, email, rejectedLetter(settings, name, reason));
    await erasePrivate({ em }, account);
    await em.nativeDelete(Account, { id: accountId });
  });
}

async function loadWaiting({ em }: Pick<Work, 'em'>, accountId: number): Promise<{ account: Account; login: Login }> {
  const account = await loadLocal({ em }, accountId);
  if (account.state !== 'awaiting_approval') throw new AppError('conflict', 'Somebody has decided this already.');
  return { account, login: await em.findOneOrFail(Login, accountId) };
}

/** Signs somebody out everywhere and keeps them out. Their work stays; withholding that is moderation's. */
export async function suspendAccount(work: Pick<Work, 'em' | 'viewer' | 'now'>, accountId: number): Promise<void> {
  const staff = requirePermission(work.viewer, 'moderateAccounts');
  const account = await loadLocal(work, accountId);
  if (account.id === staff.id) throw new AppError('conflict', 'You cannot suspend yourself.');
  await refuseAbove(work, staff, account);
  if (account.state === 'suspended') return;
  if (account.state !== 'active') throw new AppError('conflict', 'This account is not in use.');
  await audited(work, async (em) => {
    (await loadLocal({ em }, accountId)).state = 'suspended';
    record(em, accountSuspended, { accountId });
    return { result: null, entries: [entryOf('account.suspend', accountId)] };
  });
  await endSessions(work, accountId, null);
}

export async function reinstateAccount(work: Pick<Work, 'em' | 'viewer' | 'now'>, accountId: number): Promise<void> {
  const staff = requirePermission(work.viewer, 'moderateAccounts');
  const account = await loadLocal(work, accountId);
  await refuseAbove(work, staff, account);
  if (account.state !== 'suspended') return;
  await audited(work, async (em) => {
    (await loadLocal({ em }, accountId)).state = 'active';
    record(em, accountReinstated, { accountId });
    return { result: null, entries: [entryOf('account.reinstate', accountId)] };
  });
}

const entryOf = (action: string, id: number) => ({ action, subject: { kind: 'account', id } });

export const QuotaForm = z.object({
  /** GB (10⁹ bytes); empty is the node's own. */
  quotaGb: z
    .string()
    .trim()
    .regex(/^(\d{1,6}([.,]\d{1,2})?)?$/, 'A number of gigabytes, or nothing.')
    .transform((text) => (text === '' ? null : Number(text.replace(',', '.')))),
});

export async function setQuota(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  accountId: number,
  { quotaGb }: z.output<typeof QuotaForm>,
): Promise<void> {
  const { em } = work;
  const staff = requirePermission(work.viewer, 'manageSettings');
  await refuseAbove(work, staff, await loadLocal(work, accountId));
  const login = await em.findOneOrFail(Login, accountId);
  login.quotaBytes = quotaGb === null ? null : Math.round(quotaGb * 1e9);
  await em.flush();
}
