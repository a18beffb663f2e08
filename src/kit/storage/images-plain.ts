import { AppError } from '../errors.ts';
import { type ImageInput, inspectImage, openImage, readablePng } from './images.ts';

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
  const { format } = await inspectImage(input);
  const { data, info } = await openImage(await readablePng(input, format), { pages: 1 })
    .autoOrient()
    .flatten({ background: ground })
    .resize({ width: mostSide, height: mostSide, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .png({ compressionLevel: 6 })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw damaged(cause);
    });
  return { png: data, width: info.width, height: info.height };
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
