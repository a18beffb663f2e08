import { AppError } from '../errors.ts';
import { type ImageInput, inspectImage, openImage, readablePng } from './images.ts';

/** In pixels of the picture after it was turned. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Turn {
  /** Clockwise, on top of what EXIF says: 0, 90, 180 or 270. */
  readonly rotation: number;
  readonly crop: Crop | null;
}

export interface TurnedImage {
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
}

/**
 * A part of a picture, upright and turned, without metadata and without alpha (white shows through), in sRGB and never
 * enlarged. Throws what `inspectImage` throws, and `invalid` for a picture that does not decode.
 */
export async function turnImage(
  input: ImageInput,
  { rotation, crop }: Turn,
  { format, longestSide }: { readonly format: 'png' | 'webp'; readonly longestSide: number },
): Promise<TurnedImage> {
  const { format: from } = await inspectImage(input);
  const upright = openImage(await readablePng(input, from), { pages: 1, failOn: 'truncated' })
    .autoOrient()
    .flatten({ background: '#fff' })
    .toColourspace('srgb');
  try {
    // turned and cut in two steps: one pipeline of sharp has an order of its own
    const { data, info } = await upright.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const raw = { width: info.width, height: info.height, channels: info.channels };
    const turned = await openImage(data, { raw }).rotate(rotation).raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = turned.info;
    const part = openImage(turned.data, { raw: { width, height, channels } });
    if (crop) part.extract({ left: crop.left, top: crop.top, width: crop.width, height: crop.height });
    part.resize({ width: longestSide, height: longestSide, fit: 'inside', withoutEnlargement: true });
    const made = await (format === 'png' ? part.png({ compressionLevel: 3 }) : part.webp({ quality: 82 })).toBuffer({
      resolveWithObject: true,
    });
    return { bytes: made.data, width: made.info.width, height: made.info.height };
  } catch (cause) {
    throw new AppError('invalid', 'This image is damaged.', { cause });
  }
}

/**
 * What a picture looks like in 64 bits, as 16 hex digits: whether each of 8 × 8 places is brighter than its right
 * neighbour. Pictures that differ in few bits look the same, whatever their size and compression.
 */
export async function likenessOf(input: ImageInput): Promise<string> {
  const { format } = await inspectImage(input);
  const pixels = await openImage(await readablePng(input, format), { pages: 1 })
    .autoOrient()
    .flatten({ background: '#fff' })
    .greyscale()
    .resize(9, 8, { fit: 'fill' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const step = pixels.info.channels;
  let bits = '';
  for (let y = 0; y < 8; y += 1) {
    for (let x = 0; x < 8; x += 1) {
      const at = (y * 9 + x) * step;
      bits += (pixels.data[at] ?? 0) > (pixels.data[at + step] ?? 0) ? '1' : '0';
    }
  }
  return BigInt(`0b${bits}`).toString(16).padStart(16, '0');
}

/** In how many of the 64 bits two of them differ. */
export function likenessDistance(one: string, other: string): number {
  let difference = BigInt(`0x${one}`) ^ BigInt(`0x${other}`);
  let count = 0;
  for (; difference > 0n; difference &= difference - 1n) count += 1;
  return count;
}

/** One byte a pixel, row by row. */
export async function greyPixels(input: ImageInput): Promise<{ width: number; height: number; data: Buffer }> {
  const { format } = await inspectImage(input);
  const { data, info } = await openImage(await readablePng(input, format), { pages: 1 })
    .flatten({ background: '#fff' })
    .greyscale()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels === 1) return { width, height, data };
  const grey = Buffer.alloc(width * height);
  for (let at = 0; at < grey.length; at += 1) grey[at] = data[at * channels] ?? 0;
  return { width, height, data: grey };
}
