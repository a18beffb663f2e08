import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../accounts/access/guard.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { idParam, readRawForm, uuidParam, wantsJson } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { type MultipartForm, readMultipart } from '../../kit/web/multipart.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type PageHead, view } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { claimUploads, createModel, createVersion } from '../create.ts';
import type { CatalogueDeps } from '../deps.ts';
import { type PendingUpload, pendingView } from '../editing/editor.ts';
import { loadOwnVersion, publisher } from '../own.ts';
import { Upload } from './model.ts';
import { loadRoom } from './quota.ts';
import { settled, takeFile } from './take.ts';
import { tusRoutes, UPLOAD_URL } from './tus.ts';

interface UploadPage {
  readonly uploads: readonly PendingUpload[];
  readonly drafts: readonly { readonly name: string; readonly href: string; readonly state: string }[];
  readonly maxBytes: number;
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly message: string | null;
  readonly page: PageHead;
}
const uploadPage = view<UploadPage>('catalogue/upload');

/** How long the answer to a form waits for its files to be read. */
const PATIENCE_MS = 4_000;
const MAX_FILES = 20;

export function uploadRoutes(routes: Router<State>, deps: CatalogueDeps): void {
  const { uploads, limits, openWork, uploadsDir } = deps;
  tusRoutes(routes, uploads, openWork, limits);

  const show = async (ctx: Ctx, message: string | null = null) => {
    const { em, viewer } = ctx.state.work;
    const { id } = publisher(viewer);
    const waiting = await em.find(Upload, { owner: id, version: null }, { orderBy: { createdAt: -1 }, limit: 50 });
    const drafts = await rows<{ id: number; name: string; model_name: string; state: string }>(
      em,
      `select v.id, v.name, m.name as model_name, v.state from model_version v join model m on m.id = v.model_id
       where m.owner_id = ? and m.state <> 'deleted' and v.state in ('draft', 'scheduled', 'unpublished')
       order by v.updated_at desc, v.id desc limit 50`,
      [id],
    );
    uploadPage(ctx, {
      uploads: waiting.map(pendingView),
      drafts: drafts.map((draft) => ({
        name: `${draft.model_name || t('editor.untitled')} · ${draft.name}`,
        href: `/versions/${draft.id}/edit`,
        state: draft.state,
      })),
      maxBytes: uploads.limits.maxUploadBytes,
      ...(await loadRoom(em, id, uploads.limits.defaultQuotaBytes)),
      message,
      page: { title: t('upload.title'), noindex: true },
    });
  };

  routes.get('/upload', membersOnly, (ctx) => show(ctx));

  /** The files of a form: those that went up by tus, and those that the form itself carries. */
  const takeFiles = async (work: Work, form: MultipartForm, versionId: number): Promise<string[]> => {
    const taken = [form.fields.upload ?? []].flat().flatMap((path) => UPLOAD_URL.exec(path)?.[1] ?? []);
    for (const { path, fileName, totalBytes } of form.files) {
      taken.push(await takeFile(work, uploads, { path, fileName, totalBytes, versionId, move: true }));
    }
    return taken;
  };

  const readFiles = (ctx: Ctx) =>
    readMultipart(ctx, {
      folder: uploadsDir,
      maxFiles: MAX_FILES,
      maxFileBytes: uploads.limits.maxUploadBytes,
      maxFields: 60,
    });

  routes.post('/upload', membersOnly, async (ctx) => {
    const { work } = ctx.state;
    publisher(work.viewer);
    const form = await readFiles(ctx);
    try {
      if (form.files.length === 0 && form.fields.upload === undefined) {
        throw new AppError('invalid', t('upload.nothing'));
      }
      const version = await createModel(work);
      const ids = await takeFiles(work, form, version.id);
      await claimUploads({ ...work, em: openWork().em }, ids, version.id);
      await settled(openWork, ids, PATIENCE_MS);
      ctx.redirect(`/versions/${version.id}/edit`);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.isFault || wantsJson(ctx)) throw error;
      await show(ctx, failure.message);
      ctx.status = failure.status;
    } finally {
      await form.discard();
    }
  });

  routes.post('/versions/:id/files', membersOnly, async (ctx) => {
    const { work } = ctx.state;
    const { id } = await loadOwnVersion(work, idParam(ctx));
    const form = await readFiles(ctx);
    try {
      const ids = await takeFiles(work, form, id);
      await claimUploads({ ...work, em: openWork().em }, ids, id);
      await settled(openWork, ids, PATIENCE_MS);
    } finally {
      await form.discard();
    }
    ctx.redirect(`/versions/${id}/edit#files`);
  });

  routes.post('/models/:id/versions', membersOnly, async (ctx) => {
    const version = await createVersion(ctx.state.work, idParam(ctx));
    ctx.redirect(`/versions/${version.id}/edit`);
  });

  routes.post('/uploads/:id/remove', membersOnly, async (ctx) => {
    const { em, viewer } = ctx.state.work;
    const { next } = z.object({ next: z.string().optional() }).parse(await readRawForm(ctx));
    const id = uuidParam(ctx);
    const upload = await em.findOne(Upload, { id, owner: viewer?.id ?? 0 });
    if (!upload) throw new AppError('not_found', 'There is no such upload.');
    await uploads.discard({ em }, id);
    ctx.redirect(/^\/versions\/\d{1,10}\/edit$/.test(next ?? '') ? `${next}` : '/upload');
  });
}
