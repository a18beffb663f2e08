import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { Login, normaliseEmail } from '../login.ts';
import { Account } from '../model.ts';
import type { OneTimeToken } from './model.ts';
import { consumeOneTime, findOneTime, issueOneTime } from './one-time.ts';
import { matchesPassword } from './passwords.ts';
import { useRecoveryCode } from './second/recovery.ts';
import { hasTotp, useTotp } from './second/totp.ts';

export const SignInForm = z.object({
  name: z.string().trim().min(1, 'Your name or e-mail address.').max(254),
  password: z.string().min(1, 'Your password.').max(1_000),
});

export const CodeForm = z.object({ code: z.string().trim().min(6, 'The code of six digits.').max(30) });

/** Wrong codes that one password entry pays for. */
const MAX_WRONG_CODES = 5;

type SignInWork = Pick<Work, 'em' | 'now'>;

export interface FirstStep {
  readonly account: Account;
  /** Set when a second step is due: the secret that stands for the first. */
  readonly secondStep: string | null;
}

/** The local account of a name or an e-mail address. */
export async function findBySignInName({ em }: Pick<Work, 'em'>, text: string): Promise<Account | null> {
  const name = text.trim().replace(/^@/, '').toLowerCase();
  if (!name.includes('@')) return em.findOne(Account, { host: '', name });
  const login = await em.findOne(Login, { email: normaliseEmail(text) }, { populate: ['account'] });
  return login?.account.$ ?? null;
}

/** Checks name and password. Throws `invalid` with one message for both, `forbidden` when the account may not be used. */
export async function signIn(work: SignInWork, { name, password }: z.output<typeof SignInForm>): Promise<FirstStep> {
  const account = await findBySignInName(work, name);
  if (!(await matchesPassword(work, account, password)) || !account) {
    throw new AppError('invalid', 'This name and password do not belong together.', {
      fields: { password: 'This name and password do not belong together.' },
    });
  }
  // only now, so that nobody learns the state of an account whose password they do not know
  refuseUnlessActive(account);
  const secondStep = (await hasTotp(work, account)) ? issueOneTime(work, 'second_factor', { account }) : null;
  await work.em.flush();
  return { account, secondStep };
}

export async function loadSecondStep(work: SignInWork, secret: string): Promise<OneTimeToken> {
  const token = await findOneTime(work, 'second_factor', secret);
  if (!token) throw new AppError('unauthenticated', 'That took too long. Please sign in again.');
  return token;
}

/** The code of an authenticator app, or a recovery code. After five wrong ones the password is asked for again. */
export async function signInWithCode(
  work: SignInWork,
  secret: string,
  { code }: z.output<typeof CodeForm>,
  secretKey: string,
): Promise<Account> {
  const token = await loadSecondStep(work, secret);
  const account = await work.em.findOneOrFail(Account, token.account?.id ?? 0);
  const digits = code.replace(/\s/g, '');
  const isRight = (await useTotp(work, account, digits, secretKey)) || (await useRecoveryCode(work, account, code));
  if (!isRight) {
    token.failureCount += 1;
    if (token.failureCount >= MAX_WRONG_CODES) work.em.remove(token);
    await work.em.flush();
    throw new AppError('invalid', 'This code does not fit.', { fields: { code: 'This code does not fit.' } });
  }
  if (!(await consumeOneTime(work, token))) throw new AppError('conflict', 'You are already signed in.');
  refuseUnlessActive(account);
  return account;
}

const REFUSALS: Readonly<Record<string, string>> = {
  unverified: 'Please open the link in the mail that we sent you; then you can sign in.',
  awaiting_approval: 'The people who run this node have not looked at your request yet. You get a mail when they have.',
  suspended: 'This account is suspended. Write to the contact on the About page if that is a mistake.',
  deleted: 'This account was deleted.',
};

export function refuseUnlessActive(account: Account): void {
  const refusal = REFUSALS[account.state];
  if (refusal) throw new AppError('forbidden', refusal);
}

/** Called when a session starts: signing in is how somebody takes back the wish to leave. */
export async function noteSignIn({ em, now }: SignInWork, account: Account): Promise<{ keptAccount: boolean }> {
  const login = await em.findOneOrFail(Login, account.id);
  const keptAccount = login.deleteRequestedAt != null;
  login.deleteRequestedAt = null;
  login.lastSeenAt = now();
  await em.flush();
  return { keptAccount };
}
