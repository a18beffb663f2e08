import Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import type { CatalogueDeps } from './deps.ts';
import { downloadRoutes } from './downloads/routes.ts';
import { editRoutes } from './editing/routes.ts';
import { hiddenRoutes } from './hidden/routes.ts';
import { uploadRoutes } from './uploads/routes.ts';

/** What publishes models and gives their files out. Their page is discovery's, because pictures are on it. */
export function catalogueRoutes(deps: CatalogueDeps): Router<State> {
  const routes = new Router<State>();
  uploadRoutes(routes, deps);
  editRoutes(routes, deps);
  downloadRoutes(routes, deps);
  hiddenRoutes(routes);
  return routes;
}
