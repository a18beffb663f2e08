import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import type { State } from '../../kit/web/state.ts';
import { noteExposureOnce } from '../notices/exposure.ts';
import { isFileless } from '../notices/overdue.ts';
import type { Door } from './asker.ts';

const DOWNLOAD = /^\/api\/download\/models\/(\d+)/;
const PICTURE = /^\/media\/[\w-]+\/(\d+)\.\w+$/;

/**
 * Before the bytes of pictures and files: a peer that signs its request asks as the actor that signed it, and gets what
 * is for that actor. A cookie beside a signature counts for nothing.
 */
export function fileRoutes(door: Door): Router<State> {
  const routes = new Router<State>();
  routes.get(/^\/(?:media|api\/download)\//, anyone, async (ctx, next) => {
    if (ctx.get('signature') === '' || (await door.mode(ctx)) === 'off') return next();
    const { actorUri, viewer } = await door.asker(ctx);
    const host = actorUri === null ? null : new URL(actorUri).host;
    const [, versionId] = DOWNLOAD.exec(ctx.path) ?? [];
    const [, imageId] = PICTURE.exec(ctx.path) ?? [];
    if (host !== null && versionId !== undefined && (await isFileless(ctx.state.work.em, host))) {
      throw new AppError('forbidden', 'No files are served to this server while it does not heed takedown notices.');
    }
    ctx.state.work = { ...ctx.state.work, viewer };
    ctx.vary('Signature');
    await next();
    const subject = versionId ? `version:${versionId}` : imageId ? `image:${imageId}` : null;
    if (host === null || subject === null || (ctx.status !== 200 && ctx.status !== 206)) return;
    const { em, now } = ctx.state.work;
    await noteExposureOnce(em, subject, host, versionId ? 'mirrored' : 'downloaded', now());
  });
  return routes;
}
