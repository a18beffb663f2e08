import { randomUUID } from 'node:crypto';
import type Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Viewer, Work } from '../work.ts';
import { serveAssets } from './assets.ts';
import { failureOf } from './errors.ts';
import { wantsJson } from './forms.ts';
import { refuseForeignRequests, securityHeaders } from './guard.ts';
import type { Ctx, State } from './state.ts';
import { type PageState, view } from './views.ts';

export interface Identity {
  readonly viewer: Viewer | null;
  readonly sessionId: string | null;
  readonly door: State['door'];
}

export interface AppParts {
  readonly log: Log;
  readonly isHttps: boolean;
  readonly trustedProxyCount: number;
  readonly openWork: (viewer: Viewer | null) => Work;
  /** Who asks, from the cookie or the bearer token; throws `unauthenticated` for a token that is not good. */
  readonly identify: (ctx: Ctx, work: Work) => Promise<Identity>;
  /** What the layout shows around each page. */
  readonly pageState: (ctx: Ctx, viewer: Viewer | null) => Promise<PageState>;
  /** Paths whose requests prove themselves otherwise than by a cookie: inboxes. */
  readonly isCookieless: (path: string) => boolean;
  /** Paths that pages of any site may ask, for which no cookie says who asks. */
  readonly ignoresCookies: (path: string) => boolean;
  /** What stands before the question of who asks, and so sees its refusal too. */
  readonly doors: readonly Middleware<State>[];
  readonly isReady: () => Promise<void>;
  readonly routers: readonly Router<State>[];
}

interface ErrorProps {
  status: number;
  heading: string;
  message: string;
  requestId: string;
}
const errorPage = view<ErrorProps>('error');

/** The Koa app: what happens around every route, in order. */
export function makeApp(parts: AppParts): Koa<State> {
  const app = new Koa<State>({ proxy: parts.trustedProxyCount > 0, maxIpsCount: parts.trustedProxyCount });
  // every error is answered and logged below; this one only sees sockets that went away
  app.silent = true;
  app.use(logRequests(parts.log));
  app.use(securityHeaders(parts.isHttps));
  app.use(answerErrors(parts));
  app.use(refuseNul);
  app.use(serveAssets as Koa.Middleware<State>);
  app.use(answerHealth(parts));
  for (const door of parts.doors) app.use(door);
  app.use(refuseForeignRequests((path) => parts.isCookieless(path) || parts.ignoresCookies(path)));
  app.use(async (ctx: Ctx, next) => {
    const work = parts.openWork(null);
    const identity = parts.isCookieless(ctx.path)
      ? { viewer: null, sessionId: null, door: 'visitor' as const }
      : await parts.identify(ctx, work);
    ctx.state.work = { ...work, viewer: identity.viewer };
    ctx.state.sessionId = identity.sessionId;
    ctx.state.door = identity.door;
    ctx.state.page = await parts.pageState(ctx, identity.viewer);
    await next();
    if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null) && ctx.respond !== false) {
      throw new AppError('not_found', 'There is nothing at this address.');
    }
  });
  for (const router of parts.routers) app.use(router.routes() as Koa.Middleware<State>);
  return app;
}

/** No address holds a NUL, and PostgreSQL cannot compare a text with one: better said here than in each query. */
const refuseNul: Middleware<State> = (ctx, next) => {
  if (!ctx.url.includes('%00')) return next();
  const isPath = ctx.path.includes('%00');
  throw new AppError(isPath ? 'not_found' : 'malformed', 'There is nothing at this address.');
};

function logRequests(log: Log): Koa.Middleware<State> {
  return async (ctx, next) => {
    const startedAt = performance.now();
    ctx.state.requestId = randomUUID();
    ctx.set('X-Request-Id', ctx.state.requestId);
    try {
      await next();
    } finally {
      const note = {
        request: ctx.state.requestId,
        method: ctx.method,
        // the path alone: a query may hold a token
        path: ctx.path.slice(0, 300),
        status: ctx.status,
        ms: Math.round((performance.now() - startedAt) * 10) / 10,
        account: ctx.state.work?.viewer?.id,
      };
      if (ctx.path !== '/healthz' && ctx.path !== '/readyz') log.info(note, 'request');
    }
  };
}

function answerErrors({ log, openWork, pageState }: AppParts): Koa.Middleware<State> {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const failure = failureOf(error);
      if (failure.isFault) log.error({ request: ctx.state.requestId, path: ctx.path, err: error }, failure.message);
      if (ctx.res.headersSent || ctx.respond === false) {
        ctx.res.destroy();
        return;
      }
      ctx.status = failure.status;
      ctx.set('Cache-Control', 'no-store');
      if (failure.retryAfterSeconds !== null) ctx.set('Retry-After', String(failure.retryAfterSeconds));
      if (wantsJson(ctx)) {
        const fields = Object.keys(failure.fields).length > 0 ? { fields: failure.fields } : {};
        ctx.body = { error: failure.message, ...fields };
        return;
      }
      // htmx swaps it into the live region of the layout (STYLE.md section 8)
      if (ctx.get('hx-request') !== '') {
        ctx.set({ 'HX-Retarget': '#notice', 'HX-Reselect': '#error-message', 'HX-Reswap': 'innerHTML' });
      }
      ctx.state.work ??= openWork(null);
      ctx.state.page ??= await pageState(ctx, null);
      errorPage(ctx, {
        status: failure.status,
        heading: HEADINGS[failure.status] ?? 'That did not work',
        message: failure.message,
        requestId: ctx.state.requestId,
        page: { title: HEADINGS[failure.status] ?? 'Error', noindex: true },
      });
      ctx.status = failure.status;
    }
  };
}

const HEADINGS: Readonly<Record<number, string>> = {
  401: 'Please sign in',
  402: 'Not enough credits',
  403: 'That is not allowed',
  404: 'Nothing here',
  409: 'That is already so',
  410: 'This is gone',
  413: 'That is too much',
  429: 'Please slow down',
  451: 'Withheld',
  500: 'Something broke',
  503: 'Not right now',
};

function answerHealth({ isReady }: AppParts): Koa.Middleware<State> {
  return async (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return next();
    ctx.set('Cache-Control', 'no-store');
    if (ctx.path === '/readyz') await isReady();
    ctx.body = { status: 'ok' };
  };
}
