import Router from '@koa/router';
import { readQuery } from '../kit/web/forms.ts';
import type { State } from '../kit/web/state.ts';
import { view } from '../kit/web/views.ts';
import type { ModelCardView, TileView } from './cards.ts';
import {
  FeedQuery,
  type HomePage,
  ImagesQuery,
  type ListPage,
  loadHomePage,
  loadImagesPage,
  loadModelsPage,
  loadTagPage,
  ModelsQuery,
  type TagPage,
  TagQuery,
} from './pages.ts';

const homePage = view<HomePage>('discovery/home');
const modelsPage = view<ListPage<ModelCardView>>('discovery/models');
const imagesPage = view<ListPage<TileView>>('discovery/images');
const tagPage = view<TagPage>('discovery/tag');

/** Lists that anyone may read; what each sees depends on their ratings. */
export function discoveryRoutes(): Router<State> {
  const routes = new Router<State>();
  routes.get('/', async (ctx) => {
    homePage(ctx, await loadHomePage(ctx.state.work, readQuery(ctx, FeedQuery)));
  });
  routes.get('/models', async (ctx) => {
    modelsPage(ctx, await loadModelsPage(ctx.state.work, readQuery(ctx, ModelsQuery)));
  });
  routes.get('/images', async (ctx) => {
    imagesPage(ctx, await loadImagesPage(ctx.state.work, readQuery(ctx, ImagesQuery)));
  });
  routes.get('/tags/:tag', async (ctx) => {
    tagPage(ctx, await loadTagPage(ctx.state.work, ctx.params.tag ?? '', readQuery(ctx, TagQuery)));
  });
  return routes;
}
