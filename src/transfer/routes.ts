import Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import type { TransferDeps } from './deps.ts';
import { exportRoutes } from './export/routes.ts';
import { importRoutes } from './import/routes.ts';
import { oneTransferRoutes } from './import/transfer-routes.ts';

/** Moving in and out. */
export function transferRoutes(deps: TransferDeps): Router<State> {
  const routes = new Router<State>();
  exportRoutes(routes, deps);
  importRoutes(routes, deps);
  oneTransferRoutes(routes, deps);
  return routes;
}
