import Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import { view } from '../kit/web/views.ts';
import { channelRoutes } from './channels/routes.ts';
import type { ApiDeps } from './deps.ts';
import { type ApiDocument, writeDocument } from './docs/openapi.ts';
import { type ReferencePage, referencePage } from './docs/reference.ts';
import { personRoutes } from './oauth/person-routes.ts';
import { programRoutes } from './oauth/program-routes.ts';
import { askOf, mountOperations, setCache, takeFromLimit } from './operation/mount.ts';
import { isProbe, probeAnswer } from './v1/enums.ts';
import { ModelsQuery } from './v1/models/query.ts';
import { OPERATIONS } from './v1/operations.ts';
import { plainNames } from './v1/query.ts';

const reference = view<ReferencePage>('api/reference');
const CACHE_SECONDS = 300;

/** What programs ask: Civitai's API, the document of it, and lists in the forms of other tools. */
export function apiRoutes(deps: ApiDeps): Router<State> {
  const routes = new Router<State>();
  const { origin } = deps.publicUrl;
  routes.get('/api/v1/models', async (ctx, next) => {
    const query = ModelsQuery.pick({ baseModels: true }).safeParse(plainNames(ctx.query));
    if (!query.success || !isProbe(query.data.baseModels)) return next();
    takeFromLimit(ctx, deps);
    ctx.status = 400;
    ctx.body = await probeAnswer(await askOf(ctx, deps));
  });
  mountOperations(routes, OPERATIONS, deps);
  channelRoutes(routes, deps);
  programRoutes(routes, deps);
  personRoutes(routes, deps);

  // to write it takes a tenth of a second, which no start waits for
  let written: ApiDocument | undefined;
  const document = () => {
    written ??= writeDocument(OPERATIONS, origin);
    return written;
  };
  routes.get('/api/openapi.json', async (ctx) => {
    ctx.body = document();
    setCache(ctx, CACHE_SECONDS);
  });
  routes.get('/api', async (ctx) => reference(ctx, referencePage(document(), origin)));
  return routes;
}
