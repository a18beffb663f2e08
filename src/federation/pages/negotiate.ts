import type { Middleware } from 'koa';
import { AppError } from '../../kit/errors.ts';
import { failureOf } from '../../kit/web/errors.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { ACTIVITY_JSON, isActivityPub } from '../fetch-document.ts';
import type { Document } from '../vocabulary/context.ts';

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
  ctx.status = 200;
  ctx.set('Cache-Control', 'public, max-age=60');
  ctx.body = JSON.stringify(document);
  ctx.type = `${ACTIVITY_JSON}; charset=utf-8`;
}

/**
 * Around every GET: what asks for ActivityPub gets JSON, also where there is nothing, because Hollo takes a page of ours
 * for a broken object and drops the post (spec/federation.md, 1.3).
 */
export const answerPeers: Middleware<State> = async (ctx, next) => {
  const isPeer = wantsActivity(ctx.get('accept'));
  if (!isPeer) return next();
  ctx.vary('Accept');
  try {
    await next();
    const isPage = ctx.type === 'text/html';
    if (isPage || (ctx.status === 404 && ctx.body == null)) throw new AppError('not_found', 'There is no such object.');
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
