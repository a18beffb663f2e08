import type Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import {
  loadOriginal,
  loadReviewedSize,
  loadSize,
  type ServedImage,
  SIZE_NAMES,
  type SizeFormat,
  type SizeName,
} from './serve.ts';

const FORMATS: ReadonlyMap<string, SizeFormat> = new Map([
  ['webp', 'webp'],
  ['avif', 'avif'],
  ['jpg', 'jpeg'],
]);
const MOST_ID = 2_147_483_647;

/** The bytes of pictures. Each request is judged anew, so that what was taken down is gone at once. */
export function mediaRoutes(routes: Router<State>): void {
  routes.get('/media/original/:file', anyone, async (ctx) => {
    const { id, ending } = fileParam(ctx);
    // by which a CDN forgets what was taken down
    ctx.set('Cache-Tag', `image-${id}`);
    await send(ctx, await loadOriginal(ctx.state.work, id, ending), `image-${id}.${ending}`, 'attachment');
  });
  routes.get('/media/:size/:file', anyone, async (ctx, next) => {
    const size = SIZE_NAMES.find((name) => name === ctx.params.size);
    // other rooms have folders under /media too
    if (!size) return next();
    const { id, ending } = fileParam(ctx);
    const format = FORMATS.get(ending);
    // only other servers ask for JPEG, and they want the picture whole
    if (!format || (format === 'jpeg' && size !== 'full')) throw nothing();
    ctx.set('Cache-Tag', `image-${id}`);
    await sendSize(ctx, id, size, format);
  });
}

async function sendSize(ctx: Ctx, id: number, size: SizeName, format: SizeFormat): Promise<void> {
  await sendFound(ctx, await loadSize(ctx.state.work, id, size, format), `image-${id}.${format}`);
}

/** For the pages of moderation, which say who may ask: no cache on the way keeps it, whatever its state. */
export async function sendReviewed(ctx: Ctx, id: number): Promise<void> {
  const found = await loadReviewedSize(ctx.state.work, id);
  await sendFound(ctx, 'sha256' in found ? { ...found, isPublic: false } : found, `evidence-${id}.webp`);
}

async function sendFound(ctx: Ctx, found: ServedImage | { readonly placeholder: string }, name: string): Promise<void> {
  if ('sha256' in found) return send(ctx, found, name, 'inline');
  const [, base64] = /^data:image\/webp;base64,(.+)$/.exec(found.placeholder) ?? [];
  if (!base64) throw nothing();
  ctx.set({ 'Cache-Control': 'no-store', 'Content-Type': 'image/webp' });
  ctx.body = Buffer.from(base64, 'base64');
}

const nothing = () => new AppError('not_found', 'There is no such picture.');

function fileParam(ctx: { params: Record<string, string | undefined> }): { id: number; ending: string } {
  const match = /^([1-9]\d{0,9})\.([a-z]{3,4})$/.exec(ctx.params.file ?? '');
  const id = Number(match?.[1]);
  if (!match || id > MOST_ID) throw nothing();
  return { id, ending: match[2] ?? '' };
}

const send = (
  ctx: Ctx,
  { sha256, totalBytes, mediaType, isPublic }: ServedImage,
  fileName: string,
  disposition: 'inline' | 'attachment',
): Promise<void> =>
  sendBytes(ctx, {
    files: ctx.state.work.files,
    ...{ sha256, totalBytes, contentType: mediaType, fileName, disposition },
    cacheControl: isPublic ? 'public, max-age=3600' : 'private, no-store',
  });
