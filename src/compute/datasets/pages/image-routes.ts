import { buffer } from 'node:stream/consumers';
import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Crop } from '../../../kit/storage/images-turn.ts';
import { turnImage } from '../../../kit/storage/images-turn.ts';
import { sendBytes } from '../../../kit/web/bytes.ts';
import { EMPTY_FORM, type FormState, readForm, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { CropForm, LEAST_CROP_PX, turnedShape } from '../crop.ts';
import { deleteItem, restoreItem } from '../delete.ts';
import { cropItem, repeatItem, rotateItem } from '../edit-item.ts';
import { loadOwnItem } from '../own.ts';

interface CropPage {
  readonly name: string;
  readonly setUrl: string;
  readonly actUrl: string;
  readonly turnedSrc: string;
  /** After turning. */
  readonly width: number;
  readonly height: number;
  readonly least: number;
  readonly crop: Crop;
  readonly repeats: number;
  readonly form: FormState;
  readonly page: PageHead;
}
const cropPage = view<CropPage>('compute/datasets/image');

const RepeatsForm = z.object({
  repeats: z.coerce.number('Give a number.').int('A whole number.').min(0, 'At least 0.').max(1_000, 'At most 1,000.'),
});
/** As large as the page shows it. */
const STAGE_PX = 1_600;

/** One picture of a set: what of it is trained on, and its bytes, for its owner alone. */
export function imageRoutes(routes: Router<State>): void {
  const show = async (ctx: Ctx, itemId: string, form: FormState = EMPTY_FORM): Promise<void> => {
    const { item, dataset } = await loadOwnItem(ctx.state.work, itemId);
    const shape = turnedShape(item, item.rotation);
    cropPage(ctx, {
      ...{ name: item.fileName, setUrl: `/datasets/${dataset.id}`, actUrl: `/dataset-images/${itemId}`, ...shape },
      turnedSrc: `/dataset-images/${itemId}/turned.webp?v=${item.rotation}`,
      least: LEAST_CROP_PX,
      crop: item.crop ?? { left: 0, top: 0, ...shape },
      repeats: item.repeats,
      form,
      page: { title: t('dataset.edit-image', { name: item.fileName }), noindex: true },
    });
  };

  routes.get('/dataset-images/:id', browserOnly, (ctx) => show(ctx, uuidParam(ctx)));

  routes.post('/dataset-images/:id/crop', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      CropForm,
      async (form) => {
        const item = await cropItem(ctx.state.work, id, form);
        ctx.redirect(`/datasets/${item.dataset.id}#image-${id}`);
      },
      (form) => show(ctx, id, form),
    );
  });
  routes.post('/dataset-images/:id/rotation', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    const item = await rotateItem(ctx.state.work, id);
    const { from } = await readForm(ctx, z.object({ from: z.string().optional() }));
    ctx.redirect(from === 'image' ? `/dataset-images/${id}` : `/datasets/${item.dataset.id}#image-${id}`);
  });
  routes.post('/dataset-images/:id/repeats', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      RepeatsForm,
      async ({ repeats }) => {
        await repeatItem(ctx.state.work, id, repeats);
        ctx.redirect(`/dataset-images/${id}`);
      },
      (form) => show(ctx, id, form),
    );
  });
  routes.post('/dataset-images/:id/deletion', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    const dataset = await deleteItem(ctx.state.work, id);
    ctx.redirect(`/datasets/${dataset.id}?removed=${id}`);
  });
  routes.post('/dataset-images/:id/restoration', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    const dataset = await restoreItem(ctx.state.work, id);
    ctx.redirect(`/datasets/${dataset.id}#image-${id}`);
  });

  routes.get('/dataset-images/:id/thumb.webp', browserOnly, async (ctx) => {
    const { item } = await loadOwnItem(ctx.state.work, uuidParam(ctx));
    if (!item.thumbSha256) throw new AppError('not_found', 'This picture has no small copy.');
    await sendBytes(ctx, {
      ...{ files: ctx.state.work.files, sha256: item.thumbSha256, totalBytes: item.thumbBytes },
      ...{ contentType: 'image/webp', fileName: `${item.id}.webp`, disposition: 'inline' },
      cacheControl: 'private, no-cache',
    });
  });
  routes.get('/dataset-images/:id/turned.webp', browserOnly, async (ctx) => {
    const { files } = ctx.state.work;
    const { item } = await loadOwnItem(ctx.state.work, uuidParam(ctx));
    const source = files.localPath(item.sha256) ?? (await buffer(files.open(item.sha256)));
    const { bytes } = await turnImage(
      source,
      { rotation: item.rotation, crop: null },
      { format: 'webp', longestSide: STAGE_PX },
    );
    ctx.type = 'image/webp';
    ctx.set({ 'Cache-Control': 'private, max-age=3600', 'X-Content-Type-Options': 'nosniff' });
    ctx.body = bytes;
  });
}
