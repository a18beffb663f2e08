import type { Middleware } from 'koa';
import { AppError } from '../errors.ts';
import type { State } from './state.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Refuses unsafe requests that another site caused (DESIGN.md section 6): `Sec-Fetch-Site` must be `same-origin`, or,
 * where a browser does not send it, the host of `Origin` must equal `Host`. Bearer tokens and inboxes carry no cookie
 * authority and are exempt.
 */
export function refuseForeignRequests(isExempt: (path: string) => boolean): Middleware<State> {
  return async (ctx, next) => {
    if (SAFE.has(ctx.method) || isExempt(ctx.path) || /^bearer /i.test(ctx.get('authorization'))) return next();
    const site = ctx.get('sec-fetch-site');
    if (site !== '' ? site === 'same-origin' : originHost(ctx.get('origin')) === ctx.host) return next();
    throw new AppError('forbidden', 'This request came from another site, so it was not carried out.');
  };
}

function originHost(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

const CSP = [
  "default-src 'self'",
  "script-src 'self'",
  "img-src 'self' data: blob:",
  "form-action 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The headers of every answer; DESIGN.md section 6. */
export function securityHeaders(isHttps: boolean): Middleware<State> {
  return async (ctx, next) => {
    ctx.set('Content-Security-Policy', CSP);
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Referrer-Policy', 'strict-origin-when-cross-origin');
    ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
    ctx.set('Permissions-Policy', 'camera=(), microphone=(), geolocation=(), payment=()');
    if (isHttps) ctx.set('Strict-Transport-Security', 'max-age=31536000');
    await next();
  };
}
