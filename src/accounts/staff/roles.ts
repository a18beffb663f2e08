import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { accountRoleChanged } from '../events.ts';
import { Account } from '../model.ts';
import { can, mayGrant, ROLE_PERMISSIONS, ROLES, type Role } from '../permissions.ts';

/** Gives a role without asking leave: for the operator at the machine; pages call `changeRole`. Flushes. */
export async function setRole({ em }: Pick<Work, 'em'>, account: Account, role: Role): Promise<void> {
  account.role = role;
  account.permissions = ROLE_PERMISSIONS[role];
  record(em, accountRoleChanged, { accountId: account.id, role });
  await em.flush();
}

/** Throws `forbidden` when the viewer lacks a permission of the new role, or of the one that the account has. */
export async function changeRole(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  accountId: number,
  role: Role,
): Promise<void> {
  const account = await loadLocal({ em }, accountId);
  if (!viewer || !mayGrant(viewer, ROLE_PERMISSIONS[role])) {
    throw new AppError('forbidden', 'You cannot give a role that can do more than you.');
  }
  refuseAbove(viewer, account);
  if (account.role === 'owner' && role !== 'owner' && (await isLastOwner({ em }, account))) {
    throw new AppError('conflict', 'A node needs an owner. Make somebody else an owner first.');
  }
  await setRole({ em }, account, role);
}

/** The roles that the viewer may give to this account; empty when there is nothing to choose. */
export function grantableRoles(viewer: Viewer | null, account: Account): readonly Role[] {
  if (!viewer || (account.permissions & ~viewer.permissions) !== 0) return [];
  return ROLES.filter((role) => mayGrant(viewer, ROLE_PERMISSIONS[role]));
}

/** Staff act on nobody who can do what they cannot: else a moderator could suspend the owner. */
export function refuseAbove(viewer: Viewer, account: Account): void {
  if ((account.permissions & ~viewer.permissions) !== 0) {
    throw new AppError('forbidden', 'This account can do more than yours, so you cannot change it.');
  }
}

export async function loadLocal({ em }: Pick<Work, 'em'>, accountId: number): Promise<Account> {
  const account = await em.findOne(Account, { id: accountId, host: '' });
  if (!account || account.state === 'deleted') throw new AppError('not_found', 'There is no such account.');
  return account;
}

async function isLastOwner({ em }: Pick<Work, 'em'>, account: Account): Promise<boolean> {
  const others = { host: '', role: 'owner' as const, state: 'active' as const, id: { $ne: account.id } };
  return (await em.count(Account, others)) === 0;
}

/** May the viewer see the pages about accounts at all? */
export const isAccountStaff = (viewer: Viewer | null): boolean =>
  can(viewer, 'moderateAccounts') || can(viewer, 'approveSignUps') || can(viewer, 'manageRoles');
