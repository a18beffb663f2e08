import { AppError } from '../errors.ts';
import { type ImageInput, inspectImage, openImage, readablePng, type Sharp } from './images.ts';

const damaged = (cause: unknown) => new AppError('invalid', 'This image is damaged.', { cause });

export interface PlainImage {
  readonly png: Buffer;
  readonly width: number;
  readonly height: number;
}

/**
 * The first frame drawn anew: upright, sRGB, `ground` behind what is transparent, no metadata, at most `mostSide` pixels a side. What a
 * decoder elsewhere is then given, our encoder wrote. Throws what `inspectImage` throws.
 */
export async function plainPng(input: ImageInput, mostSide: number, ground = '#ffffff'): Promise<PlainImage> {
  const picture = await plain(input, mostSide, ground);
  const { data, info } = await picture
    .png({ compressionLevel: 6 })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw damaged(cause);
    });
  return { png: data, width: info.width, height: info.height };
}

/**
 * The same as WebP, in at most so many bytes: what is too many is drawn smaller. Throws as `plainPng`, `too_large` for
 * more than `mostPixels` pixels, and for what does not fit at a quarter of the side.
 */
export async function plainWebp(
  input: ImageInput,
  { mostPixels, mostSide, mostBytes }: { mostPixels: number; mostSide: number; mostBytes: number },
): Promise<{ readonly webp: Buffer; readonly width: number; readonly height: number }> {
  await inspectImage(input, mostPixels);
  for (const part of [1, 2, 4]) {
    const { data, info } = await (await plain(input, mostSide / part, '#ffffff'))
      .webp({ quality: 82 })
      .toBuffer({ resolveWithObject: true })
      .catch((cause: unknown) => {
        throw damaged(cause);
      });
    if (data.length <= mostBytes) return { webp: data, width: info.width, height: info.height };
  }
  throw new AppError('too_large', 'This image is too large.');
}

async function plain(input: ImageInput, mostSide: number, ground: string): Promise<Sharp> {
  const { format } = await inspectImage(input);
  return openImage(await readablePng(input, format), { pages: 1 })
    .autoOrient()
    .flatten({ background: ground })
    .resize({ width: mostSide, height: mostSide, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb');
}

/** One channel in exactly this size, transparent parts black. `isBlack` says that nothing in it is light. */
export async function greyPng(
  input: ImageInput,
  width: number,
  height: number,
): Promise<{ readonly png: Buffer; readonly isBlack: boolean }> {
  const { format } = await inspectImage(input);
  try {
    const drawn = await openImage(await readablePng(input, format), { pages: 1 })
      .autoOrient()
      .flatten({ background: '#000000' })
      .resize({ width, height, fit: 'fill' })
      .greyscale()
      .toColourspace('b-w')
      .png({ compressionLevel: 6 })
      .toBuffer();
    const { channels } = await openImage(drawn).stats();
    return { png: drawn, isBlack: (channels[0]?.max ?? 0) < 128 };
  } catch (cause) {
    throw damaged(cause);
  }
}
