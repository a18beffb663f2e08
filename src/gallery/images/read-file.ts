import { readFile } from 'node:fs/promises';
import { AppError } from '../../kit/errors.ts';
import { type ImageFormat, inspectImage } from '../../kit/storage/images.ts';
import { makePlaceholder } from '../../kit/storage/images-render.ts';
import { readRecipe } from '../recipe/read.ts';
import type { ReadRecipe, Recipe, Resource } from '../recipe/recipe.ts';
import { workflowOf } from '../recipe/workflow.ts';

/** The bytes of a picture, or where they lie. */
export type ImageSource = Uint8Array | string;

/** All that is known of a picture before anything is stored. */
export interface ImageFacts {
  readonly mediaType: string;
  readonly totalBytes: number;
  readonly width: number;
  readonly height: number;
  readonly frameCount: number;
  readonly blurHash: string;
  readonly placeholder: string;
  readonly recipe: Recipe | null;
  readonly resources: readonly Resource[];
  readonly raw: Readonly<Record<string, string>>;
  readonly hasWorkflow: boolean;
  /** What could not be read, for the author. */
  readonly problems: readonly string[];
}

const MEDIA_TYPES: Readonly<Record<ImageFormat, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  avif: 'image/avif',
  gif: 'image/gif',
};

/** Ending of a downloaded original. */
export const extensionOf = (mediaType: string): string =>
  mediaType === 'image/jpeg' ? 'jpg' : mediaType.replace(/^image\//, '');

const MOST_RECIPE_CHARACTERS = 200_000;

/**
 * Looks at a picture without keeping it. Throws `invalid` for what is no picture, is damaged or cut off, and `too_large`
 * for too many bytes or pixels.
 */
export async function readImageFile(source: ImageSource, maxBytes: number): Promise<ImageFacts> {
  const bytes = typeof source === 'string' ? await readFile(source) : source;
  if (bytes.length > maxBytes) {
    throw new AppError('too_large', `A picture may have at most ${Math.floor(maxBytes / 1_000_000)} MB here.`);
  }
  const { format, width, height, frames } = await inspectImage(bytes);
  const { blurHash, dataUri } = await makePlaceholder(bytes);
  const { recipe, resources, raw, problems } = await readRecipe(bytes);
  return {
    mediaType: MEDIA_TYPES[format],
    totalBytes: bytes.length,
    width,
    height,
    frameCount: frames,
    blurHash: blurHash.slice(0, 164),
    placeholder: dataUri.length <= 600 ? dataUri : '',
    recipe: recipe && shortened(recipe),
    resources,
    raw: storable(raw),
    hasWorkflow: workflowOf(raw) !== null,
    problems,
  };
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, and a file may hold both. */
const storableText = (text: string): string => text.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '\uFFFD');

const storable = (raw: ReadRecipe['raw']): Record<string, string> =>
  Object.fromEntries(Object.entries(raw).map(([key, text]) => [storableText(key), storableText(text)]));

/** What pages show; the whole text stays in the raw blocks. */
function shortened(recipe: Recipe): Recipe {
  const cut = (text: string): string => storableText(text).slice(0, MOST_RECIPE_CHARACTERS);
  const { others, ...fields } = recipe;
  const tidy = Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? cut(value) : value]);
  return {
    ...Object.fromEntries(tidy),
    others: Object.fromEntries(Object.entries(others).map(([key, text]) => [storableText(key), cut(text)])),
  };
}
