import { fromJson, rows, toDate, toDateOrNull } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Identity } from '../../kit/web/app.ts';
import type { Cookies } from '../../kit/web/cookies.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { Account } from '../model.ts';
import { permissionsWithin } from '../scopes.ts';
import { permissionsSql } from '../staff/grants.ts';
import { ApiToken, Session } from './model.ts';
import { hashSecret } from './secrets.ts';

export const SESSION_COOKIE = 'session';
const SEEN_EVERY_MS = 5 * 60_000;

const VISITOR: Identity = { viewer: null, sessionId: null, door: 'visitor' };

export const viewerOf = (
  account: Pick<Account, 'id' | 'name' | 'permissions' | 'levels'>,
  scopes: ReadonlySet<string> | null = null,
): Viewer => ({
  id: account.id,
  name: account.name,
  permissions: permissionsWithin(account.permissions, scopes),
  levels: account.levels,
  scopes,
});

/**
 * Who asks. A bearer token comes before the cookie and must be good when it is there; `?token=` is for programs that
 * cannot set a header, and counts on `/api/` only. A cookie that is not good makes a visitor.
 */
export async function identify(
  ctx: Ctx,
  { em, now }: Pick<Work, 'em' | 'now'>,
  cookies: Pick<Cookies, 'read'>,
): Promise<Identity> {
  const bearer = /^bearer +(\S+)$/i.exec(ctx.get('authorization'))?.[1] ?? queryToken(ctx);
  if (bearer) return identifyToken({ em, now }, bearer);
  const secret = cookies.read(ctx, SESSION_COOKIE);
  return secret ? identifySession({ em, now }, secret) : VISITOR;
}

function queryToken(ctx: Ctx): string | undefined {
  const { token } = ctx.query;
  return ctx.path.startsWith('/api/') && typeof token === 'string' && token !== '' ? token : undefined;
}

interface Row {
  id: string;
  account: number;
  name: string;
  permissions: number;
  levels: number;
  seen: unknown;
  expires: unknown;
}

// raw, because every request of a signed-in person begins with it: one indexed row, no entities
const SESSION_SQL = `select s.id, s.last_seen_at as seen, s.expires_at as expires,
    a.id as account, a.name, ${permissionsSql('a')} as permissions, a.levels
  from session s join account a on a.id = s.account_id
  where s.token_hash = ? and a.state = 'active'`;

async function identifySession({ em, now }: Pick<Work, 'em' | 'now'>, secret: string): Promise<Identity> {
  const [row] = await rows<Row>(em, SESSION_SQL, [now(), hashSecret(secret)]);
  if (!row || toDate(row.expires) <= now()) return VISITOR;
  if (now().getTime() - toDate(row.seen).getTime() > SEEN_EVERY_MS) {
    await em.nativeUpdate(Session, { id: row.id }, { lastSeenAt: now() });
  }
  return { viewer: viewerOf({ ...row, id: row.account }), sessionId: row.id, door: 'cookie' };
}

const TOKEN_SQL = `select t.id, t.last_used_at as seen, t.expires_at as expires, t.scopes,
    a.id as account, a.name, ${permissionsSql('a')} as permissions, a.levels
  from api_token t join account a on a.id = t.account_id
  where t.token_hash = ? and a.state = 'active'`;

async function identifyToken({ em, now }: Pick<Work, 'em' | 'now'>, secret: string): Promise<Identity> {
  const [row] = await rows<Row & { scopes: unknown }>(em, TOKEN_SQL, [now(), hashSecret(secret)]);
  const expiresAt = toDateOrNull(row?.expires);
  if (!row || (expiresAt && expiresAt <= now())) {
    throw new AppError('unauthenticated', 'This token is not valid, or no longer.');
  }
  const usedAt = toDateOrNull(row.seen);
  if (!usedAt || now().getTime() - usedAt.getTime() > SEEN_EVERY_MS) {
    await em.nativeUpdate(ApiToken, { id: row.id }, { lastUsedAt: now() });
  }
  const scopes = new Set(fromJson<string[]>(row.scopes) ?? []);
  return { viewer: viewerOf({ ...row, id: row.account }, scopes), sessionId: null, door: 'token' };
}
