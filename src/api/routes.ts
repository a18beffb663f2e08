import Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import type { ApiDeps } from './deps.ts';
import { isProbe, probeAnswer } from './v1/enums.ts';
import { ModelsQuery } from './v1/models.ts';
import { askOf, mountOperations } from './v1/operation.ts';
import { OPERATIONS } from './v1/operations.ts';
import { plainNames } from './v1/query.ts';

/** What programs ask: Civitai's API, the document of it, and lists in the forms of other tools. */
export function apiRoutes(deps: ApiDeps): Router<State> {
  const routes = new Router<State>();
  routes.get('/api/v1/models', async (ctx, next) => {
    const query = ModelsQuery.pick({ baseModels: true }).safeParse(plainNames(ctx.query));
    if (!query.success || !isProbe(query.data.baseModels)) return next();
    ctx.status = 400;
    ctx.body = await probeAnswer(await askOf(ctx, deps));
  });
  mountOperations(routes, OPERATIONS, deps);
  return routes;
}
