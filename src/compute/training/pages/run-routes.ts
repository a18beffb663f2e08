import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { AppError } from '../../../kit/errors.ts';
import { sendBytes } from '../../../kit/web/bytes.ts';
import { contentDisposition } from '../../../kit/web/download/file-names.ts';
import { sendEvents } from '../../../kit/web/event-stream.ts';
import { EMPTY_FORM, type FormState, readQuery, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { showWaiting } from '../../../safety/words/waiting-page.ts';
import { mayTrain } from '../../datasets/own.ts';
import { followJob } from '../../tool/live.ts';
import { ratingOptions } from '../../tool/page.ts';
import { canTrain } from '../bases.ts';
import { loraName } from '../command.ts';
import { cancelTraining, deleteTraining, loadOwnEpoch, loadOwnRun, resumeTraining, stopTraining } from '../keep.ts';
import { kohyaConfig, kohyaDataset } from '../kohya-toml.ts';
import { TrainingSample } from '../model.ts';
import { PublishForm, proposedDescription, publishEpoch } from '../publish.ts';
import type { TrainingDeps } from './deps.ts';
import { type EpochView, loadRunView, type RunView, trainNote } from './run-view.ts';

interface RunPage {
  readonly run: RunView;
  /** Two epochs side by side; null until two are chosen. */
  readonly compared: readonly [EpochView, EpochView] | null;
  readonly page: PageHead;
}
const runPage = view<RunPage>('compute/training/run');

interface PublishPage {
  readonly run: RunView;
  readonly epoch: EpochView;
  readonly values: Readonly<Record<string, string>>;
  readonly ratings: ReturnType<typeof ratingOptions>;
  readonly form: FormState;
  readonly page: PageHead;
}
const publishPage = view<PublishPage>('compute/training/publish');

const RunQuery = z.object({
  left: z.coerce.number().int().optional().catch(undefined),
  right: z.coerce.number().int().optional().catch(undefined),
});

/** One run: how far it is, what it made, and what can be done with it. */
export function runRoutes(routes: Router<State>, deps: TrainingDeps): void {
  const { trainer, settings } = deps;
  const canContinue = async (ctx: Ctx): Promise<boolean> => {
    const hello = await trainer.hello(ctx.state.work);
    return hello !== null && canTrain(hello);
  };

  routes.get('/train/:id', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const run = await loadRunView(work, await loadOwnRun(work, uuidParam(ctx)), await canContinue(ctx));
    const { left, right } = readQuery(ctx, RunQuery);
    const chosen = [left, right].flatMap((number) => run.epochs.find((epoch) => epoch.number === number) ?? []);
    const [first, second] = chosen;
    runPage(ctx, { run, compared: first && second ? [first, second] : null, page: { title: run.name, noindex: true } });
  });
  routes.get('/train/:id/events', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { id, jobId } = await loadOwnRun(work, uuidParam(ctx));
    const followed = { jobId: jobId ?? '', url: `/train/${id}`, noteOf: trainNote };
    await sendEvents(ctx, (signal, lastEventId) => followJob(work, followed, signal, lastEventId));
  });
  for (const [path, act] of [
    ['stop', stopTraining],
    ['cancellation', cancelTraining],
  ] as const) {
    routes.post(`/train/:id/${path}`, browserOnly, async (ctx) => {
      const id = uuidParam(ctx);
      await act(ctx.state.work, id);
      ctx.redirect(`/train/${id}`);
    });
  }
  routes.post('/train/:id/resumption', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await resumeTraining(ctx.state.work, trainer, id);
    ctx.redirect(`/train/${id}`);
  });
  routes.post('/train/:id/deletion', browserOnly, async (ctx) => {
    await deleteTraining(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/train');
  });

  routes.get('/train/:id/kohya.toml', browserOnly, async (ctx) => {
    const run = await loadOwnRun(ctx.state.work, uuidParam(ctx));
    sendText(ctx, `${loraName(run.name)}.toml`, kohyaConfig(run));
  });
  routes.get('/train/:id/dataset.toml', browserOnly, async (ctx) => {
    const run = await loadOwnRun(ctx.state.work, uuidParam(ctx));
    const dataset = await run.dataset?.load();
    sendText(ctx, `${loraName(run.name)}-dataset.toml`, kohyaDataset(run, dataset?.name ?? run.name));
  });

  routes.get('/train/epochs/:id.safetensors', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { sha256, totalBytes, number, run } = await loadOwnEpoch(work, uuidParam(ctx));
    await sendBytes(ctx, {
      ...{ files: work.files, sha256, totalBytes, contentType: 'application/octet-stream', disposition: 'attachment' },
      fileName: `${loraName(run.$.name)}-e${String(number).padStart(2, '0')}.safetensors`,
    });
  });
  for (const kind of ['png', 'webp'] as const) {
    routes.get(`/train/samples/:id.${kind}`, browserOnly, async (ctx) => {
      const { work } = ctx.state;
      const owner = mayTrain(work.viewer).id;
      const sample = await work.em.findOne(TrainingSample, { id: uuidParam(ctx), run: { owner } });
      const [sha256, totalBytes] =
        kind === 'png' ? [sample?.sha256, sample?.totalBytes] : [sample?.thumbSha256, sample?.thumbBytes];
      if (!sample || !sha256) throw new AppError('not_found', 'There is no such picture.');
      await sendBytes(ctx, {
        ...{
          files: work.files,
          sha256,
          totalBytes: totalBytes ?? 0,
          contentType: `image/${kind}`,
          disposition: 'inline',
        },
        fileName: `${sample.epoch}-${sample.promptIndex}.${kind}`,
      });
    });
  }

  const showPublish = async (ctx: Ctx, epochId: string, form: FormState = EMPTY_FORM): Promise<void> => {
    const { work } = ctx.state;
    const epoch = await loadOwnEpoch(work, epochId);
    const run = await loadRunView(work, epoch.run.$, false);
    const shown = run.epochs.find(({ id }) => id === epochId);
    if (!shown) throw new AppError('not_found', 'There is no such epoch.');
    const { allowedLevels } = await settings.read(work.em, nodeSettings);
    const proposed = {
      name: run.name,
      versionName: 'v1.0',
      description: proposedDescription(epoch.run.$, epoch),
      rating: '1',
    };
    publishPage(ctx, {
      ...{ run, epoch: shown, form },
      values: { ...proposed, ...form.values } as Record<string, string>,
      ratings: ratingOptions(allowedLevels),
      page: { title: t('train.publish-epoch', { n: shown.number }), noindex: true },
    });
  };
  routes.get('/train/epochs/:id/publish', browserOnly, (ctx) => showPublish(ctx, uuidParam(ctx)));
  routes.post('/train/epochs/:id/publish', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      PublishForm,
      async (form) => {
        const { allowedLevels } = await settings.read(ctx.state.work.em, nodeSettings);
        const { versionId, modelId } = await publishEpoch(ctx.state.work, { ...deps, allowedLevels }, id, form);
        if (await showWaiting(ctx, { kind: 'model', id: modelId })) return;
        ctx.redirect(form.act === 'publish' ? `/models/${modelId}` : `/versions/${versionId}/edit`);
      },
      (form) => showPublish(ctx, id, form),
    );
  });
}

function sendText(ctx: Ctx, fileName: string, text: string): void {
  ctx.type = 'text/plain; charset=utf-8';
  ctx.set({ 'Content-Disposition': contentDisposition('attachment', fileName), 'X-Content-Type-Options': 'nosniff' });
  ctx.body = text;
}
