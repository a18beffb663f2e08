import type { AdminLink } from '../../../accounts/deps.ts';
import type { Cookies } from '../../../kit/web/cookies.ts';
import type { RateLimits } from '../../../kit/web/rate-limit.ts';
import type { Ctx } from '../../../kit/web/state.ts';
import type { Claims } from '../claims.ts';

/** What the pages of the claims desk lean on; made by the composition root. */
export interface CaseDeps {
  readonly claims: Claims;
  readonly limits: RateLimits;
  readonly cookies: Cookies;
  /** Where what is sent lies while it is looked at. */
  readonly uploadsDir: string;
  readonly adminLinks: readonly AdminLink[];
}

/** A page about a case is kept nowhere, found by nobody, and tells no other page that it was open. */
export function sealPage(ctx: Ctx): void {
  ctx.set('Cache-Control', 'no-store');
  ctx.set('Referrer-Policy', 'no-referrer');
  ctx.set('X-Robots-Tag', 'noindex');
}
