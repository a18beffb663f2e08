import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { Login } from '../login.ts';
import { OutboxMail } from '../mail/model.ts';
import { ACCOUNT_STATES, Account } from '../model.ts';
import { can, type Role } from '../permissions.ts';
import { type AccountCard, accountCard } from '../profile/header.ts';
import { grantablePermissions, listGrants } from './grant.ts';
import { permissionsOf } from './grants.ts';
import { grantableRoles, isAccountStaff, loadLocal, ownRank } from './roles.ts';

const PAGE = 50;

export interface AccountRow {
  readonly account: AccountCard;
  readonly role: Role;
  readonly state: Account['state'];
  readonly email: string;
  readonly joinedAt: string;
  readonly lastSeenAt: string | null;
  readonly isLeaving: boolean;
}

function requireStaff(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if (!isAccountStaff(viewer)) throw new AppError('forbidden', 'This page is for the people who run the node.');
  return viewer;
}

/** Accounts of this node by name, address or state, newest first; `before` is the id of the last row seen. */
export async function listAccounts(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { query, state, before }: { query: string; state: string; before: number | null },
): Promise<{ rows: AccountRow[]; nextBefore: number | null }> {
  requireStaff(viewer);
  const wanted = ACCOUNT_STATES.find((one) => one === state);
  // `%` and `_` are wildcards of LIKE
  const pattern = `%${query
    .toLowerCase()
    .replace(/^@/, '')
    .replace(/[%_\\]/g, '')}%`;
  const logins = await em.find(
    Login,
    {
      account: { host: '', ...(wanted ? { state: wanted } : {}), ...(before ? { id: { $lt: before } } : {}) },
      ...(query ? { $or: [{ account: { name: { $like: pattern } } }, { email: { $like: pattern } }] } : {}),
    },
    { populate: ['account'], orderBy: { account: { id: 'desc' } }, limit: PAGE + 1 },
  );
  const shown = logins.slice(0, PAGE);
  return {
    rows: shown.map((login) => rowOf(login, login.account.$)),
    nextBefore: logins.length > PAGE ? (shown.at(-1)?.account.id ?? null) : null,
  };
}

const rowOf = (login: Login, account: Account): AccountRow => ({
  account: accountCard(account),
  role: account.role,
  state: account.state,
  email: login.email,
  joinedAt: account.createdAt.toISOString(),
  lastSeenAt: login.lastSeenAt?.toISOString() ?? null,
  isLeaving: login.deleteRequestedAt != null,
});

/** Those who wait to be let in, the oldest first. */
export async function listWaiting({ em, viewer }: Pick<Work, 'em' | 'viewer'>) {
  if (!can(viewer, 'approveSignUps')) throw new AppError('forbidden', 'You may not decide who joins.');
  const logins = await em.find(
    Login,
    { account: { host: '', state: 'awaiting_approval' } },
    { populate: ['account'], orderBy: { account: { id: 'asc' } }, limit: 100 },
  );
  return logins.map((login) => ({
    ...rowOf(login, login.account.$),
    note: login.signUpNote,
    isEmailVerified: login.emailVerifiedAt != null,
  }));
}

export async function countWaiting({ em }: Pick<Work, 'em'>): Promise<number> {
  return em.count(Account, { host: '', state: 'awaiting_approval' });
}

export async function loadAccountPage(work: Pick<Work, 'em' | 'viewer' | 'now'>, accountId: number) {
  const { em, viewer } = work;
  const staff = requireStaff(viewer);
  const account = await loadLocal({ em }, accountId);
  const login = await em.findOneOrFail(Login, accountId);
  const isBelow = ((await permissionsOf(em, accountId, work.now())) & ~staff.permissions) === 0;
  const isOther = account.id !== staff.id;
  return {
    ...rowOf(login, account),
    isEmailVerified: login.emailVerifiedAt != null,
    termsVersion: login.termsVersion,
    isAdultStated: login.adultStatedAt != null,
    quotaGb: login.quotaBytes == null ? '' : String(login.quotaBytes / 1e9),
    roles: grantableRoles({ ...staff, permissions: await ownRank(em, staff) }, account),
    grants: await listGrants(work, accountId),
    grantable: isBelow && isOther && account.state === 'active' ? await grantablePermissions(work) : [],
    may: {
      suspend: can(staff, 'moderateAccounts') && isBelow && isOther,
      quota: can(staff, 'manageSettings') && isBelow,
    },
  };
}
export type AccountAdminPage = Awaited<ReturnType<typeof loadAccountPage>>;

/**
 * Mails that nobody has sent. They hold links that sign in as their receivers, the owner among them, so the owner
 * alone may read them.
 */
export async function listOutbox({ em, viewer }: Pick<Work, 'em' | 'viewer'>) {
  if (!can(viewer, 'owner')) throw new AppError('forbidden', 'Only the owner reads unsent mail.');
  const mails = await em.find(OutboxMail, { sentAt: null }, { orderBy: { createdAt: 'desc' }, limit: 100 });
  return mails.map(({ id, toAddress, subject, text, createdAt }) => ({
    id,
    toAddress,
    subject,
    text,
    createdAt: createdAt.toISOString(),
  }));
}

export async function discardMail({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  if (!can(viewer, 'owner')) throw new AppError('forbidden', 'Only the owner reads unsent mail.');
  if ((await em.nativeDelete(OutboxMail, { id })) === 0) throw new AppError('not_found', 'There is no such mail.');
}
