import type { EntityManager } from '@mikro-orm/core';
import { audited } from '../../kit/audit/append.ts';
import { refuseAudited } from '../../kit/audit/refuse.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { accountRoleChanged } from '../events.ts';
import { Account } from '../model.ts';
import { can, mayGrant, ROLE_PERMISSIONS, ROLES, type Role } from '../permissions.ts';
import { permissionsOf } from './grants.ts';

/** Gives a role without asking leave: for the operator at the machine; pages call `changeRole`. Flushes. */
export async function setRole({ em }: Pick<Work, 'em'>, account: Account, role: Role): Promise<void> {
  account.role = role;
  account.permissions = ROLE_PERMISSIONS[role];
  record(em, accountRoleChanged, { accountId: account.id, role });
  await em.flush();
}

/**
 * Throws `forbidden`, and writes the attempt down, when the viewer's own role lacks a permission of the new role, or of
 * what the account has.
 */
export async function changeRole(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  accountId: number,
  role: Role,
): Promise<void> {
  const { em, viewer } = work;
  const account = await loadLocal({ em }, accountId);
  if (!viewer) throw new AppError('forbidden', 'Please sign in.');
  const subject = { kind: 'account', id: accountId };
  if (!mayGrant({ permissions: await ownRank(em, viewer) }, ROLE_PERMISSIONS[role])) {
    const attempt = { action: 'account.role', subject, after: { role } };
    await refuseAudited(work, attempt, 'You cannot give a role that can do more than you.');
  }
  await refuseAbove(work, viewer, account);
  if (account.role === 'owner' && role !== 'owner' && (await isLastOwner({ em }, account))) {
    throw new AppError('conflict', 'A node needs an owner. Make somebody else an owner first.');
  }
  await audited(work, async (inner) => {
    const changed = await loadLocal({ em: inner }, accountId);
    const before = { role: changed.role };
    await setRole({ em: inner }, changed, role);
    const entry = { action: 'account.role', subject, before, after: { role } };
    return { result: null, entries: [entry] };
  });
}

/** What somebody can do by their own role, without what was lent to them; a token narrows it. */
export async function ownRank(em: EntityManager, viewer: Viewer): Promise<number> {
  const { permissions } = await em.findOneOrFail(Account, viewer.id);
  return permissions & viewer.permissions;
}

/** The roles that the viewer may give to this account; empty when there is nothing to choose. */
export function grantableRoles(viewer: Viewer | null, account: Account): readonly Role[] {
  if (!viewer || (account.permissions & ~viewer.permissions) !== 0) return [];
  return ROLES.filter((role) => mayGrant(viewer, ROLE_PERMISSIONS[role]));
}

/** Staff act on nobody who can do what they cannot: else a moderator could suspend the owner. */
export async function refuseAbove(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  viewer: Viewer,
  account: Account,
): Promise<void> {
  const theirs = await permissionsOf(work.em, account.id, work.now());
  if ((theirs & ~viewer.permissions) === 0) return;
  const attempt = { action: 'account.change', subject: { kind: 'account', id: account.id } };
  await refuseAudited(work, attempt, 'This account can do more than yours, so you cannot change it.');
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
