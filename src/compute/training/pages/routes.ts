import Router from '@koa/router';
import type { State } from '../../../kit/web/state.ts';
import type { DatasetDeps } from '../../datasets/deps.ts';
import { overviewRoutes } from './overview-routes.ts';

/** Training of LoRAs. Each person sees their own sets and runs. */
export function trainingRoutes(deps: DatasetDeps): Router<State> {
  const routes = new Router<State>();
  overviewRoutes(routes, deps);
  return routes;
}
