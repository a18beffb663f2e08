import type { Middleware } from 'koa';
import { AppError } from '../../kit/errors.ts';
import { failureOf } from '../../kit/web/errors.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { ACTIVITY_JSON, isActivityPub } from '../fetch-document.ts';
import type { Document } from '../vocabulary/context.ts';
import type { Door } from './asker.ts';

/** How much a media range of `Accept` is wanted, 0 to 1. RFC 9110, 12.4.2. */
function qualityOf(range: string): number {
  const [, q] = /;\s*q=([\d.]+)/i.exec(range) ?? [];
  return q === undefined ? 1 : Math.min(1, Math.max(0, Number(q) || 0));
}

/**
 * Does this request want the object and not its page? Mastodon sends AP types and `text/html;q=0.1`; a browser sends
 * none of ours; `application/json` and a bare `ld+json` are not enough, for programs of other kinds send them.
 */
export function wantsActivity(accept: string): boolean {
  let activity = 0;
  let page = 0;
  // commas stand in no media type, except within the quotes of a profile, where no known one has any
  for (const range of accept.slice(0, 2_000).split(',')) {
    const quality = qualityOf(range);
    if (isActivityPub(range.replace(/;\s*q=[\d.]+/i, ''))) activity = Math.max(activity, quality);
    else if (/^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(range)) page = Math.max(page, quality);
  }
  return activity > 0 && activity >= page;
}

export function sendActivity(ctx: Ctx, document: Document): void {
  send(ctx, document, 'public, max-age=60');
}

/** What was made for one reader: no cache keeps it, and none takes it for what others get (P13). */
export function sendPrivately(ctx: Ctx, document: Document): void {
  ctx.vary('Signature');
  send(ctx, document, 'private, no-store');
}

function send(ctx: Ctx, document: Document, cacheControl: string): void {
  ctx.status = 200;
  ctx.vary('Accept');
  // where every reader has to sign, nothing is for shared caches
  const isSigned = /signature/i.test(ctx.response.get('Vary'));
  ctx.set('Cache-Control', isSigned ? 'private, no-store' : cacheControl);
  ctx.body = JSON.stringify(document);
  ctx.type = `${ACTIVITY_JSON}; charset=utf-8`;
}

/** Read by everybody also where all else has to be signed: without them no signature could be checked (P06). */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/actor', '/actor/outbox']);
const OPEN_FOLDERS = /^\/(?:\.well-known|nodeinfo|media|assets)\//;

/**
 * Around every GET: what asks for ActivityPub gets JSON, also where there is nothing, because Hollo takes a page of ours
 * for a broken object and drops the post (spec/federation.md, 1.3).
 */
export const answerPeers =
  (door: Door): Middleware<State> =>
  async (ctx, next) => {
    const isPeer = wantsActivity(ctx.get('accept'));
    if (!isPeer) return next();
    ctx.vary('Accept');
    try {
      if (!OPEN_PATHS.has(ctx.path) && !OPEN_FOLDERS.test(ctx.path)) await door.admit(ctx);
      await next();
      const isPage = ctx.type === 'text/html';
      if (isPage || (ctx.status === 404 && ctx.body == null)) {
        throw new AppError('not_found', 'There is no such object.');
      }
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status === 500 || failure.status === 503) throw error;
      ctx.remove('Location');
      ctx.status = failure.status;
      ctx.set('Cache-Control', 'no-store');
      if (failure.retryAfterSeconds !== null) ctx.set('Retry-After', String(failure.retryAfterSeconds));
      ctx.body = { error: failure.message };
    }
  };
