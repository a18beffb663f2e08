import type { EntityManager, Loaded } from '@mikro-orm/core';
import { ModelVersion } from '../../catalogue/model.ts';
import { Image, ImageRaw, ImageSize, ResourceUse } from '../../gallery/model.ts';
import { isKeptBack, isShown, listImageRestrictions } from '../../gallery/posts/relist.ts';
import type { Recipe } from '../../gallery/recipe/recipe.ts';
import { findHolder, type TalkKind } from '../../gallery/talk-pictures/hold.ts';
import { renderMarkdown, renderRemoteHtml } from '../../kit/web/markdown.ts';
import { objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { rawThatFits, sendableTexts } from '../vocabulary/details.ts';
import { type Generation, MOST_PROMPT_CHARACTERS, type PictureView } from '../vocabulary/picture.ts';

/** The pictures of a post that its author shows and whose sizes are made, in order. */
export async function listPictures(
  { origin }: Pick<Federation, 'origin'>,
  em: EntityManager,
  postId: number,
): Promise<PictureView[]> {
  const images = await em.find(Image, { post: postId, deletedAt: null }, { orderBy: { position: 1, id: 1 } });
  const forbidden = await listImageRestrictions(em, postId);
  const shown = images.filter((image) => isShown(image) && !isKeptBack(forbidden.get(image.id) ?? 0, image.level));
  return describe(origin, em, shown);
}

/** Those of a comment or review. They have no page of their own that others could name. */
export async function listTalkPictures(
  site: Pick<Federation, 'origin'>,
  em: EntityManager,
  words: { readonly kind: TalkKind; readonly id: string },
): Promise<{ readonly pictures: PictureView[]; readonly rating: number; readonly changedAt: Date | null }> {
  const holder = await findHolder(em, words);
  const pictures = holder ? await listPictures(site, em, holder.id) : [];
  return {
    pictures: pictures.map((picture) => ({ ...picture, uri: null })),
    rating: pictures.reduce((levels, { rating }) => levels | (rating ?? 0), 0) || 1,
    changedAt: holder?.updatedAt ?? null,
  };
}

export async function listPreviews(
  { origin }: Pick<Federation, 'origin'>,
  em: EntityManager,
  imageIds: readonly number[],
): Promise<PictureView[]> {
  const images = await em.find(Image, { id: { $in: [...imageIds] }, shownAt: { $ne: null } }, { orderBy: { id: 1 } });
  return describe(origin, em, images);
}

/** Of all pictures of a document together: an activity with it stays under what peers accept. */
const MOST_RAW_CHARACTERS = 120_000;

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
  const blocks = await em.find(ImageRaw, { image: { $in: ids } });
  const mostRawCharacters = Math.floor(MOST_RAW_CHARACTERS / Math.max(1, images.length));
  return images.flatMap((image) => {
    const size = sizes.find((one) => one.image.id === image.id);
    if (!size) return [];
    const isOpen = !image.isRecipeHidden;
    // the tool's own record names everything
    const hasSecret = uses.some((use) => use.image.id === image.id && isSecret(use));
    const raw = isOpen && !hasSecret ? blocks.find((one) => one.image.id === image.id)?.blocks : undefined;
    const render = image.isLocal ? renderMarkdown : renderRemoteHtml;
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
        generation:
          isOpen && image.recipe ? generationOf(hasSecret ? withoutModels(image.recipe) : image.recipe) : null,
        resources: isOpen
          ? uses
              .filter((use) => use.image.id === image.id && !isSecret(use))
              .map((use) => resourceOf(origin, use, versions))
          : [],
        details: {
          caption: image.caption === '' ? undefined : render(image.caption),
          raw: raw && rawThatFits(raw, mostRawCharacters),
        },
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
    kind: use.kind,
    weight: use.weight ?? null,
    hashes: hashesOf(use.hash ?? null),
  };
}

function hashesOf(hash: string | null): Record<string, string> {
  if (hash === null) return {};
  const name = hash.length === 64 ? 'sha256' : hash.length === 12 ? 'autov3' : hash.length === 8 ? 'autov1' : 'autov2';
  return { [name]: hash };
}

/** What the tool wrote of its models may name one that is hidden. */
const withoutModels = ({
  modelName: _name,
  modelHash: _hash,
  vae: _vae,
  vaeHash: _vaeHash,
  ...rest
}: Recipe): Recipe => ({
  ...rest,
  others: {},
});

function generationOf(recipe: Recipe): Generation {
  const { cfgScale, width, height, prompt, negativePrompt, others, ...same } = recipe;
  const said = {
    ...same,
    prompt: prompt?.slice(0, MOST_PROMPT_CHARACTERS),
    negativePrompt: negativePrompt?.slice(0, MOST_PROMPT_CHARACTERS),
    ...{ cfg: cfgScale, widthPx: width, heightPx: height },
    others: Object.keys(others ?? {}).length === 0 ? undefined : sendableTexts(others),
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Generation;
}

/** What a peer says of how a picture was made, in our shape. Null when it says nothing. */
export function recipeOf(generation: Generation | null): Recipe | null {
  if (!generation) return null;
  const { cfg, widthPx, heightPx, others = {}, ...same } = generation;
  const said = { ...same, cfgScale: cfg, width: widthPx, height: heightPx };
  const known = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
  return Object.keys(known).length + Object.keys(others).length === 0 ? null : { ...known, others };
}
