import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../accounts/access/guard.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { AppError } from '../../kit/errors.ts';
import { idParam, readQuery, submitForm, wantsJson } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { showWaiting } from '../../safety/words/waiting-page.ts';
import type { GalleryDeps } from '../deps.ts';
import { deletePost, removeImage, restoreImage, restorePost, UNDO_MS } from './delete.ts';
import { loadOwnPost, type PostFields, PostForm, savePost } from './draft.ts';
import { type EditorPage, loadEditor, type Said } from './editor.ts';
import { type FindPerson, findKnown } from './mentions.ts';
import { publishPost, ScheduleForm, schedulePost, unpublishPost } from './publish.ts';

const editorPage = view<EditorPage>('gallery/editor');
const deletedPage = view<{ restoreUrl: string; seconds: number }>('gallery/deleted');

const SAID = ['saved', 'scheduled', 'unpublished', 'restored', 'removed'] as const;
const EditorQuery = z.object({
  said: z.enum(SAID).optional().catch(undefined),
  removed: z.coerce.number().int().optional().catch(undefined),
});

type EditorMore = Parameters<typeof loadEditor>[3];
type IdCtx = Ctx & { params: Record<string, string | undefined> };

/** Shows the editor of a post; `more` says what was just refused or done. */
export async function showEditor(ctx: Ctx, deps: GalleryDeps, postId: number, more: EditorMore = {}): Promise<void> {
  const { allowedLevels } = await deps.settings.read(ctx.state.work.em, nodeSettings);
  ctx.set('Cache-Control', 'no-store');
  editorPage(ctx, await loadEditor(ctx.state.work, postId, { allowedLevels, maxBytes: deps.maxImageBytes }, more));
}

/** What saves itself while somebody types asks no other server. */
function finderOf(ctx: Ctx, { findPeer }: GalleryDeps): FindPerson {
  const { work } = ctx.state;
  const known = findKnown(work.em);
  return async (handle) => {
    const found = await known(handle);
    if (found !== null || !findPeer || wantsJson(ctx) || !handle.includes('@')) return found;
    return findPeer(work, `@${handle}`);
  };
}

/** The editor of a post, and what its buttons do; every button of the form saves what was typed first. */
export function editRoutes(routes: Router<State>, deps: GalleryDeps): void {
  const saveFirst = async (ctx: IdCtx, then: (postId: number, raw: unknown) => Promise<void>) => {
    const postId = idParam(ctx);
    await loadOwnPost(ctx.state.work, postId);
    const { allowedLevels } = await deps.settings.read(ctx.state.work.em, nodeSettings);
    const both = PostForm.transform((form) => form);
    let raw: Record<string, unknown> = {};
    const schema = z.looseObject({}).transform((given) => {
      raw = given;
      return given;
    });
    await submitForm(
      ctx,
      schema.pipe(both),
      async (form: PostFields) => {
        await savePost(ctx.state.work, postId, form, allowedLevels, finderOf(ctx, deps));
        await then(postId, raw);
      },
      (form) => showEditor(ctx, deps, postId, { form }),
    );
  };

  routes.get('/posts/:id/edit', membersOnly, async (ctx) => {
    const { said, removed } = readQuery(ctx, EditorQuery);
    const notes: Said[] = said ? [{ text: t(`post.said.${said}`), kind: 'good' }] : [];
    await showEditor(ctx, deps, idParam(ctx), { said: notes, removedId: removed ?? null });
  });

  routes.post('/posts/:id/draft', membersOnly, (ctx) =>
    saveFirst(ctx, async (postId) => {
      if (wantsJson(ctx)) ctx.body = { saved: true };
      else if (!(await showWaiting(ctx, { kind: 'post', id: postId })))
        ctx.redirect(`/posts/${postId}/edit?said=saved`);
    }),
  );

  routes.post('/posts/:id/publication', membersOnly, (ctx) =>
    saveFirst(ctx, async (postId) => {
      await publishPost(ctx.state.work, postId);
      if (!(await showWaiting(ctx, { kind: 'post', id: postId }))) ctx.redirect(`/posts/${postId}`);
    }),
  );

  routes.post('/posts/:id/schedule', membersOnly, (ctx) =>
    saveFirst(ctx, async (postId, raw) => {
      const parsed = ScheduleForm.safeParse(raw);
      if (!parsed.success) {
        const message = parsed.error.issues[0]?.message ?? 'Choose a day and a time.';
        throw new AppError('invalid', message, { fields: { publishAt: message } });
      }
      await schedulePost(ctx.state.work, postId, parsed.data);
      ctx.redirect(`/posts/${postId}/edit?said=scheduled`);
    }),
  );

  routes.post('/posts/:id/unpublication', membersOnly, async (ctx) => {
    await unpublishPost(ctx.state.work, idParam(ctx));
    ctx.redirect(`/posts/${idParam(ctx)}/edit?said=unpublished`);
  });

  routes.post('/posts/:id/removal', membersOnly, async (ctx) => {
    await deletePost(ctx.state.work, idParam(ctx));
    ctx.redirect(`/posts/${idParam(ctx)}/deleted`);
  });

  routes.get('/posts/:id/deleted', membersOnly, (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    deletedPage(ctx, { restoreUrl: `/posts/${idParam(ctx)}/restoration`, seconds: UNDO_MS / 1_000 });
  });

  routes.post('/posts/:id/restoration', membersOnly, async (ctx) => {
    await restorePost(ctx.state.work, idParam(ctx));
    ctx.redirect(`/posts/${idParam(ctx)}/edit?said=restored`);
  });

  routes.post('/posts/:id/images/:image/removal', membersOnly, (ctx) =>
    saveFirst(ctx, async (postId) => {
      const imageId = idParam(ctx, 'image');
      await removeImage(ctx.state.work, imageId);
      ctx.redirect(`/posts/${postId}/edit?removed=${imageId}#pictures`);
    }),
  );

  routes.post('/posts/:id/images/:image/restoration', membersOnly, async (ctx) => {
    const postId = await restoreImage(ctx.state.work, idParam(ctx, 'image'));
    ctx.redirect(`/posts/${postId}/edit#pictures`);
  });
}
