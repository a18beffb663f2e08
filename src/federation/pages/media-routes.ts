import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import type { State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { askRefetch } from '../ingest/refetch-picture.ts';

/**
 * Stands before the bytes of pictures: where a signed-in person got only the blur of a peer's picture, its bytes made
 * room, and they are asked for again. A picture that is here costs nothing.
 */
export function mediaRoutes(federation: Federation): Router<State> {
  const routes = new Router<State>();
  routes.get('/media/:size/:file', anyone, async (ctx, next) => {
    await next();
    const isBlur = ctx.status === 200 && ctx.response.get('Cache-Control') === 'no-store';
    const [, id] = /^([1-9]\d{0,9})\.webp$/.exec(ctx.params.file ?? '') ?? [];
    if (isBlur && id !== undefined && Number(id) < 2 ** 31) await askRefetch(ctx.state.work, federation, Number(id));
  });
  return routes;
}
