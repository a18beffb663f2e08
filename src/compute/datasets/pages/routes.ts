import { Readable } from 'node:stream';
import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { findStatus } from '../../../kit/queue/status.ts';
import { contentDisposition } from '../../../kit/web/download/file-names.ts';
import { zipOf } from '../../../kit/web/download/zip.ts';
import { sendEvents } from '../../../kit/web/event-stream.ts';
import { EMPTY_FORM, type FormState, readQuery, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { followJob } from '../../tool/live.ts';
import { DatasetForm, renameDataset } from '../create.ts';
import { deleteDataset, restoreDataset, UNDO_MS } from '../delete.ts';
import { folderFiles, folderName } from '../export-zip.ts';
import { trainingSettings } from '../limits.ts';
import type { ImportReport } from '../model.ts';
import { notesSummary } from '../notes/view.ts';
import { loadOwnDataset } from '../own.ts';
import { captionRoutes } from './caption-routes.ts';
import type { DatasetDeps } from './deps.ts';
import { imageRoutes } from './image-routes.ts';
import { type DatasetView, datasetView, type ItemView, itemViews, listItems } from './queries.ts';
import { uploadRoutes } from './upload-routes.ts';

interface DatasetPage {
  readonly set: DatasetView;
  readonly items: readonly ItemView[];
  /** What was noted of them, counted; '' when there is nothing. */
  readonly noted: string;
  readonly maxImages: number;
  readonly maxBytes: number;
  readonly maxImageBytes: number;
  readonly maxMegabytes: number;
  readonly importing: {
    readonly url: string;
    readonly value: number;
    readonly max: number;
    readonly note: string;
  } | null;
  readonly report: ImportReport | null;
  readonly refusals: readonly string[];
  /** The picture that was just removed. */
  readonly removedId: string;
  readonly form: FormState;
  readonly page: PageHead;
}
const datasetPage = view<DatasetPage>('compute/datasets/dataset');
const deletedPage = view<{ restoreUrl: string; minutes: number; page: PageHead }>('compute/datasets/deleted');

const DatasetQuery = z.object({ removed: z.uuid().optional().catch(undefined) });
/** Sets of pictures: each person sees their own, and no path shows them to anybody else. */
export function datasetRoutes(deps: DatasetDeps): Router<State> {
  const routes = new Router<State>();
  const { settings, limits } = deps;

  const show = async (
    ctx: Ctx,
    datasetId: string,
    { refusals = [], form = EMPTY_FORM }: { refusals?: readonly string[]; form?: FormState } = {},
  ): Promise<void> => {
    const { work } = ctx.state;
    const dataset = await loadOwnDataset(work, datasetId);
    const items = await listItems(work, datasetId);
    const { maxImages, maxMegabytes } = await settings.read(work.em, trainingSettings);
    const status =
      dataset.importSha256 != null && dataset.importJobId ? await findStatus(work.em, dataset.importJobId) : null;
    const isReading = status !== null && (status.state === 'queued' || status.state === 'running');
    datasetPage(ctx, {
      set: datasetView(dataset, items),
      items: itemViews(items),
      noted: notesSummary(items),
      ...{ maxImages, maxMegabytes, maxBytes: maxMegabytes * 1_000_000, maxImageBytes: deps.maxImageBytes },
      importing: isReading
        ? {
            url: `/datasets/${datasetId}/events`,
            ...{ value: status.progressDone, max: status.progressTotal || 100, note: status.progressNote },
          }
        : null,
      report: dataset.importReport ?? null,
      refusals,
      removedId: readQuery(ctx, DatasetQuery).removed ?? '',
      form,
      page: { title: dataset.name, noindex: true },
    });
  };

  routes.get('/datasets', browserOnly, (ctx) => ctx.redirect('/train'));
  routes.get('/datasets/:id', browserOnly, (ctx) => show(ctx, uuidParam(ctx)));
  routes.post('/datasets/:id/name', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      DatasetForm,
      async (form) => {
        await renameDataset(ctx.state.work, id, form);
        ctx.redirect(`/datasets/${id}`);
      },
      (form) => show(ctx, id, { form }),
    );
  });

  routes.get('/datasets/:id/export', browserOnly, async (ctx) => {
    limits.take(ctx, { name: 'dataset-export', max: 60, perMs: 3_600_000 });
    const { work } = ctx.state;
    const dataset = await loadOwnDataset(work, uuidParam(ctx));
    const items = await listItems(work, dataset.id);
    ctx.type = 'application/zip';
    ctx.set('Content-Disposition', contentDisposition('attachment', `${folderName(dataset.name)}.zip`));
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.body = Readable.from(zipOf(folderFiles(work, dataset, items)), { objectMode: false });
  });

  routes.get('/datasets/:id/events', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { id, importJobId } = await loadOwnDataset(work, uuidParam(ctx));
    const followed = { jobId: importJobId ?? '', url: `/datasets/${id}`, noteOf: importNote };
    await sendEvents(ctx, (signal, lastEventId) => followJob(work, followed, signal, lastEventId));
  });

  routes.post('/datasets/:id/deletion', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await deleteDataset(ctx.state.work, id);
    ctx.redirect(`/datasets/${id}/deleted`);
  });
  routes.get('/datasets/:id/deleted', browserOnly, (ctx) => {
    deletedPage(ctx, {
      restoreUrl: `/datasets/${uuidParam(ctx)}/restoration`,
      minutes: UNDO_MS / 60_000,
      page: { title: t('dataset.deleted'), noindex: true },
    });
  });
  routes.post('/datasets/:id/restoration', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await restoreDataset(ctx.state.work, id);
    ctx.redirect(`/datasets/${id}`);
  });

  captionRoutes(routes, deps);
  uploadRoutes(routes, deps, (ctx, id, refusals) => show(ctx, id, { refusals }));
  imageRoutes(routes);
  return routes;
}

const importNote = ({ state, progressNote }: { readonly state: string; readonly progressNote: string }): string =>
  state === 'queued' ? t('dataset.import-waiting') : progressNote;
