import Router from '@koa/router';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import type { Uploads } from '../../../catalogue/uploads/uploads.ts';
import { sendBytes } from '../../../kit/web/bytes.ts';
import { sendEvents } from '../../../kit/web/event-stream.ts';
import { EMPTY_FORM, type FormState, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { showWaiting } from '../../../safety/words/waiting-page.ts';
import type { ComputeDeps } from '../../deps.ts';
import { noteOf } from '../../phase.ts';
import { followJob } from '../../tool/live.ts';
import { ratingOptions } from '../../tool/page.ts';
import { loraName } from '../../training/command.ts';
import { PublishForm } from '../../training/publish.ts';
import { cancelMerge, deleteMerge, loadOwnMerge, loadOwnMerged, mergeAgain } from '../keep.ts';
import type { Merger } from '../merger.ts';
import { proposedDescription, publishMerge } from '../publish.ts';
import { startRoutes } from './start-routes.ts';
import { loadMergeView, type MergeView } from './view.ts';

/** What the pages of merges lean on; made by the composition root. */
export interface MergeDeps extends ComputeDeps {
  readonly merger: Merger;
  readonly uploads: Uploads;
}

interface RunPage {
  readonly run: MergeView;
  readonly page: PageHead;
}
const runPage = view<RunPage>('compute/merging/run');

interface PublishPage {
  readonly run: MergeView;
  readonly values: Readonly<Record<string, string>>;
  readonly ratings: ReturnType<typeof ratingOptions>;
  readonly form: FormState;
  readonly page: PageHead;
}
const publishPage = view<PublishPage>('compute/merging/publish');

/** Merging of models. Each person sees their own. */
export function mergeRoutes(deps: MergeDeps): Router<State> {
  const routes = new Router<State>();
  startRoutes(routes, deps);

  routes.get('/merge/:id', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const run = await loadMergeView(work, await loadOwnMerge(work, uuidParam(ctx)));
    runPage(ctx, { run, page: { title: run.name, noindex: true } });
  });
  routes.get('/merge/:id/events', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { id, jobId } = await loadOwnMerge(work, uuidParam(ctx));
    const followed = { jobId: jobId ?? '', url: `/merge/${id}`, noteOf };
    await sendEvents(ctx, (signal, lastEventId) => followJob(work, followed, signal, lastEventId));
  });
  routes.post('/merge/:id/cancellation', browserOnly, async (ctx) => {
    await cancelMerge(ctx.state.work, uuidParam(ctx));
    ctx.redirect(`/merge/${uuidParam(ctx)}`);
  });
  routes.post('/merge/:id/again', browserOnly, async (ctx) => {
    await mergeAgain(ctx.state.work, deps.merger, uuidParam(ctx));
    ctx.redirect(`/merge/${uuidParam(ctx)}`);
  });
  routes.post('/merge/:id/deletion', browserOnly, async (ctx) => {
    await deleteMerge(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/jobs');
  });
  routes.get('/merge/:id/file.safetensors', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { run, sha256 } = await loadOwnMerged(work, uuidParam(ctx));
    await sendBytes(ctx, {
      ...{ files: work.files, sha256, totalBytes: run.totalBytes, disposition: 'attachment' },
      ...{ contentType: 'application/octet-stream', fileName: `${loraName(run.name)}.safetensors` },
    });
  });
  publishRoutes(routes, deps);
  return routes;
}

function publishRoutes(routes: Router<State>, deps: MergeDeps): void {
  const { settings } = deps;
  const show = async (ctx: Ctx, id: string, form: FormState = EMPTY_FORM): Promise<void> => {
    const { work } = ctx.state;
    const { run } = await loadOwnMerged(work, id);
    const { allowedLevels } = await settings.read(work.em, nodeSettings);
    const proposed = { name: run.name, versionName: 'v1.0', description: proposedDescription(run), rating: '1' };
    publishPage(ctx, {
      run: await loadMergeView(work, run),
      values: { ...proposed, ...form.values } as Record<string, string>,
      ratings: ratingOptions(allowedLevels),
      form,
      page: { title: t('merge.publish'), noindex: true },
    });
  };
  routes.get('/merge/:id/publish', browserOnly, (ctx) => show(ctx, uuidParam(ctx)));
  routes.post('/merge/:id/publish', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      PublishForm,
      async (form) => {
        const { work } = ctx.state;
        const { allowedLevels } = await settings.read(work.em, nodeSettings);
        const { versionId, modelId } = await publishMerge(work, { ...deps, allowedLevels }, id, form);
        if (await showWaiting(ctx, { kind: 'model', id: modelId })) return;
        ctx.redirect(form.act === 'publish' ? `/models/${modelId}` : `/versions/${versionId}/edit`);
      },
      (form) => show(ctx, id, form),
    );
  });
}
