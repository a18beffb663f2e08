import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { checkForm, type FormState, idParam, readForm, readRawForm, submitForm } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type PageHead, view } from '../../kit/web/views.ts';
import { showWaiting } from '../../safety/words/waiting-page.ts';
import { deleteModel, deleteVersion, restoreModel, restoreVersion, UNDO_MS } from '../delete.ts';
import type { CatalogueDeps } from '../deps.ts';
import { saveVersion, VersionForm } from '../edit.ts';
import { publishVersion, scheduleVersion, unpublishVersion } from '../publish.ts';
import { type EditorPage, loadEditor } from './editor.ts';
import { editFile, FileForm, removeFile, requestStrip } from './files.ts';

const editorPage = view<EditorPage>('catalogue/editor');
interface DeletedPage {
  readonly restoreUrl: string;
  readonly minutes: number;
  readonly page: PageHead;
}
const deletedPage = view<DeletedPage>('catalogue/deleted');

const EditForm = VersionForm.extend({
  act: z.enum(['save', 'publish', 'schedule']).catch('save'),
  publishAt: z.string().max(30).optional(),
});

/** The owner's side: the form that saves itself, publishing, deleting and undoing. */
export function editRoutes(routes: Router<State>, { uploads, openWork }: CatalogueDeps): void {
  const show = async (ctx: Ctx, id: number, form: FormState | null = null) => {
    // a fresh look: what a refused save had changed in memory does not count
    editorPage(ctx, await loadEditor({ ...ctx.state.work, em: openWork().em }, id, form));
  };

  routes.get('/versions/:id/edit', browserOnly, (ctx) => show(ctx, idParam(ctx)));

  routes.post('/versions/:id/edit', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const id = idParam(ctx);
    await submitForm(
      ctx,
      EditForm,
      async ({ act, publishAt, ...form }) => {
        const { model } = await saveVersion(work, id, form);
        if (act === 'publish') await publishVersion({ ...work, em: openWork().em }, id);
        if (act === 'schedule') await scheduleVersion({ ...work, em: openWork().em }, id, dateOf(publishAt));
        if (await showWaiting(ctx, { kind: 'model', id: model.id })) return;
        ctx.redirect(act === 'save' ? `/versions/${id}/edit` : `/models/${model.id}?version=${id}`);
      },
      (form) => show(ctx, id, form),
    );
  });

  /** What the form sends by itself while it is written in. A public version waits for the button. */
  routes.post('/versions/:id/draft', browserOnly, async (ctx) => {
    const form = await readForm(ctx, VersionForm);
    const version = await saveVersion(ctx.state.work, idParam(ctx), form);
    ctx.body = { savedAt: version.updatedAt.toISOString() };
  });

  routes.post('/versions/:id/publication', browserOnly, async (ctx) => {
    const { act, publishAt } = z
      .object({ act: z.string().optional(), publishAt: z.string().max(30).optional() })
      .parse(await readRawForm(ctx));
    const id = idParam(ctx);
    const version =
      act === 'schedule'
        ? await scheduleVersion(ctx.state.work, id, dateOf(publishAt))
        : await publishVersion(ctx.state.work, id);
    if (await showWaiting(ctx, { kind: 'model', id: version.model.id })) return;
    ctx.redirect(`/models/${version.model.id}?version=${id}`);
  });

  routes.post('/versions/:id/publication/remove', browserOnly, async (ctx) => {
    const version = await unpublishVersion(ctx.state.work, idParam(ctx));
    ctx.redirect(`/models/${version.model.id}?version=${version.id}`);
  });

  const showDeleted = (ctx: Ctx, restoreUrl: string) =>
    deletedPage(ctx, { restoreUrl, minutes: UNDO_MS / 60_000, page: { noindex: true } });

  routes.post('/models/:id/delete', browserOnly, async (ctx) => {
    const id = idParam(ctx);
    await deleteModel(ctx.state.work, id);
    showDeleted(ctx, `/models/${id}/restore`);
  });
  routes.post('/models/:id/restore', browserOnly, async (ctx) => {
    const id = idParam(ctx);
    await restoreModel(ctx.state.work, id);
    ctx.redirect(`/models/${id}`);
  });
  routes.post('/versions/:id/delete', browserOnly, async (ctx) => {
    const version = await deleteVersion(ctx.state.work, idParam(ctx));
    showDeleted(ctx, `/versions/${version.id}/restore`);
  });
  routes.post('/versions/:id/restore', browserOnly, async (ctx) => {
    const version = await restoreVersion(ctx.state.work, idParam(ctx));
    ctx.redirect(`/models/${version.model.id}?version=${version.id}`);
  });

  routes.post('/files/:id', browserOnly, async (ctx) => {
    const versionId = await editFile(ctx.state.work, idParam(ctx), checkForm(await readRawForm(ctx), FileForm));
    ctx.redirect(`/versions/${versionId}/edit#files`);
  });
  routes.post('/files/:id/remove', browserOnly, async (ctx) => {
    const versionId = await removeFile(ctx.state.work, idParam(ctx));
    ctx.redirect(`/versions/${versionId}/edit#files`);
  });
  routes.post('/files/:id/strip', browserOnly, async (ctx) => {
    const versionId = await requestStrip(ctx.state.work, uploads, openWork, idParam(ctx));
    ctx.redirect(`/versions/${versionId}/edit#files`);
  });
}

/** `datetime-local` without a zone: UTC, as the form says. */
function dateOf(text: string | undefined): Date {
  const at = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text ?? '') ? `${text}Z` : '');
  if (Number.isNaN(at.getTime())) {
    const message = 'Choose a day and a time.';
    throw new AppError('invalid', message, { fields: { publishAt: message } });
  }
  return at;
}
