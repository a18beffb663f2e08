import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Door } from '../deps.ts';
import { noteVerified } from '../joining/verify-email.ts';
import { Login } from '../login.ts';
import { passwordChangedLetter, resetPasswordLetter } from '../mail/letters.ts';
import { Account } from '../model.ts';
import { ApiToken, type OneTimeToken } from './model.ts';
import { consumeOneTime, findOneTime, issueOneTime, revokeOneTime } from './one-time.ts';
import { matchesPassword, NewPassword, setPassword } from './passwords.ts';
import { endSessions } from './sessions.ts';
import { findBySignInName } from './sign-in.ts';

export const ForgottenForm = z.object({ name: z.string().trim().min(1, 'Your name or e-mail address.').max(254) });

/** Mails a link. Says nothing about whether there is such an account. */
export async function askForReset(
  work: Pick<Work, 'em' | 'now' | 'jobs'>,
  { settings, mailer, publicUrl }: Door,
  { name }: z.output<typeof ForgottenForm>,
): Promise<void> {
  const account = await findBySignInName(work, name);
  const login = account && (await work.em.findOne(Login, account.id));
  if (!login || account.state === 'deleted') return;
  // only the newest link works, so an old mail in a stolen mailbox does not
  await revokeOneTime(work, account, ['reset_password']);
  const secret = issueOneTime(work, 'reset_password', { account });
  mailer.post(work, login.email, resetPasswordLetter(settings, publicUrl, account.name, secret));
  await work.em.flush();
}

/** Throws `gone` for a link that was used or is too old. */
export async function loadReset(work: Pick<Work, 'em' | 'now'>, secret: string): Promise<OneTimeToken> {
  const token = await findOneTime(work, 'reset_password', secret);
  if (!token?.account) throw new AppError('gone', 'This link was used before, or is too old. Ask for a new one.');
  return token;
}

export const ResetForm = z.object({ password: NewPassword });

/** Sets the password that the link's owner chose. Opening a link in their mail also shows that the address is theirs. */
export async function resetByLink(
  work: Pick<Work, 'em' | 'now' | 'jobs'>,
  { settings, mailer, publicUrl }: Door,
  secret: string,
  { password }: z.output<typeof ResetForm>,
): Promise<void> {
  const token = await loadReset(work, secret);
  if (!(await consumeOneTime(work, token))) throw new AppError('gone', 'This link was used before.');
  const account = await work.em.findOneOrFail(Account, token.account?.id ?? 0);
  const login = await work.em.findOneOrFail(Login, account.id);
  // a link that the owner passed on by hand shows nothing about the address
  if (mailer.isConnected && !login.emailVerifiedAt) noteVerified(work, account, login, settings.signUpMode);
  await resetPassword(work, account, password);
  mailer.post(work, login.email, passwordChangedLetter(settings, publicUrl, account.name));
  await work.em.flush();
}

/**
 * Sets a password and ends every session, token and open link: who lost control gets it back whole. For the operator
 * at the machine, and for `resetByLink`. Flushes.
 */
export async function resetPassword(work: Pick<Work, 'em' | 'now'>, account: Account, password: string): Promise<void> {
  await setPassword(work, account, password);
  await endSessions(work, account.id, null);
  await work.em.nativeDelete(ApiToken, { account: account.id });
  await revokeOneTime(work, account, ['reset_password', 'second_factor', 'verify_email', 'passkey']);
  await work.em.flush();
}

export const PasswordForm = z.object({
  current: z.string().min(1, 'Your password.').max(1_000),
  password: NewPassword,
});

/** By the person, who knows the old one. All other browsers are signed out. */
export async function changePassword(
  work: Pick<Work, 'em' | 'viewer' | 'now' | 'jobs'>,
  { settings, mailer, publicUrl }: Door,
  { current, password }: z.output<typeof PasswordForm>,
  sessionId: string | null,
): Promise<void> {
  const { em, viewer } = work;
  const login = viewer && (await em.findOne(Login, viewer.id, { populate: ['account'] }));
  if (!login) throw new AppError('unauthenticated', 'Please sign in.');
  const account = login.account.$;
  if (!(await matchesPassword(work, account, current))) {
    throw new AppError('invalid', 'This is not your password.', { fields: { current: 'This is not your password.' } });
  }
  await setPassword(work, account, password);
  await endSessions(work, account.id, sessionId);
  await revokeOneTime(work, account, ['reset_password', 'second_factor']);
  mailer.post(work, login.email, passwordChangedLetter(settings, publicUrl, account.name));
  await em.flush();
}
