import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly, viewerIn } from '../../accounts/access/guard.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, readQuery, wantsJson } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { type MultipartForm, readMultipart } from '../../kit/web/multipart.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { GalleryDeps } from '../deps.ts';
import { MOST_IMAGES } from '../images/add.ts';
import { assertMayPost, createDraft, dropEmptyDraft, loadOwnPost } from './draft.ts';
import { showEditor } from './edit-routes.ts';
import { type DraftView, listDrafts, type Said } from './editor.ts';
import { forgetPictures, resumableRoutes, waitingPictures } from './resumable.ts';
import { takeFiles } from './take-files.ts';

interface UploadPage {
  readonly versionId: number;
  /** Whose gallery the pictures are for, when they are. */
  readonly versionName: string;
  readonly drafts: readonly DraftView[];
  readonly refusals: readonly string[];
  readonly maxBytes: number;
  readonly mostImages: number;
  readonly page: { title: string };
}
const uploadPage = view<UploadPage>('gallery/upload');

const UploadQuery = z.object({ version: z.coerce.number().int().nonnegative().catch(0) });
export const UPLOAD: Limit = { name: 'image-upload', max: 400, perMs: 3_600_000 };
export const DRAFT: Limit = { name: 'post-draft', max: 60, perMs: 3_600_000 };

/**
 * Pictures come in as a multipart form: all at once without scripts, one by one with them. What a script sent by tus
 * before, the form names as `upload`.
 */
export function uploadRoutes(routes: Router<State>, deps: GalleryDeps): void {
  resumableRoutes(routes, deps);
  const show = async (ctx: Ctx, versionId: number, refusals: readonly string[] = []) => {
    const version = versionId
      ? await ctx.state.work.em.findOne(ModelVersion, versionId, { populate: ['model'] })
      : null;
    uploadPage(ctx, {
      versionId: version?.id ?? 0,
      versionName: version ? `${version.model.$.name} · ${version.name}` : '',
      drafts: await listDrafts(ctx.state.work),
      refusals,
      maxBytes: deps.maxImageBytes,
      mostImages: MOST_IMAGES,
      page: { title: t('post.upload') },
    });
  };

  const readFiles = (ctx: Ctx): Promise<MultipartForm> => {
    deps.limits.take(ctx, UPLOAD);
    return readMultipart(ctx, {
      folder: deps.uploadsDir,
      maxFiles: MOST_IMAGES,
      maxFileBytes: deps.maxImageBytes,
      maxFields: 10,
    });
  };

  routes.get('/upload/images', membersOnly, async (ctx) => {
    assertMayPost(ctx.state.work.viewer);
    ctx.set('Cache-Control', 'no-store');
    await show(ctx, readQuery(ctx, UploadQuery).version);
  });

  routes.post('/upload/images', membersOnly, async (ctx) => {
    const { work } = ctx.state;
    assertMayPost(work.viewer);
    deps.limits.take(ctx, DRAFT);
    const form = await readFiles(ctx);
    try {
      const { version: versionId } = UploadQuery.parse(form.fields);
      if (form.files.length === 0 && !wantsJson(ctx)) {
        await show(ctx, versionId, ['Choose a picture first.']);
        ctx.status = 422;
        return;
      }
      const post = await createDraft(work, { versionId });
      const { taken, refused } = await takeFiles(work, deps, post.id, form.files).catch(async (error: unknown) => {
        await dropEmptyDraft(work, post.id);
        throw error;
      });
      if (wantsJson(ctx)) {
        ctx.body = { url: `/posts/${post.id}/edit`, uploadUrl: `/posts/${post.id}/images`, ...answer(taken, refused) };
      } else if (taken.length === 0) {
        // nothing of a refused upload stays
        await dropEmptyDraft(work, post.id);
        await show(
          ctx,
          versionId,
          refused.map(({ message }) => message),
        );
        ctx.status = refused[0]?.status ?? 422;
      } else if (refused.length > 0 || taken.some(({ duplicateUrl }) => duplicateUrl)) {
        await showEditor(ctx, deps, post.id, { said: saidOf(taken, refused) });
      } else ctx.redirect(`/posts/${post.id}/edit`);
    } finally {
      await form.discard();
    }
  });

  routes.post('/posts/:id/images', membersOnly, async (ctx) => {
    const { work } = ctx.state;
    const postId = idParam(ctx);
    assertMayPost(work.viewer);
    await loadOwnPost(work, postId);
    const form = await readFiles(ctx);
    try {
      const addresses = [form.fields.upload ?? []].flat().slice(0, MOST_IMAGES);
      const waiting = await waitingPictures(deps.uploadsDir, addresses, viewerIn(ctx).id);
      const files = [...waiting, ...form.files];
      const { taken, refused } = await takeFiles(work, deps, postId, files);
      await forgetPictures(waiting);
      const [first] = refused;
      if (wantsJson(ctx)) {
        ctx.body =
          taken.length === 0 && first ? { error: first.message, ...answer(taken, refused) } : answer(taken, refused);
        if (taken.length === 0 && first) ctx.status = first.status;
        return;
      }
      if (files.length === 0) throw new AppError('invalid', 'Choose a picture first.');
      await showEditor(ctx, deps, postId, { said: saidOf(taken, refused) });
      if (taken.length === 0 && first) ctx.status = first.status;
    } finally {
      await form.discard();
    }
  });
}

type Taken = Awaited<ReturnType<typeof takeFiles>>;

const answer = (taken: Taken['taken'], refused: Taken['refused']) => ({
  images: taken.map(({ imageId, name, duplicateUrl }) => ({
    id: imageId,
    name,
    ...(duplicateUrl ? { duplicateUrl, note: t('post.duplicate', { name }) } : {}),
  })),
  refused: refused.map(({ name, message }) => ({ name, message })),
});

const saidOf = (taken: Taken['taken'], refused: Taken['refused']): Said[] => [
  ...refused.map(({ message }): Said => ({ text: message, kind: 'bad' })),
  ...taken.flatMap(({ name, duplicateUrl }): Said[] =>
    duplicateUrl
      ? [{ text: t('post.duplicate', { name }), kind: 'warn', href: duplicateUrl, label: t('post.see-it') }]
      : [],
  ),
];
