import { AppError } from '../errors.ts';
import { type ImageInput, inspectImage, openImage, readablePng } from './images.ts';

/** Three bytes a pixel, row by row. */
export interface RgbFrame {
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

/**
 * The picture for measuring: upright, sRGB, white behind what is transparent, at most `mostSide` pixels a side; of an
 * animation so many frames, evenly taken. Throws what `inspectImage` throws, and `invalid` for what does not decode.
 */
export async function readRgb(input: ImageInput, mostSide: number, mostFrames: number): Promise<RgbFrame[]> {
  const { format, frames } = await inspectImage(input);
  const readable = await readablePng(input, format);
  const count = Math.min(frames, mostFrames);
  const made: RgbFrame[] = [];
  for (let n = 0; n < count; n += 1) {
    // the middle of each of `count` parts
    const page = Math.floor(((n + 0.5) * frames) / count);
    const { data, info } = await openImage(readable, frames > 1 ? { page, pages: 1 } : { pages: 1 })
      .autoOrient()
      .resize({ width: mostSide, height: mostSide, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
      .catch((cause: unknown) => {
        throw new AppError('invalid', 'This image is damaged.', { cause });
      });
    made.push({
      width: info.width,
      height: info.height,
      data: info.channels === 3 ? data : asRgb(data, info.channels),
    });
  }
  return made;
}

/** Grey stays grey in sRGB; what is no colour is left out. */
function asRgb(data: Buffer, channels: number): Buffer {
  const pixels = data.length / channels;
  const rgb = Buffer.alloc(pixels * 3);
  for (let at = 0; at < pixels; at += 1) {
    for (let colour = 0; colour < 3; colour += 1)
      rgb[at * 3 + colour] = data[at * channels + (channels < 3 ? 0 : colour)] ?? 0;
  }
  return rgb;
}
