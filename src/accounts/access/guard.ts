import type { Middleware } from 'koa';
import { AppError } from '../../kit/errors.ts';
import { wantsJson } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Viewer } from '../../kit/work.ts';
import { can, type Permission } from '../permissions.ts';
import { requireScope, type Scope } from '../scopes.ts';

/*
 * Each route says who may call it, as its first step. These are about the door; what a person may do with a thing is
 * the service's to say.
 */

/** Everybody, also visitors. */
export const anyone: Middleware<State> = (_ctx, next) => next();

/** Whoever is signed in, by browser or by token. A visitor who opens a page is sent to sign in and back. */
export const membersOnly: Middleware<State> = (ctx, next) => {
  const { viewer } = ctx.state.work;
  if (viewer) {
    // the forms of pages ask for no scope; what a token may change it may change through them, and nothing else
    const isWriting = ctx.state.door === 'token' && !['GET', 'HEAD'].includes(ctx.method);
    if (isWriting) requireScope(viewer, scopeOfPage(ctx.path));
    return next();
  }
  if (ctx.method === 'GET' && !wantsJson(ctx)) {
    ctx.set('Cache-Control', 'no-store');
    ctx.redirect(`/sign-in?next=${encodeURIComponent(ctx.url)}`);
    return Promise.resolve();
  }
  throw new AppError('unauthenticated', 'Please sign in.');
};

/** The scope that the same act needs under `/api/v1`. */
export function scopeOfPage(path: string): Scope {
  if (/\/(?:likes|shares|comments|reviews|follow|pin)(?:\/|$)/.test(path)) return 'write:social';
  if (/^\/(?:posts|images|upload\/images)(?:\/|$)/.test(path)) return 'write:images';
  return /^\/(?:models|versions|files|uploads?)(?:\/|$)/.test(path) ? 'write:models' : 'write:social';
}

/** As `membersOnly`, but not by token: a stolen token must not change a password or make more tokens. */
export const browserOnly: Middleware<State> = (ctx, next) => {
  if (ctx.state.door === 'token') throw new AppError('forbidden', 'Settings are changed in a browser, not by token.');
  ctx.set('Cache-Control', 'no-store');
  return membersOnly(ctx, next);
};

/** Members with one of these permissions, in a browser. */
export const staffOnly =
  (...permissions: readonly Permission[]): Middleware<State> =>
  (ctx, next) =>
    browserOnly(ctx, () => {
      const { viewer } = ctx.state.work;
      if (viewer && !permissions.some((permission) => can(viewer, permission))) {
        throw new AppError('forbidden', 'This page is for the people who run the node.');
      }
      return next();
    });

/** The viewer behind a guard. */
export function viewerIn(ctx: Ctx): Viewer {
  const { viewer } = ctx.state.work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  return viewer;
}

/** Where to go afterwards: a path of this node. `//host` and `/\host` would leave it. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && next.length < 2_000 && /^\/(?![/\\])[\x20-\x7e]*$/.test(next) ? next : '/';
}
