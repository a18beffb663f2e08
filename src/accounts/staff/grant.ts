import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { refuseAudited } from '../../kit/audit/refuse.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { Account } from '../model.ts';
import { mayGrant, PERMISSION, type Permission } from '../permissions.ts';
import { StaffGrant } from './grants.ts';
import { loadLocal, ownRank, refuseAbove } from './roles.ts';

/** What every member may do needs no grant, and what the owner alone may do is not given for a time. */
const GRANTABLE = (Object.keys(PERMISSION) as Permission[]).filter(
  (name) => !['publish', 'generate', 'train', 'owner'].includes(name),
);

const MOST_DAYS = 90;
const DAY_MS = 86_400_000;

export const GrantForm = z.object({
  permission: z.enum(GRANTABLE as [Permission, ...Permission[]], 'Choose a right.'),
  days: z.coerce
    .number('Say for how many days.')
    .int('Whole days.')
    .min(1, 'At least a day.')
    .max(MOST_DAYS, `At most ${MOST_DAYS} days.`),
  reason: z.string().trim().min(1, 'Say why.').max(200, 'At most 200 characters.'),
});

type GrantWork = Pick<Work, 'em' | 'viewer' | 'now'>;

/**
 * Gives one right for a time; again changes its end. Throws `forbidden`, and writes the attempt down, for oneself, for
 * what the viewer has not by their own role (a right that was lent is not lent on), and for whoever can do more.
 */
export async function grantPermission(
  work: GrantWork,
  accountId: number,
  { permission, days, reason }: z.output<typeof GrantForm>,
): Promise<void> {
  const viewer = await requireGranter(work, accountId, permission, 'grant.give');
  const account = await loadLocal(work, accountId);
  if (account.state !== 'active') throw new AppError('conflict', 'This account is not in use.');
  await refuseAbove(work, viewer, account);
  const expiresAt = new Date(work.now().getTime() + days * DAY_MS);
  const after = { permission, until: expiresAt.toISOString() };
  await audited(work, async (em) => {
    const grant = {
      ...{ accountId, bit: PERMISSION[permission], grantedById: viewer.id, reason },
      ...{ createdAt: work.now(), expiresAt },
    };
    await em.upsert(StaffGrant, grant);
    return { result: null, entries: [{ action: 'grant.give', subject: subjectOf(accountId), after, reason }] };
  });
}

export async function revokeGrant(work: GrantWork, accountId: number, permission: Permission): Promise<void> {
  const viewer = await requireGranter(work, accountId, permission, 'grant.revoke');
  await refuseAbove(work, viewer, await loadLocal(work, accountId));
  await audited(work, async (em) => {
    const gone = await em.nativeDelete(StaffGrant, { accountId, bit: PERMISSION[permission] });
    const entry = { action: 'grant.revoke', subject: subjectOf(accountId), before: { permission } };
    return { result: null, entries: gone > 0 ? [entry] : [] };
  });
}

const subjectOf = (id: number) => ({ kind: 'account', id });

async function requireGranter(
  work: GrantWork,
  accountId: number,
  permission: Permission,
  action: string,
): Promise<Viewer> {
  const { viewer } = work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const attempt = { action, subject: subjectOf(accountId), after: { permission } };
  if (accountId === viewer.id) return refuseAudited(work, attempt, 'You cannot give rights to yourself.');
  const rank = await ownRank(work.em, viewer);
  if (!mayGrant({ permissions: rank }, PERMISSION[permission])) {
    return refuseAudited(work, attempt, 'You cannot give what your own role does not have.');
  }
  return viewer;
}

export interface GrantView {
  readonly permission: Permission;
  readonly by: string;
  readonly reason: string;
  readonly expiresAt: string;
}

/** What an account has for a time now. */
export async function listGrants({ em, now }: Pick<Work, 'em' | 'now'>, accountId: number): Promise<GrantView[]> {
  const grants = await em.find(
    StaffGrant,
    { accountId, expiresAt: { $gt: now() } },
    { orderBy: { bit: 'asc' }, disableIdentityMap: true },
  );
  const granters = await em.find(Account, { id: { $in: grants.map(({ grantedById }) => grantedById) } });
  const names = new Map(granters.map(({ id, name }) => [id, `@${name}`]));
  return grants.flatMap(({ bit, grantedById, reason, expiresAt }) => {
    const permission = GRANTABLE.find((name) => PERMISSION[name] === bit);
    if (!permission) return [];
    return [{ permission, by: names.get(grantedById) ?? '', reason, expiresAt: expiresAt.toISOString() }];
  });
}

/** What this viewer could give. */
export async function grantablePermissions({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<Permission[]> {
  if (!viewer) return [];
  const rank = { permissions: await ownRank(em, viewer) };
  return GRANTABLE.filter((name) => mayGrant(rank, PERMISSION[name]));
}
