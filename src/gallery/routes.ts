import Router from '@koa/router';
import type { State } from '../kit/web/state.ts';
import { collectionRoutes } from './collections/routes.ts';
import { contestRoutes } from './contests/routes.ts';
import type { GalleryDeps } from './deps.ts';
import { mediaRoutes } from './images/media-routes.ts';
import { pageRoutes } from './pages/routes.ts';
import { pinRoutes } from './pin-routes.ts';
import { editRoutes } from './posts/edit-routes.ts';
import { uploadRoutes } from './posts/upload-routes.ts';
import { reviewRoutes } from './reviews/routes.ts';
import { seenRoutes } from './seen/routes.ts';
import { tagRoutes } from './tags/routes.ts';
import { talkRoutes } from './talk/routes.ts';
import { topicRoutes } from './topics/routes.ts';

/** Pictures: how they come in, their bytes and pages, and what people say and find of things. */
export function galleryRoutes(deps: GalleryDeps): Router<State> {
  const routes = new Router<State>();
  mediaRoutes(routes);
  uploadRoutes(routes, deps);
  editRoutes(routes, deps);
  pageRoutes(routes, deps);
  talkRoutes(routes, deps);
  reviewRoutes(routes, deps);
  pinRoutes(routes, deps);
  collectionRoutes(routes, deps);
  contestRoutes(routes, deps);
  topicRoutes(routes, deps);
  tagRoutes(routes);
  seenRoutes(routes);
  return routes;
}
