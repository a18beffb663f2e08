import { readFile, stat } from 'node:fs/promises';
import { AppError } from '../../kit/errors.ts';
import { type ImageText, readBlocks, readImageTexts } from '../../kit/storage/carriers/read.ts';
import { type InspectedImage, inspectImage, readMetadataBlocks } from '../../kit/storage/images.ts';
import { mergeFindings } from './merge.ts';
import type { ReadRecipe } from './recipe.ts';
import { readHiddenText } from './stealth.ts';
import { findingsOf } from './tools.ts';

const MOST_FILE_BYTES = 512 * 1024 * 1024;
/** Decoding for hidden data stays well under a second up to here. */
const MOST_STEALTH_PIXELS = 24_000_000;

/**
 * What an image file says about how it was made, from all its carriers and for all tools that we know. A hostile or
 * broken file yields less, never an error; a file that is no image yields nothing. Throws `too_large` and `not_found`.
 */
export async function readRecipe(image: Uint8Array | string): Promise<ReadRecipe> {
  const bytes = typeof image === 'string' ? await bytesAt(image) : image;
  const found = readImageTexts(bytes);
  const texts: ImageText[] = [...found.texts];
  const problems = [...found.problems];

  const header = await headerOf(bytes);
  if (header?.format === 'avif') {
    const blocks = await readMetadataBlocks(bytes);
    const inside = readBlocks(blocks.exif, blocks.xmp);
    texts.push(...inside.texts);
    problems.push(...inside.problems);
  }
  if (
    header &&
    (header.format === 'png' || header.format === 'webp') &&
    header.frames === 1 &&
    header.width * header.height <= MOST_STEALTH_PIXELS
  ) {
    const hidden = await readHiddenText(bytes, header).catch(() => null);
    if (hidden) texts.push({ carrier: 'stealth', key: hidden.carrier.slice('stealth:'.length), text: hidden.text });
  }
  return mergeFindings(findingsOf(texts), texts, problems);
}

const headerOf = (bytes: Uint8Array): Promise<InspectedImage | null> => inspectImage(bytes).catch(() => null);

async function bytesAt(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new AppError('not_found', 'There is no such file.', { cause });
  });
  if (found.size > MOST_FILE_BYTES) throw new AppError('too_large', 'This image file is too large.');
  return readFile(path);
}
