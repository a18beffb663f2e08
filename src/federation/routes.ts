import Router from '@koa/router';
import { anyone } from '../accounts/access/guard.ts';
import type { AdminLink } from '../accounts/deps.ts';
import { AppError } from '../kit/errors.ts';
import { failureOf } from '../kit/web/errors.ts';
import type { Ctx, State } from '../kit/web/state.ts';
import { listRoutes } from './blocklists/routes.ts';
import type { Federation } from './deps.ts';
import { heedingRoutes } from './heeding/routes.ts';
import { holderRoutes } from './holders/routes.ts';
import { receive } from './inbox/receive.ts';
import { noticeRoutes } from './notices/routes.ts';
import { openDoor } from './pages/asker.ts';
import { collectionRoutes } from './pages/collection-routes.ts';
import { discoveryOfPeers } from './pages/discovery-routes.ts';
import { fileRoutes } from './pages/file-routes.ts';
import { interactionRoutes } from './pages/interaction-routes.ts';
import { mediaRoutes } from './pages/media-routes.ts';
import { mediaSettingsRoutes } from './pages/media-settings-routes.ts';
import { answerPeers } from './pages/negotiate.ts';
import { nsRoutes } from './pages/ns-routes.ts';
import { objectRoutes } from './pages/object-routes.ts';
import { quoteRoutes } from './pages/quote-routes.ts';
import { readingRoutes } from './pages/reading-routes.ts';
import { reportRoutes } from './pages/report-routes.ts';
import { threadRoutes } from './pages/thread-routes.ts';
import { visitRoutes } from './pages/visit-routes.ts';
import { peersRoutes } from './peers/routes.ts';
import { collectionObjectRoutes } from './topics/collection-routes.ts';
import { TOPIC_FOLDERS, topicActorRoutes } from './topics/routes.ts';

/** All that peers ask for. They stand before the pages, which share their addresses. */
export function federationRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State>[] {
  if (federation.mode === 'off') return [nsRoutes(), holderRoutes(federation, null)];
  const all = new Router<State>();
  const door = openDoor(federation);
  all.get(/.*/, answerPeers(door));

  const inboxes = new Router<State>();
  const post = async (ctx: Ctx, name: string | null) => {
    try {
      await receive(ctx, federation, name);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status >= 500 && !(error instanceof AppError)) throw error;
      ctx.status = failure.status;
      ctx.set('Cache-Control', 'no-store');
      if (failure.retryAfterSeconds !== null) ctx.set('Retry-After', String(failure.retryAfterSeconds));
      ctx.body = { error: failure.message };
    }
  };
  inboxes.post('/inbox', anyone, (ctx) => post(ctx, null));
  inboxes.post('/users/:name/inbox', anyone, (ctx) => post(ctx, ctx.params.name ?? ''));
  const notHere = (ctx: Ctx) => {
    ctx.status = 405;
    ctx.set('Allow', 'POST');
    ctx.body = { error: 'Only POST is answered here.' };
  };
  for (const folder of TOPIC_FOLDERS) {
    inboxes.post(`${folder}/inbox`, anyone, (ctx) => post(ctx, null));
    inboxes.all(`${folder}/inbox`, anyone, notHere);
  }
  inboxes.all('/inbox', anyone, notHere);
  inboxes.all('/users/:name/inbox', anyone, notHere);

  return [
    all,
    inboxes,
    discoveryOfPeers(federation),
    topicActorRoutes(federation, door),
    collectionObjectRoutes(federation, door),
    collectionRoutes(federation, door),
    threadRoutes(federation, door),
    objectRoutes(federation, door),
    fileRoutes(door),
    heedingRoutes(federation),
    noticeRoutes(federation, adminLinks),
    holderRoutes(federation, door),
    interactionRoutes(federation),
    nsRoutes(),
    readingRoutes(federation, adminLinks),
    quoteRoutes(federation),
    mediaRoutes(federation),
    visitRoutes(federation),
    listRoutes(federation, adminLinks),
    peersRoutes(federation, adminLinks),
    mediaSettingsRoutes(federation, adminLinks),
    reportRoutes(federation, adminLinks),
  ];
}
