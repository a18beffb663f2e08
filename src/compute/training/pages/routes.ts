import Router from '@koa/router';
import type { State } from '../../../kit/web/state.ts';
import type { TrainingDeps } from './deps.ts';
import { overviewRoutes } from './overview-routes.ts';
import { runRoutes } from './run-routes.ts';
import { startRoutes } from './start-routes.ts';

/** Training of LoRAs. Each person sees their own sets and runs. */
export function trainingRoutes(deps: TrainingDeps): Router<State> {
  const routes = new Router<State>();
  overviewRoutes(routes, deps);
  startRoutes(routes, deps);
  runRoutes(routes, deps);
  return routes;
}
