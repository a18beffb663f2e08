import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { consumeOneTime, findOneTime, issueOneTime, revokeOneTime } from '../access/one-time.ts';
import { matchesPassword } from '../access/passwords.ts';
import { findBySignInName } from '../access/sign-in.ts';
import type { Door } from '../deps.ts';
import { accountAwaitsApproval, accountJoined } from '../events.ts';
import { Login } from '../login.ts';
import { emailChangedLetter, verifyEmailLetter } from '../mail/letters.ts';
import type { Account } from '../model.ts';
import type { NodeSettings } from '../node-settings.ts';
import { Email } from './create.ts';

/** Confirms the address that the link was sent to, and lets a new account in or to the queue. Throws `gone`. */
export async function verifyEmail(
  work: Pick<Work, 'em' | 'now'>,
  secret: string,
  signUpMode: NodeSettings['signUpMode'],
): Promise<Account> {
  const { em, now } = work;
  const token = await findOneTime(work, 'verify_email', secret);
  const login = token?.account ? await em.findOne(Login, token.account.id, { populate: ['account'] }) : null;
  if (!token?.email || !login || !(await consumeOneTime(work, token))) {
    throw new AppError('gone', 'This link was used before, or is too old. Ask for a new one.');
  }
  const account = login.account.$;
  login.email = token.email;
  noteVerified({ em, now }, account, login, signUpMode);
  try {
    await em.flush();
  } catch (cause) {
    if (cause instanceof UniqueConstraintViolationException) {
      throw new AppError('conflict', 'Another account uses this address by now.', { cause });
    }
    throw cause;
  }
  return account;
}

/** Lets a new account in, or to the queue. Persisted with the caller's flush. */
export function noteVerified(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
  login: Login,
  signUpMode: NodeSettings['signUpMode'],
): void {
  login.emailVerifiedAt = now();
  if (account.state !== 'unverified') return;
  const mustWait = signUpMode === 'approval' && !login.inviter;
  account.state = mustWait ? 'awaiting_approval' : 'active';
  record(em, mustWait ? accountAwaitsApproval : accountJoined, { accountId: account.id });
}

export const ResendForm = z.object({ name: z.string().trim().min(1, 'Your name or e-mail address.').max(254) });

/** Sends the link again. Says nothing about whether there is such an account. */
export async function resendVerification(
  work: Pick<Work, 'em' | 'now' | 'jobs'>,
  { settings, mailer, publicUrl }: Door,
  { name }: z.output<typeof ResendForm>,
): Promise<void> {
  const account = await findBySignInName(work, name);
  const login = account && (await work.em.findOne(Login, account.id));
  if (!login || login.emailVerifiedAt || account.state === 'deleted') return;
  await revokeOneTime(work, account, ['verify_email']);
  const secret = issueOneTime(work, 'verify_email', { account, email: login.email });
  mailer.post(work, login.email, verifyEmailLetter(settings, publicUrl, account.name, secret));
  await work.em.flush();
}

export const EmailForm = z.object({ email: Email, password: z.string().min(1, 'Your password.').max(1_000) });

/** Sends a link to the new address; it counts once it is opened, and the old address is told at once. */
export async function changeEmail(
  work: Pick<Work, 'em' | 'viewer' | 'now' | 'jobs'>,
  { settings, mailer, publicUrl }: Door,
  { email, password }: z.output<typeof EmailForm>,
): Promise<void> {
  const { em, viewer } = work;
  const login = viewer && (await em.findOne(Login, viewer.id, { populate: ['account'] }));
  if (!login) throw new AppError('unauthenticated', 'Please sign in.');
  const account = login.account.$;
  if (!(await matchesPassword(work, account, password))) {
    throw new AppError('invalid', 'This is not your password.', { fields: { password: 'This is not your password.' } });
  }
  if (email === login.email && login.emailVerifiedAt) {
    throw new AppError('conflict', 'This is your address already.', {
      fields: { email: 'This is your address already.' },
    });
  }
  await revokeOneTime(work, account, ['verify_email']);
  const secret = issueOneTime(work, 'verify_email', { account, email });
  mailer.post(work, email, verifyEmailLetter(settings, publicUrl, account.name, secret));
  if (email !== login.email)
    mailer.post(work, login.email, emailChangedLetter(settings, publicUrl, account.name, email));
  await em.flush();
}
