import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import { isSha256 } from '../../kit/storage/files.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { sendEvents } from '../../kit/web/event-stream.ts';
import { readForm, uuidParam } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { ComputeDeps } from '../deps.ts';
import { hasInput } from '../desk/start.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { mayGenerate } from '../generator.ts';
import { cancelGeneration, deleteGeneration, deleteResults, loadResultFile, restoreGeneration } from '../keep.ts';
import type { GenerationRequest } from '../model.ts';
import { PostForm, postResults } from '../post.ts';
import { upscaleRequest, variationsRequest } from './derive.ts';
import { followGeneration } from './live.ts';
import { loadGenerationView } from './queries.ts';
import { capsOf } from './show.ts';

export const REQUESTS = { name: 'generate', max: 300, perMs: 3_600_000 };

const ChosenForm = z.object({
  image: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((value) => (Array.isArray(value) ? value : [value]).filter(isId)),
});

type Derive = (work: Work, viewer: Viewer, caps: EngineCaps, imageId: string) => Promise<GenerationRequest>;

/** What is done with a generation and its pictures by whoever had them made. */
export function resultRoutes(routes: Router<State>, deps: ComputeDeps): void {
  const { generator, limits, settings } = deps;

  routes.get('/generate/images/:id.webp', browserOnly, (ctx) => sendResult(ctx, uuidParam(ctx), 'small'));
  routes.get('/generate/images/:id', browserOnly, (ctx) => sendResult(ctx, uuidParam(ctx), 'full'));
  routes.get('/generate/inputs/:sha.png', browserOnly, async (ctx) => {
    const { em, files } = ctx.state.work;
    const sha256 = ctx.params.sha ?? '';
    const isTheirs = isSha256(sha256) && (await hasInput(em, viewerIn(ctx), sha256));
    const found = isTheirs ? await files.stat(sha256) : null;
    if (!found) throw new AppError('not_found', 'There is no such picture.');
    await sendBytes(ctx, {
      ...{ files, sha256, totalBytes: found.totalBytes, fileName: 'start.png', contentType: 'image/png' },
      ...{ disposition: 'inline', cacheControl: 'private, max-age=86400, immutable' },
    });
  });

  const derive = async (ctx: Ctx, make: Derive, imageId: string) => {
    limits.take(ctx, REQUESTS);
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const caps = await capsOf(deps, ctx);
    if (!caps) throw new AppError('unavailable', 'There is no engine here that could generate.');
    const generation = await generator.repeat(work, await make(work, viewer, caps, imageId));
    ctx.redirect(`/generate/${generation.id}`);
  };
  routes.post('/generate/images/:id/upscale', browserOnly, (ctx) => derive(ctx, upscaleRequest, uuidParam(ctx)));
  routes.post('/generate/images/:id/variations', browserOnly, (ctx) => derive(ctx, variationsRequest, uuidParam(ctx)));

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
    const generationId = uuidParam(ctx);
    await deleteGeneration(ctx.state.work, generationId);
    ctx.redirect(`/jobs?deleted=${generationId}`);
  });
  routes.post('/generate/:id/pictures/deletion', browserOnly, async (ctx) => {
    const generationId = uuidParam(ctx);
    const { image } = await readForm(ctx, ChosenForm);
    if (image.length === 0) throw new AppError('invalid', 'Choose the pictures first.');
    const count = await deleteResults(ctx.state.work, generationId, image);
    ctx.redirect(`/generate/${generationId}?deleted=${count}`);
  });
  routes.post('/generate/:id/restoration', browserOnly, async (ctx) => {
    const generationId = uuidParam(ctx);
    await restoreGeneration(ctx.state.work, generationId);
    ctx.redirect(`/generate/${generationId}`);
  });
  routes.post('/generate/:id/post', browserOnly, async (ctx) => {
    const form = await readForm(ctx, PostForm);
    const { allowedLevels } = await settings.read(ctx.state.work.em, nodeSettings);
    const { maxImageBytes, minFreeBytes, defaultQuotaBytes, hashGate, programVersion } = deps;
    const its = { maxImageBytes, minFreeBytes, defaultQuotaBytes, hashGate, programVersion, allowedLevels };
    const postId = await postResults(ctx.state.work, its, uuidParam(ctx), form);
    ctx.redirect(`/posts/${postId}`);
  });
}

/** Of the person who had it made; a browser may keep it, since a result never changes. */
async function sendResult(ctx: Ctx, imageId: string, kind: 'full' | 'small'): Promise<void> {
  const { work } = ctx.state;
  await sendBytes(ctx, {
    ...(await loadResultFile(work, imageId, kind)),
    files: work.files,
    disposition: ctx.query.download === undefined ? 'inline' : 'attachment',
    cacheControl: 'private, max-age=86400, immutable',
  });
}
