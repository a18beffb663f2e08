import { AppError } from '../errors.ts';
import { pngChunks, writePng } from './carriers/png.ts';
import { type ImageInput, inspectImage, openImage, readablePng } from './images.ts';

const damaged = (cause: unknown) => new AppError('invalid', 'This image is damaged.', { cause });

/** "crop" covers the size and cuts the rest off, "fill" fits in and repeats the border, "stretch" changes the shape. */
export type Fit = 'crop' | 'fill' | 'stretch';

/** The picture as a PNG in exactly this size, upright, white behind what is transparent, without metadata. */
export async function fitPng(input: ImageInput, width: number, height: number, fit: Fit): Promise<Buffer> {
  const { format } = await inspectImage(input);
  const open = async (source: ImageInput) => openImage(await readablePng(source, format), { pages: 1 }).autoOrient();
  try {
    const plain = (await open(input)).flatten({ background: '#ffffff' }).toColourspace('srgb');
    if (fit !== 'fill') {
      return await plain
        .resize({ width, height, fit: fit === 'crop' ? 'cover' : 'fill' })
        .png()
        .toBuffer();
    }
    const { data, info } = await plain
      .resize({ width, height, fit: 'inside' })
      .png()
      .toBuffer({ resolveWithObject: true });
    const [left, top] = [Math.floor((width - info.width) / 2), Math.floor((height - info.height) / 2)];
    const [right, bottom] = [width - info.width - left, height - info.height - top];
    return await openImage(data).extend({ left, top, right, bottom, extendWith: 'copy' }).png().toBuffer();
  } catch (cause) {
    throw damaged(cause);
  }
}

/** A small WebP for a tile, or null where it cannot be had in so many bytes. */
export async function tinyWebp(input: Uint8Array, mostSide: number, mostBytes: number): Promise<Buffer | null> {
  try {
    await inspectImage(input, 4_194_304);
    const small = await openImage(input)
      .resize({ width: mostSide, height: mostSide, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 60 })
      .toBuffer();
    return small.length <= mostBytes ? small : null;
  } catch {
    return null; // what is no picture is no preview
  }
}

export interface PngText {
  readonly key: string;
  readonly text: string;
}

/**
 * The pixels written anew as a PNG with these texts and no others. Throws `invalid` for what is no picture, `too_large`
 * for one of more pixels than `mostPixels`.
 */
export async function pngWithTexts(
  input: Uint8Array,
  mostPixels: number,
  texts: readonly PngText[],
): Promise<{ readonly png: Buffer; readonly width: number; readonly height: number }> {
  const { format } = await inspectImage(input, mostPixels);
  const { data, info } = await openImage(await readablePng(input, format), { pages: 1, failOn: 'error' })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .png({ compressionLevel: 6 })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw damaged(cause);
    });
  const [header, ...rest] = pngChunks(data);
  if (!header) throw damaged(null);
  return { png: writePng([header, ...texts.map(textChunk), ...rest]), width: info.width, height: info.height };
}

/** tEXt is Latin-1; what does not fit goes into iTXt, which A1111 does too. PNG specification, 11.3.3. */
function textChunk({ key, text }: PngText): { readonly type: string; readonly data: Uint8Array } {
  const bytes = Buffer.from(text, 'utf8');
  // as many bytes as characters: ASCII
  if (bytes.length === text.length) return { type: 'tEXt', data: Buffer.from(`${key}\0${text}`, 'latin1') };
  // not compressed, no language, no translated keyword
  return { type: 'iTXt', data: Buffer.concat([Buffer.from(`${key}\0\0\0\0\0`, 'latin1'), bytes]) };
}
