import type { Middleware } from 'koa';
import { RUNNER_PATH } from '../compute/runners/protocol.ts';
import { AppError } from '../kit/errors.ts';
import { failureOf } from '../kit/web/errors.ts';
import type { State } from '../kit/web/state.ts';

const EXPOSED =
  'Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, RateLimit, RateLimit-Policy, Retry-After';

const OAUTH_DOORS: ReadonlySet<string> = new Set([
  ...['/oauth/register', '/oauth/token', '/oauth/revoke', '/.well-known/oauth-authorization-server'],
]);
/** Where programs speak of their tokens; the page that asks the person is a page like every other. */
export const isOAuthForPrograms = (path: string): boolean => OAUTH_DOORS.has(path);

/** Machines of this node speak a protocol of their own, and no page of another site talks to it. */
const isForPrograms = (path: string): boolean =>
  isOAuthForPrograms(path) ||
  ((path.startsWith('/api/') || path.startsWith('/feeds/')) && !path.startsWith(RUNNER_PATH));

/** Programs that put a path behind an address with a slash at its end ask so: mmget 0.1.1 does. */
const SLASHES_TOO_MANY = /^\/{2,}api\//;

/**
 * What is the same for every answer to programs: pages of any site may read it, for nothing of it leans on a cookie
 * (spec/civitai-api.md 2.1), and a refusal has the words that clients of Civitai look for. It stands before the question
 * of who asks, so that a bad token is refused in these words too.
 */
export const apiDoor: Middleware<State> = async (ctx, next) => {
  if (SLASHES_TOO_MANY.test(ctx.path)) {
    ctx.status = 308;
    ctx.redirect(ctx.url.replace(/^\/+/, '/'));
    return;
  }
  if (!isForPrograms(ctx.path)) return next();
  ctx.set('Access-Control-Allow-Origin', '*');
  ctx.set('Access-Control-Expose-Headers', EXPOSED);
  if (ctx.method === 'OPTIONS') {
    ctx.set({
      'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'Access-Control-Allow-Headers':
        'Authorization, Content-Type, Range, If-None-Match, Idempotency-Key, Last-Event-ID',
      'Access-Control-Max-Age': '86400',
    });
    ctx.status = 204;
    return;
  }
  try {
    await next();
  } catch (error) {
    throw inApiWords(error);
  }
};

function inApiWords(error: unknown): unknown {
  const { kind, message, fields, isFault } = failureOf(error);
  if (isFault) return error;
  if (kind === 'unauthenticated') return new AppError('unauthenticated', 'Unauthorized', { cause: error });
  if (kind === 'invalid') return new AppError('malformed', message, { cause: error, fields });
  return error;
}
