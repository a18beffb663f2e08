import type Router from '@koa/router';
import { sendBytes } from '../../kit/web/bytes.ts';
import { idParam, readQuery } from '../../kit/web/forms.ts';
import { addressPrefix } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { CatalogueDeps } from '../deps.ts';
import { EarlyAccessError } from '../early/access.ts';
import { countDownload, type DownloadFile, DownloadQuery, loadDownload } from './download.ts';

/** Files of versions; without a query the primary one. Koa answers HEAD by the same handler. */
export function downloadRoutes(routes: Router<State>, { secretKey }: CatalogueDeps): void {
  routes.get('/api/download/models/:versionId', async (ctx) => {
    const { work } = ctx.state;
    const file = await findOrTell(ctx, () =>
      loadDownload(work, idParam(ctx, 'versionId'), readQuery(ctx, DownloadQuery)),
    );
    if (!file) return;
    await sendBytes(ctx, {
      files: work.files,
      sha256: file.sha256,
      totalBytes: file.totalBytes,
      contentType: 'application/octet-stream',
      fileName: file.name,
      disposition: 'attachment',
      lastModified: file.createdAt,
      cacheControl: file.isOpen ? 'private, no-cache' : 'private, no-store',
    });
    // programs on other sites read models from here, as from Civitai; nothing private rides on a cookie of theirs
    ctx.set('Access-Control-Allow-Origin', '*');
    const { viewer } = work;
    if (viewer?.id === file.ownerId || !isBeginning(ctx)) return;
    await countDownload(work, file, viewer ? `account ${viewer.id}` : addressPrefix(ctx.ip), secretKey);
  });
}

/** Somebody who comes too early is led to where one gets in, and a program is told as Civitai tells it (2.5 of the spec). */
async function findOrTell(ctx: Ctx, find: () => Promise<DownloadFile>): Promise<DownloadFile | null> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof EarlyAccessError)) throw error;
    ctx.set('Cache-Control', 'private, no-store');
    if (ctx.method === 'GET' && ctx.get('Accept').includes('text/html')) {
      ctx.redirect(error.url);
      return null;
    }
    ctx.status = 403;
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.body = { error: 'Early Access', deadline: error.endsAt.toISOString(), message: error.message };
    return null;
  }
}

/** Later pieces, questions without bytes and answers without any are no further download. */
function isBeginning(ctx: Ctx): boolean {
  if (ctx.method !== 'GET' || (ctx.status !== 200 && ctx.status !== 206)) return false;
  return ctx.status === 200 || /^bytes 0-/.test(String(ctx.response.get('Content-Range')));
}
