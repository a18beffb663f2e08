import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { ApiToken, Credential, OneTimeToken } from '../access/model.ts';
import { matchesPassword } from '../access/passwords.ts';
import { endSessions } from '../access/sessions.ts';
import type { Door } from '../deps.ts';
import { accountDeleted } from '../events.ts';
import { Login } from '../login.ts';
import { deletionLetter } from '../mail/letters.ts';
import { Account, Block, Follow } from '../model.ts';
import { StaffGrant } from '../staff/grants.ts';

export const GRACE_DAYS = 14;
const GRACE_MS = GRACE_DAYS * 86_400_000;

export const LeaveForm = z.object({
  name: z.string().trim().toLowerCase(),
  password: z.string().min(1, 'Your password.').max(1_000),
});

/** Starts the grace: every browser and program is signed out, and signing in again takes the wish back. */
export async function askToLeave(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  { settings, mailer, publicUrl }: Door,
  { name, password }: z.output<typeof LeaveForm>,
): Promise<void> {
  const { em, viewer, jobs, now } = work;
  const login = viewer && (await em.findOne(Login, viewer.id, { populate: ['account'] }));
  if (!login) throw new AppError('unauthenticated', 'Please sign in.');
  const account = login.account.$;
  if (name.replace(/^@/, '') !== account.name) {
    throw new AppError('invalid', 'Type your name to confirm.', { fields: { name: 'Type your name to confirm.' } });
  }
  if (!(await matchesPassword(work, account, password))) {
    throw new AppError('invalid', 'This is not your password.', { fields: { password: 'This is not your password.' } });
  }
  await refuseLastOwner({ em }, account);
  const day = new Date(now().getTime() + GRACE_MS).toISOString().slice(0, 10);
  await em.transactional(async (inner) => {
    const within = { ...work, em: inner };
    await inner.nativeUpdate(Login, { account: account.id }, { deleteRequestedAt: now() });
    await endSessions(within, account.id, null);
    await inner.nativeDelete(ApiToken, { account: account.id });
    jobs.enqueue(inner, deleteAccountJob, { accountId: account.id }, { delayMs: GRACE_MS });
    mailer.post(within, login.email, deletionLetter(settings, publicUrl, account.name, day));
  });
}

async function refuseLastOwner({ em }: Pick<Work, 'em'>, account: Account): Promise<void> {
  if (account.role !== 'owner') return;
  const others = { host: '', role: 'owner' as const, state: 'active' as const, id: { $ne: account.id } };
  if ((await em.count(Account, others)) === 0) {
    throw new AppError('conflict', 'You are the only owner. Make somebody else an owner first.');
  }
}

export const deleteAccountJob = defineJob({
  name: 'accounts.delete-account',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 10,
  run: (work, { accountId }) => deleteAccount(work, accountId),
});

/**
 * Erases what is private once the grace is over; a wish that was taken back, or renewed, stops it. The row stays with
 * its name, so that nobody can come back under it. What it published goes with the event, in the rooms that own it.
 */
export async function deleteAccount({ em, now }: Pick<Work, 'em' | 'now'>, accountId: number): Promise<void> {
  const login = await em.findOne(Login, accountId, { populate: ['account'] });
  const askedAt = login?.deleteRequestedAt;
  // the clock of another machine may be a little behind
  if (!login || !askedAt || now().getTime() < askedAt.getTime() + GRACE_MS - 60_000) return;
  await eraseAccount({ em, now }, login.account.$);
}

/** Everything by which somebody signs in, and what only the staff knew of them. */
export async function erasePrivate({ em }: Pick<Work, 'em'>, account: Account): Promise<void> {
  const own = { account: account.id };
  await em.nativeDelete(Credential, own);
  await em.nativeDelete(OneTimeToken, own);
  await em.nativeDelete(ApiToken, own);
  await em.nativeDelete(Login, own);
  await em.nativeDelete(StaffGrant, { accountId: account.id });
  await endSessions({ em }, account.id, null);
}

/** At once, without the grace: also what a decision ends. Again is harmless. */
export async function eraseAccount({ em, now }: Pick<Work, 'em' | 'now'>, account: Account): Promise<void> {
  await em.transactional(async (inner) => {
    const own = { account: account.id };
    const blank = { displayName: '', bio: '', links: [], avatarSha256: null, bannerSha256: null };
    const end = { state: 'deleted' as const, role: 'member' as const, permissions: 0, deletedAt: now() };
    const still = { id: account.id, state: { $ne: 'deleted' as const } };
    // first, because it makes a second run of the job that comes at the same time wait, and then find nothing to do
    if ((await inner.nativeUpdate(Account, still, { ...blank, ...end })) === 0) return;
    await erasePrivate({ em: inner }, account);
    await inner.nativeDelete(Block, own);
    await inner.nativeDelete(Block, { target: account.id });
    // follows across nodes stay for federation, which tells the peers and then removes them
    const local = { host: '' };
    await inner.nativeDelete(Follow, { follower: account.id, target: local });
    await inner.nativeDelete(Follow, { target: account.id, follower: local });
    record(inner, accountDeleted, { accountId: account.id });
  });
}
