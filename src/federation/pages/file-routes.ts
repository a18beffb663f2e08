import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import type { State } from '../../kit/web/state.ts';
import type { Door } from './asker.ts';

/**
 * Before the bytes of pictures and files: a peer that signs its request asks as the actor that signed it, and gets what
 * is for that actor. A cookie beside a signature counts for nothing.
 */
export function fileRoutes(door: Door): Router<State> {
  const routes = new Router<State>();
  routes.get(/^\/(?:media|api\/download)\//, anyone, async (ctx, next) => {
    if (ctx.get('signature') === '' || (await door.mode(ctx)) === 'off') return next();
    const { viewer } = await door.asker(ctx);
    ctx.state.work = { ...ctx.state.work, viewer };
    ctx.vary('Signature');
    await next();
  });
  return routes;
}
