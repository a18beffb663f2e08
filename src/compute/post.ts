import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { ImageLimits } from '../gallery/deps.ts';
import { addImage, type KnownResource } from '../gallery/images/add.ts';
import { createDraft } from '../gallery/posts/draft.ts';
import { publishPost } from '../gallery/posts/publish.ts';
import type { Recipe } from '../gallery/recipe/recipe.ts';
import { AppError } from '../kit/errors.ts';
import type { Work } from '../kit/work.ts';
import { RATINGS } from '../safety/ratings.ts';
import { loadOwnGeneration } from './keep.ts';
import { GenerationImage, type GenerationRequest } from './model.ts';

/** `image` is the id of one picture, or `all`. */
export const PostForm = z.object({
  image: z.string().max(40).default('all'),
  rating: z.coerce
    .number()
    .refine((level) => (RATINGS as readonly number[]).includes(level), 'Choose a rating.')
    .default(1),
});

/** Publishes pictures of a generation with what they were made with already linked. Returns the id of the post. */
export async function postResults(
  work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>,
  limits: ImageLimits & { readonly allowedLevels: number; readonly programVersion: string },
  generationId: string,
  { image: wanted, rating }: z.output<typeof PostForm>,
): Promise<number> {
  const { em, files } = work;
  if ((rating & limits.allowedLevels) === 0) throw new AppError('invalid', 'This node does not take that rating.');
  const { request } = await loadOwnGeneration(work, generationId);
  const images = await em.find(
    GenerationImage,
    { generation: generationId, postedImageId: null, ...(wanted === 'all' ? {} : { id: wanted }) },
    { orderBy: { position: 1 } },
  );
  if (images.length === 0) throw new AppError('conflict', 'This was posted already.');

  const post = await createDraft(work);
  for (const image of images) {
    const { imageId } = await addImage(work, limits, {
      postId: post.id,
      source: files.localPath(image.sha256) ?? (await buffer(files.open(image.sha256))),
      level: rating,
      generationId,
      made: { recipe: recipeOf(request, image, limits.programVersion), resources: resourcesOf(request) },
    });
    image.postedImageId = imageId;
    await em.flush();
  }
  await publishPost(work, post.id);
  return post.id;
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
    others: {},
  };
}

const resourcesOf = ({ model, loras }: GenerationRequest): KnownResource[] => [
  { kind: 'checkpoint', name: model.name, hash: model.sha256, ...versionOf(model) },
  ...loras.map((lora) => ({
    ...{ kind: 'lora' as const, name: lora.name, hash: lora.sha256, weight: lora.weight },
    ...versionOf(lora),
  })),
];

const versionOf = ({ versionId }: { readonly versionId: number | null }) => (versionId === null ? {} : { versionId });
