import { readFile } from 'node:fs/promises';
import type Router from '@koa/router';
import { browserOnly, viewerIn } from '../../../accounts/access/guard.ts';
import { Upload } from '../../../catalogue/uploads/model.ts';
import { refusalOf, settled } from '../../../catalogue/uploads/take.ts';
import { UPLOAD_URL } from '../../../catalogue/uploads/tus.ts';
import { AppError } from '../../../kit/errors.ts';
import { failureOf } from '../../../kit/web/errors.ts';
import { uuidParam, wantsJson } from '../../../kit/web/forms.ts';
import { type MultipartForm, readMultipart, type UploadedFile } from '../../../kit/web/multipart.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { stemOf } from '../kohya-folder.ts';
import { MOST_CAPTION_CHARS, trainingSettings } from '../limits.ts';
import type { Dataset } from '../model.ts';
import { loadOwnDataset } from '../own.ts';
import type { DatasetDeps } from './deps.ts';
import { takeFiles } from './take-files.ts';

export const UPLOAD = { name: 'dataset-upload', max: 1_200, perMs: 3_600_000 };
/** Of one form without scripts: pictures, and a text for each. */
export const MOST_FILES = 100;
/** An archive is more than its pictures by its directory and its texts. */
const ARCHIVE_EXTRA_BYTES = 20_000_000;
const PATIENCE_MS = 4_000;

type Show = (ctx: Ctx, datasetId: string, refusals: readonly string[]) => Promise<void>;

/** Pictures come as a multipart form, all at once without scripts and one by one with them; archives also by tus. */
export function uploadRoutes(routes: Router<State>, deps: DatasetDeps, show: Show): void {
  const { settings, limits, uploads, uploadsDir } = deps;

  routes.post('/datasets/:id/images', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const dataset = await loadOwnDataset(work, uuidParam(ctx));
    limits.take(ctx, UPLOAD);
    const allowed = await settings.read(work.em, trainingSettings);
    const form = await readMultipart(ctx, {
      folder: uploadsDir,
      maxFiles: MOST_FILES,
      maxFileBytes: deps.maxImageBytes,
    });
    try {
      const { pictures, captions } = await sortFiles(form.files);
      const { taken, refused } = await takeFiles(work, { ...deps, ...allowed }, dataset, pictures, captions);
      const [first] = refused;
      const nothing = form.files.length === 0 ? ['Choose a picture first.'] : [];
      if (wantsJson(ctx)) {
        ctx.body = {
          ...(taken.length === 0 && first ? { error: first.message } : {}),
          images: taken.map(({ itemId, name }) => ({ id: itemId, name })),
          refused: refused.map(({ name, message }) => ({ name, message })),
        };
        if (taken.length === 0 && first) ctx.status = first.status;
      } else if (refused.length > 0 || nothing.length > 0) {
        await show(ctx, dataset.id, [...nothing, ...refused.map(({ message }) => message)]);
        if (taken.length === 0) ctx.status = first?.status ?? 422;
      } else ctx.redirect(`/datasets/${dataset.id}`);
    } finally {
      await form.discard();
    }
  });

  routes.post('/datasets/:id/import', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const dataset = await loadOwnDataset(work, uuidParam(ctx));
    limits.take(ctx, UPLOAD);
    const { maxMegabytes } = await settings.read(work.em, trainingSettings);
    const maxFileBytes = maxMegabytes * 1_000_000 + ARCHIVE_EXTRA_BYTES;
    const form = await readMultipart(ctx, { folder: uploadsDir, maxFiles: 1, maxFileBytes });
    try {
      await beginImport(ctx, deps, dataset, form, maxFileBytes);
      ctx.redirect(`/datasets/${dataset.id}`);
    } catch (error) {
      const { isFault, message, status } = failureOf(error);
      if (isFault) throw error;
      await show(ctx, dataset.id, [message]);
      ctx.status = status;
    } finally {
      await form.discard();
    }
  });

  async function beginImport(
    ctx: Ctx,
    { imports, openWork }: DatasetDeps,
    dataset: Dataset,
    form: MultipartForm,
    maxBytes: number,
  ): Promise<void> {
    const { work } = ctx.state;
    const [file] = form.files;
    if (file) {
      const { sha256 } = await work.files.put({ path: file.path, move: true });
      imports.begin(work, dataset, sha256);
      await work.em.flush();
      return;
    }
    const [address] = [form.fields.archive ?? ''].flat();
    const uploadId = UPLOAD_URL.exec(address ?? '')?.[1];
    if (!uploadId) throw new AppError('invalid', 'Choose an archive first.');
    await settled(openWork, [uploadId], PATIENCE_MS);
    const upload = await openWork().em.findOne(Upload, { id: uploadId, owner: viewerIn(ctx).id });
    if (upload?.state === 'refused') throw refusalOf(upload);
    if (upload?.state !== 'ready' || !upload.sha256) {
      throw new AppError('conflict', 'The archive is still being read. Wait a moment and send the form again.');
    }
    if (upload.totalBytes > maxBytes) {
      await uploads.discard(openWork(), uploadId);
      throw new AppError('too_large', `An archive may have at most ${Math.floor(maxBytes / 1_000_000)} MB here.`);
    }
    imports.begin(work, dataset, upload.sha256);
    await work.em.flush();
    await uploads.discard(openWork(), uploadId);
  }
}

/** Pictures, and the words of the texts that came beside them. */
export async function sortFiles(files: readonly UploadedFile[]) {
  const isText = ({ fileName }: UploadedFile) => /\.(?:txt|caption)$/i.test(fileName);
  const captions = new Map<string, string>();
  for (const file of files.filter(isText)) {
    if (file.totalBytes > 4 * MOST_CAPTION_CHARS) continue;
    captions.set(stemOf(file.fileName), (await readFile(file.path, 'utf8')).replaceAll('\u0000', ''));
  }
  return { captions, pictures: files.filter((file) => !isText(file)) };
}
