import { addressPrefix } from '../../kit/web/rate-limit.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { AccountDeps } from '../deps.ts';
import type { Account } from '../model.ts';
import { SESSION_COOKIE } from './identify.ts';
import { endSession, startSession } from './sessions.ts';
import { noteSignIn, refuseUnlessActive } from './sign-in.ts';

/** The end of every way to sign in: a new session under a new secret, whatever cookie the browser brought. */
export async function openSession(
  ctx: Ctx,
  { cookies }: AccountDeps,
  account: Account,
): Promise<{ keptAccount: boolean }> {
  const { work } = ctx.state;
  refuseUnlessActive(account);
  const note = await noteSignIn(work, account);
  const browser = { userAgent: ctx.get('user-agent'), addressPrefix: addressPrefix(ctx.ip) };
  const { secret, expiresAt } = await startSession(work, account, browser, cookies.read(ctx, SESSION_COOKIE));
  cookies.write(ctx, SESSION_COOKIE, secret, expiresAt);
  return note;
}

export async function closeSession(ctx: Ctx, { cookies }: AccountDeps): Promise<void> {
  const { work, sessionId } = ctx.state;
  if (sessionId) await endSession(work, sessionId);
  cookies.clear(ctx, SESSION_COOKIE);
}
