import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { ImageLimits } from '../gallery/deps.ts';
import { addImage, type KnownResource } from '../gallery/images/add.ts';
import { mayRemix } from '../gallery/images/remix.ts';
import { createDraft } from '../gallery/posts/draft.ts';
import { publishPost } from '../gallery/posts/publish.ts';
import type { Recipe } from '../gallery/recipe/recipe.ts';
import { AppError } from '../kit/errors.ts';
import { isId } from '../kit/ids.ts';
import { t } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import { findHold, holdReason } from '../safety/holds/hold.ts';
import { RATINGS, ratingLabel } from '../safety/ratings.ts';
import { leaningOf } from './generator.ts';
import { loadOwnGeneration } from './keep.ts';
import {
  type Generation,
  type GenerationFile,
  type GenerationHires,
  GenerationImage,
  type GenerationRequest,
} from './model.ts';
import { assertStanding, withheld } from './standing.ts';

/** `image` stands once for each picture; none of them is all. */
export const PostForm = z.object({
  image: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((value) => (Array.isArray(value) ? value : [value]).filter(isId)),
  rating: z.coerce
    .number()
    .refine((level) => (RATINGS as readonly number[]).includes(level), 'Choose a rating.')
    .default(1),
});

/** Publishes pictures of a generation with what they were made with already linked. Returns the id of the post. */
export async function postResults(
  work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'words' | 'now'>,
  limits: ImageLimits & { readonly allowedLevels: number; readonly programVersion: string },
  generationId: string,
  { image: wanted, rating }: z.output<typeof PostForm>,
): Promise<number> {
  const { em, files } = work;
  if ((rating & limits.allowedLevels) === 0) throw new AppError('invalid', 'This node does not take that rating.');
  const generation = await loadOwnGeneration(work, generationId);
  const { request, account, withheldAt } = generation;
  const level = await levelOf(work, generation, rating);
  const { floor, ceiling } = generation.screening ?? { floor: 0, ceiling: null };
  // between the output and this post somebody may have decided about what it was made with
  await assertStanding(em, leaningOf(account.id, request));
  if (withheldAt != null) throw withheld();
  const images = await em.find(
    GenerationImage,
    {
      generation: generationId,
      postedImageId: null,
      deletedAt: null,
      ...(wanted.length === 0 ? {} : { id: { $in: wanted } }),
    },
    { orderBy: { position: 1 } },
  );
  if (images.length === 0) throw new AppError('conflict', 'This was posted already, or is not here any more.');

  const viewer = work.viewer;
  const { remixOfId } = request;
  const isRemix = viewer && remixOfId && (await mayRemix(em, viewer, remixOfId));
  const post = await createDraft(work);
  for (const image of images) {
    const { imageId } = await addImage(work, limits, {
      postId: post.id,
      source: files.localPath(image.sha256) ?? (await buffer(files.open(image.sha256))),
      level,
      bounds: { least: floor, most: ceiling ?? 0 },
      generationId,
      remixOfId: isRemix ? remixOfId : null,
      made: { recipe: recipeOf(request, image, limits.programVersion), resources: resourcesOf(request) },
    });
    image.postedImageId = imageId;
    await em.flush();
  }
  await publishPost(work, post.id);
  return post.id;
}

/**
 * The rating that pictures are posted with: at least what the node found, whatever their author says. Throws `withheld`
 * while somebody has to look at them, and `invalid` above what they may be.
 */
async function levelOf({ em }: Pick<Work, 'em'>, { id, screening }: Generation, rating: number): Promise<number> {
  const held = await findHold(em, 'generation', id);
  if (held) {
    const reason = holdReason(held.reason);
    throw new AppError('withheld', held.state === 'held' ? t('safety.held', { reason }) : t('safety.refused'));
  }
  const { floor = 0, ceiling = null } = screening ?? {};
  if (ceiling !== null && rating > ceiling) {
    const message = t('safety.ceiling', { rating: ratingLabel(ceiling) });
    throw new AppError('invalid', message, { fields: { rating: message } });
  }
  return Math.max(rating, floor);
}

function recipeOf(request: GenerationRequest, image: GenerationImage, programVersion: string): Recipe {
  return {
    tool: 'Tessera',
    version: programVersion,
    prompt: request.prompt,
    ...(request.negativePrompt ? { negativePrompt: request.negativePrompt } : {}),
    ...{ sampler: request.sampler, scheduler: request.schedule, steps: request.steps, cfgScale: request.cfgScale },
    ...{ seed: String(image.seed), width: image.width, height: image.height },
    ...{ modelName: request.model.name, modelHash: request.model.sha256.slice(0, 10) },
    ...(request.clipSkip > 1 ? { clipSkip: request.clipSkip } : {}),
    ...(request.vae ? { vae: request.vae.name, vaeHash: request.vae.sha256.slice(0, 10) } : {}),
    ...(request.start ? { denoisingStrength: request.start.denoise } : {}),
    ...(request.hires ? hiresOf(request.hires) : {}),
    others: othersOf(request),
  };
}

/** What the recipe has no field for, by A1111's names. */
const othersOf = ({ variation, cfgRescale, rng }: GenerationRequest): Record<string, string> => ({
  RNG: rng ?? 'CPU',
  ...(variation
    ? { 'Variation seed': String(variation.seed), 'Variation seed strength': String(variation.strength) }
    : {}),
  ...(cfgRescale ? { 'CFG Rescale': String(cfgRescale) } : {}),
});

const hiresOf = ({ scale, steps, upscaler, upscalerFile, denoise }: GenerationHires) => ({
  ...{ hiresUpscale: scale, hiresUpscaler: upscalerFile?.name ?? upscaler, denoisingStrength: denoise },
  ...(steps > 0 ? { hiresSteps: steps } : {}),
});

const resourcesOf = ({ model, loras, vae, embeddings = [] }: GenerationRequest): KnownResource[] => [
  resourceOf('checkpoint', model),
  ...loras.map((lora) => ({ ...resourceOf('lora', lora), weight: lora.weight })),
  ...(vae ? [resourceOf('vae', vae)] : []),
  ...embeddings.map((one) => resourceOf('embedding', one)),
];

const resourceOf = (kind: KnownResource['kind'], file: GenerationFile): KnownResource => ({
  ...{ kind, name: file.name, hash: file.sha256 },
  ...versionOf(file),
});

const versionOf = ({ versionId }: { readonly versionId: number | null }) => (versionId === null ? {} : { versionId });
