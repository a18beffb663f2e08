import { listUsesOf, withoutSecretNames } from '../../../gallery/pages/recipe-view.ts';
import type { Recipe } from '../../../gallery/recipe/recipe.ts';
import { fromJson, inList, rows, toBoolean } from '../../../kit/database/sql.ts';
import type { Ask } from '../../operation/define.ts';

export type ImageMeta = Record<string, unknown>;

/** How pictures were made, in the keys of A1111 that Civitai uses; nothing of those whose author keeps it back. */
export async function loadMetas(ask: Ask, imageIds: readonly number[]): Promise<Map<number, ImageMeta>> {
  const metas = new Map<number, ImageMeta>();
  if (imageIds.length === 0) return metas;
  const { em, viewer, eyes } = ask;
  const [found, uses] = await Promise.all([
    rows<{ id: number; recipe: unknown; is_recipe_hidden: unknown }>(
      em,
      `select i.id, i.recipe, i.is_recipe_hidden from image i where i.id in (${inList(imageIds)}) and i.recipe is not null`,
      imageIds,
    ),
    listUsesOf({ em, viewer }, imageIds, eyes),
  ]);
  for (const row of found) {
    const recipe = toBoolean(row.is_recipe_hidden) ? null : fromJson<Recipe>(row.recipe);
    if (recipe) metas.set(row.id, metaOf(withoutSecretNames(recipe, uses.get(row.id) ?? [])));
  }
  return metas;
}

type Told = ReturnType<typeof withoutSecretNames>;

function metaOf({ recipe, resources }: Told): ImageMeta {
  const hashes: Record<string, string> = {};
  for (const { kind, name, hash } of resources) {
    if (hash) hashes[kind === 'checkpoint' ? 'model' : `${kind === 'embedding' ? 'embed' : kind}:${name}`] = hash;
  }
  const entries: [string, unknown][] = [
    ['prompt', recipe.prompt],
    ['negativePrompt', recipe.negativePrompt],
    ['steps', recipe.steps],
    ['sampler', recipe.sampler],
    ['Schedule type', recipe.scheduler],
    ['cfgScale', recipe.cfgScale],
    ['seed', seedOf(recipe.seed)],
    ['Size', recipe.width && recipe.height ? `${recipe.width}x${recipe.height}` : undefined],
    ['Model', recipe.modelName],
    ['Model hash', recipe.modelHash],
    ['VAE', recipe.vae],
    ['clipSkip', recipe.clipSkip],
    ['Denoising strength', recipe.denoisingStrength],
    ['Hires upscale', recipe.hiresUpscale],
    ['Hires steps', recipe.hiresSteps],
    ['Hires upscaler', recipe.hiresUpscaler],
    ['Version', recipe.version],
    ['hashes', Object.keys(hashes).length > 0 ? hashes : undefined],
    [
      'resources',
      resources.map(({ kind, name, hash, weight }) => ({
        // Civitai's word for a checkpoint in a picture
        type: kind === 'checkpoint' ? 'model' : kind,
        name,
        ...(hash ? { hash } : {}),
        ...(weight === undefined ? {} : { weight }),
      })),
    ],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''));
}

/** A seed of 64 bits is more than a number of JSON holds in most programs. */
function seedOf(seed: string | undefined): number | string | undefined {
  return seed !== undefined && Number.isSafeInteger(Number(seed)) ? Number(seed) : seed;
}
