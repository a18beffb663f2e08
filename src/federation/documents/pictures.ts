import type { EntityManager, Loaded } from '@mikro-orm/core';
import { ModelVersion } from '../../catalogue/model.ts';
import { Image, ImageSize, ResourceUse } from '../../gallery/model.ts';
import { isShown } from '../../gallery/posts/relist.ts';
import type { Recipe } from '../../gallery/recipe/recipe.ts';
import { objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import type { Generation, PictureView } from '../vocabulary/picture.ts';

/** The pictures of a post that its author shows and whose sizes are made, in order. */
export async function listPictures(
  { origin }: Pick<Federation, 'origin'>,
  em: EntityManager,
  postId: number,
): Promise<PictureView[]> {
  const images = await em.find(Image, { post: postId, deletedAt: null }, { orderBy: { position: 1, id: 1 } });
  const shown = images.filter(isShown);
  return describe(origin, em, shown);
}

export async function listPreviews(
  { origin }: Pick<Federation, 'origin'>,
  em: EntityManager,
  imageIds: readonly number[],
): Promise<PictureView[]> {
  const images = await em.find(Image, { id: { $in: [...imageIds] }, shownAt: { $ne: null } }, { orderBy: { id: 1 } });
  return describe(origin, em, images);
}

async function describe(origin: string, em: EntityManager, images: readonly Image[]): Promise<PictureView[]> {
  const ids = images.map(({ id }) => id);
  // Pixelfed takes no WebP unless its operator says so, and drops the whole post (config/pixelfed.php, media_types)
  const sizes = await em.find(
    ImageSize,
    { image: { $in: ids }, targetWidth: 0, format: { $in: ['jpeg', 'webp'] } },
    { orderBy: { format: 'asc' } },
  );
  const uses = await em.find(ResourceUse, { image: { $in: ids } }, { orderBy: { position: 1 } });
  const versionIds = uses.flatMap(({ version }) => version?.id ?? []);
  const versions = await em.find(
    ModelVersion,
    { id: { $in: versionIds }, state: 'published', model: { state: 'published', visibility: { $ne: 'followers' } } },
    { populate: ['model'] },
  );
  // a draft, what its owner took back, or what is for their followers, is neither named nor told by its hash (P11)
  const isSecret = (use: ResourceUse) =>
    use.version == null ? use.isManual : !versions.some(({ id }) => id === use.version?.id);
  return images.flatMap((image) => {
    const size = sizes.find((one) => one.image.id === image.id);
    if (!size) return [];
    const isOpen = !image.isRecipeHidden;
    return [
      {
        uri: objectUri(origin, 'image', image),
        url: `${origin}/media/full/${image.id}.${size.format === 'jpeg' ? 'jpg' : size.format}`,
        mediaType: `image/${size.format}`,
        alt: image.altText,
        widthPx: size.width,
        heightPx: size.height,
        blurhash: image.blurHash === '' ? null : image.blurHash,
        sha256: size.sha256,
        rating: image.level,
        generation: isOpen && image.recipe ? generationOf(image.recipe) : null,
        resources: isOpen
          ? uses
              .filter((use) => use.image.id === image.id && !isSecret(use))
              .map((use) => resourceOf(origin, use, versions))
          : [],
      },
    ];
  });
}

function resourceOf(origin: string, use: ResourceUse, versions: readonly Loaded<ModelVersion, 'model'>[]) {
  const version = versions.find(({ id, model }) => id === use.version?.id && model.$.visibility === 'public');
  const versionUri = version ? objectUri(origin, 'version', version) : (use.uri ?? null);
  return {
    versionUri,
    name: use.name === '' ? null : use.name,
    weight: use.weight ?? null,
    hashes: hashesOf(use.hash ?? null),
  };
}

function hashesOf(hash: string | null): Record<string, string> {
  if (hash === null) return {};
  const name = hash.length === 64 ? 'sha256' : hash.length === 12 ? 'autov3' : hash.length === 8 ? 'autov1' : 'autov2';
  return { [name]: hash };
}

function generationOf(recipe: Recipe): Generation {
  const { tool, prompt, negativePrompt, seed, steps, sampler, scheduler, cfgScale, width, height, clipSkip } = recipe;
  const said = {
    tool,
    prompt: prompt?.slice(0, 20_000),
    negativePrompt: negativePrompt?.slice(0, 20_000),
    seed,
    ...{ steps, sampler, scheduler, cfg: cfgScale, widthPx: width, heightPx: height, clipSkip },
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Generation;
}

/** What a peer says of how a picture was made, in our shape. Null when it says nothing. */
export function recipeOf(generation: Generation | null): Recipe | null {
  if (!generation) return null;
  const { tool, prompt, negativePrompt, seed, steps, sampler, scheduler, cfg, widthPx, heightPx, clipSkip } =
    generation;
  const said = {
    ...{ tool, prompt, negativePrompt, seed, steps, sampler, scheduler, clipSkip },
    ...{ cfgScale: cfg, width: widthPx, height: heightPx },
  };
  const known = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
  return Object.keys(known).length === 0 ? null : { ...known, others: {} };
}
