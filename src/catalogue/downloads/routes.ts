import type Router from '@koa/router';
import { sendBytes } from '../../kit/web/bytes.ts';
import { idParam, readQuery } from '../../kit/web/forms.ts';
import { addressPrefix } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { CatalogueDeps } from '../deps.ts';
import { countDownload, DownloadQuery, loadDownload } from './download.ts';

/** Files of versions; without a query the primary one. Koa answers HEAD by the same handler. */
export function downloadRoutes(routes: Router<State>, { secretKey }: CatalogueDeps): void {
  routes.get('/api/download/models/:versionId', async (ctx) => {
    const { work } = ctx.state;
    const file = await loadDownload(work, idParam(ctx, 'versionId'), readQuery(ctx, DownloadQuery));
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

/** Later pieces, questions without bytes and answers without any are no further download. */
function isBeginning(ctx: Ctx): boolean {
  if (ctx.method !== 'GET' || (ctx.status !== 200 && ctx.status !== 206)) return false;
  return ctx.status === 200 || /^bytes 0-/.test(String(ctx.response.get('Content-Range')));
}
