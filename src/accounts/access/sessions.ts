import { AppError } from '../../kit/errors.ts';
import { newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Account } from '../model.ts';
import { Session } from './model.ts';
import { hashSecret } from './secrets.ts';

const LIFETIME_MS = 60 * 86_400_000;

export interface Browser {
  readonly userAgent: string;
  readonly addressPrefix: string;
}

/** Starts a session and returns the secret for the cookie. The one that the browser had before ends: a secret that somebody planted there is worth nothing. */
export async function startSession(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
  { userAgent, addressPrefix }: Browser,
  previousSecret: string | null,
): Promise<{ secret: string; expiresAt: Date }> {
  if (previousSecret) await em.nativeDelete(Session, { tokenHash: hashSecret(previousSecret) });
  const secret = randomToken();
  const expiresAt = new Date(now().getTime() + LIFETIME_MS);
  em.persist(
    em.create(Session, {
      id: newId(),
      tokenHash: hashSecret(secret),
      account,
      userAgent: userAgent.slice(0, 300),
      addressPrefix,
      createdAt: now(),
      lastSeenAt: now(),
      expiresAt,
    }),
  );
  await em.flush();
  return { secret, expiresAt };
}

export async function endSession({ em }: Pick<Work, 'em'>, sessionId: string): Promise<void> {
  await em.nativeDelete(Session, { id: sessionId });
}

/** Throws `not_found` for a session of somebody else. */
export async function revokeSession({ em, viewer }: Pick<Work, 'em' | 'viewer'>, sessionId: string): Promise<void> {
  const gone = viewer ? await em.nativeDelete(Session, { id: sessionId, account: viewer.id }) : 0;
  if (gone === 0) throw new AppError('not_found', 'There is no such session.');
}

/** Ends all sessions of an account but one, or all. */
export async function endSessions({ em }: Pick<Work, 'em'>, accountId: number, exceptId: string | null): Promise<void> {
  await em.nativeDelete(Session, { account: accountId, ...(exceptId ? { id: { $ne: exceptId } } : {}) });
}

export async function sweepSessions({ em, now }: Pick<Work, 'em' | 'now'>): Promise<void> {
  await em.nativeDelete(Session, { expiresAt: { $lte: now() } });
}

/** Newest first. */
export async function listSessions({ em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>, currentId: string | null) {
  if (!viewer) return [];
  const sessions = await em.find(
    Session,
    { account: viewer.id, expiresAt: { $gt: now() } },
    { orderBy: { lastSeenAt: 'desc' } },
  );
  return sessions.map((session) => ({
    id: session.id,
    browser: describeBrowser(session.userAgent),
    addressPrefix: session.addressPrefix,
    createdAt: session.createdAt.toISOString(),
    lastSeenAt: session.lastSeenAt.toISOString(),
    isCurrent: session.id === currentId,
  }));
}

// Order matters: Chrome's string also says Safari, Edge's also says Chrome.
const BROWSERS = [/(Firefox)\//, /(Edg)\w*\//, /(OPR)\//, /(Chrome)\//, /(Safari)\//, /^([\w.-]+)\//];
const SYSTEMS = [/(Android)/, /(iPhone|iPad)/, /(Windows)/, /(Mac OS X)/, /(Linux)/];

/** `Firefox, Linux`: enough to know one's own machines. */
function describeBrowser(userAgent: string): string {
  const first = (patterns: readonly RegExp[]) => patterns.map((one) => one.exec(userAgent)?.[1]).find(Boolean);
  const names: Readonly<Record<string, string>> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS' };
  const parts = [first(BROWSERS), first(SYSTEMS)].filter((part) => part !== undefined);
  return parts.map((part) => names[part] ?? part).join(', ') || 'Unknown browser';
}
