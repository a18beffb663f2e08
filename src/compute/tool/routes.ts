import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { sendEvents } from '../../kit/web/event-stream.ts';
import { type FormState, readForm, readQuery, readRawForm, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { ComputeDeps } from '../deps.ts';
import { GenerateForm } from '../form.ts';
import { mayGenerate } from '../generator.ts';
import { cancelGeneration, deleteGeneration, loadResultFile } from '../keep.ts';
import { Families } from '../models/families.ts';
import { PostForm, postResults } from '../post.ts';
import { followGeneration } from './live.ts';
import { type FormParts, loadForm, ratingOptions, type ToolPage } from './page.ts';
import { findNewestRequest, listGenerations, loadGenerationView, loadLive } from './queries.ts';
import { afterAct, type FormValues, textValue, valuesOf, valuesOfImage, valuesOfVersion } from './values.ts';

const toolPage = view<ToolPage>('compute/generate');

const REQUESTS = { name: 'generate', max: 300, perMs: 3_600_000 };
const RECENT = 12;

const id = z.coerce.number().int().positive().optional().catch(undefined);
const Prefill = z.object({
  remix: id,
  version: id,
  /** A generation whose settings are taken, with its seed. */
  from: z.uuid().optional().catch(undefined),
});

/** Generation: the tool, and each request with its results. Each person sees their own. */
export function computeRoutes(deps: ComputeDeps): Router<State> {
  const { generator, limits, settings } = deps;
  const routes = new Router<State>();

  /** The tool, with a generation in its result area when one is given. */
  async function show(ctx: Ctx, parts: FormParts | null, generationId: string | null): Promise<void> {
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const engine = await generator.status(work);
    const shown = generationId ? await loadGenerationView(work, generationId) : null;
    const caps = engine.state === 'ready' ? engine.hello.caps : null;
    const families = caps && (await Families.read(work.em, caps));
    const newest = parts || shown ? null : await findNewestRequest(work, viewer);
    const values = shown ? valuesOf(shown.request, 'as sent') : newest ? valuesOf(newest, 'as sent') : {};
    const { allowedLevels } = await settings.read(work.em, nodeSettings);
    const isLive = shown?.view.isOpen && shown.jobId;
    toolPage(ctx, {
      engine,
      isCpu: engine.state === 'ready' && engine.hello.device.kind === 'cpu',
      deviceName: engine.state === 'ready' ? engine.hello.device.name : '',
      form: caps && families ? await loadForm(work, viewer, caps, families, parts ?? { values }) : null,
      generation: shown?.view ?? null,
      live: isLive ? await loadLive(work, shown.view.id, isLive) : null,
      recent: (await listGenerations(work, viewer, { limit: RECENT })).items,
      ratings: ratingOptions(allowedLevels),
      page: { title: t('nav.generate'), noindex: true },
    });
  }

  async function prefilled(ctx: Ctx): Promise<FormValues | null> {
    const { work } = ctx.state;
    const viewer = viewerIn(ctx);
    const { remix, version, from } = readQuery(ctx, Prefill);
    if (from) return valuesOf((await loadGenerationView(work, from)).request, 'kept');
    if (!remix && !version) return null;
    const status = await generator.status(work);
    if (status.state !== 'ready') return null;
    const families = await Families.read(work.em, status.hello.caps);
    if (remix) return valuesOfImage(work, viewer, families, remix);
    return version ? valuesOfVersion(work, viewer, families, version) : null;
  }

  routes.get('/generate', browserOnly, async (ctx) => {
    const values = await prefilled(ctx);
    await show(ctx, values && { values }, null);
  });

  // Buttons inside the form that change it: the page comes back with it changed, and nothing is made.
  routes.get('/generate/form', browserOnly, (ctx) => ctx.redirect('/generate'));
  routes.post('/generate/form', browserOnly, async (ctx) => {
    const raw = await readRawForm(ctx);
    const act = textValue(raw.act);
    const isLoraAct = act.startsWith('lora-search') || act.startsWith('add') || act.startsWith('remove');
    const parts = {
      values: afterAct(raw, act),
      isPicking: act === 'model-search',
      isPickingLora: isLoraAct && !act.startsWith('remove'),
    };
    await show(ctx, parts, null);
  });

  routes.post('/generate', browserOnly, async (ctx) => {
    limits.take(ctx, REQUESTS);
    await submitForm(
      ctx,
      GenerateForm,
      async (form) => {
        const generation = await generator.request(ctx.state.work, form);
        ctx.redirect(`/generate/${generation.id}`);
      },
      ({ values, errors, message }: FormState) =>
        show(ctx, { values, errors: Object.keys(errors).length > 0 ? errors : { prompt: message ?? '' } }, null),
    );
  });

  routes.get('/generate/images/:id.png', browserOnly, (ctx) => sendResult(ctx, uuidParam(ctx), 'png'));
  routes.get('/generate/images/:id.webp', browserOnly, (ctx) => sendResult(ctx, uuidParam(ctx), 'webp'));

  routes.get('/generate/:id', browserOnly, async (ctx) => {
    await show(ctx, null, uuidParam(ctx));
  });
  routes.get('/generate/:id/events', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const { view: generation, jobId } = await loadGenerationView(work, uuidParam(ctx));
    const job = { generationId: generation.id, jobId: jobId ?? '' };
    await sendEvents(ctx, (signal, lastEventId) => followGeneration(work, job, signal, lastEventId));
  });
  routes.post('/generate/:id/cancellation', browserOnly, async (ctx) => {
    const generationId = uuidParam(ctx);
    await cancelGeneration(ctx.state.work, generationId);
    ctx.redirect(`/generate/${generationId}`);
  });
  routes.post('/generate/:id/again', browserOnly, async (ctx) => {
    limits.take(ctx, REQUESTS);
    const generation = await generator.again(ctx.state.work, uuidParam(ctx));
    ctx.redirect(`/generate/${generation.id}`);
  });
  routes.post('/generate/:id/deletion', browserOnly, async (ctx) => {
    await deleteGeneration(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/jobs');
  });
  routes.post('/generate/:id/post', browserOnly, async (ctx) => {
    const form = await readForm(ctx, PostForm);
    const { allowedLevels } = await settings.read(ctx.state.work.em, nodeSettings);
    const { maxImageBytes, minFreeBytes, defaultQuotaBytes, programVersion } = deps;
    const its = { maxImageBytes, minFreeBytes, defaultQuotaBytes, programVersion, allowedLevels };
    const postId = await postResults(ctx.state.work, its, uuidParam(ctx), form);
    ctx.redirect(`/posts/${postId}`);
  });

  return routes;
}

/** Of the person who had it made; a browser may keep it, since a result never changes. */
async function sendResult(ctx: Ctx, imageId: string, kind: 'png' | 'webp'): Promise<void> {
  const { work } = ctx.state;
  const { sha256, totalBytes, fileName } = await loadResultFile(work, imageId, kind);
  await sendBytes(ctx, {
    ...{ files: work.files, sha256, totalBytes, fileName, contentType: `image/${kind}` },
    disposition: ctx.query.download === undefined ? 'inline' : 'attachment',
    cacheControl: 'private, max-age=86400, immutable',
  });
}
