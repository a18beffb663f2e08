import { open as openFile, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Sharp, SharpOptions } from 'sharp';
import { AppError } from '../errors.ts';
import { isGif } from './carriers/gif.ts';
import { isJpeg } from './carriers/jpeg.ts';
import { isPng, pngHeader, pngWithoutTexts } from './carriers/png.ts';
import { isWebp } from './carriers/webp.ts';

// The only file that knows sharp. What a file is, its first bytes decide, never its name: sharp would also open SVG, PDF
// and whatever else libvips was built with. Headers are judged before anything is decoded, since a few kilobytes of PNG
// can unfold to gigabytes of pixels.

export type { Sharp } from 'sharp';

export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'avif' | 'gif';

export interface InspectedImage {
  readonly format: ImageFormat;
  /** As it is seen: after the orientation is applied. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** 1 to 8, as EXIF counts them. */
  readonly orientation: number;
  readonly hasAlpha: boolean;
}

/** Bytes of the file, or its path. */
export type ImageInput = Uint8Array | string;

const DEFAULT_MOST_PIXELS = 100_000_000;
/** All frames together may have this many times the pixels of one: they are decoded one after another. */
const FRAMES_FACTOR = 5;
const MOST_FRAMES = 2000;

/** libvips takes 25 MB: it is loaded with the first picture. */
const require = createRequire(import.meta.url);
let library: typeof import('sharp').default | undefined;

/** A small node serves few images at a time: no cache of pixels between them, and threads only where encoders use them. */
function tuned(): typeof import('sharp').default {
  if (library) return library;
  const sharp: typeof import('sharp').default = require('sharp');
  sharp.cache(false);
  sharp.concurrency(2);
  library = sharp;
  return sharp;
}

/** For the files beside this one that draw and encode. */
export function openImage(input: ImageInput, options: SharpOptions = {}): Sharp {
  const source = typeof input !== 'string' && isPng(input) ? pngWithoutTexts(input) : input;
  return tuned()(source, { failOn: 'none', limitInputPixels: DEFAULT_MOST_PIXELS * FRAMES_FACTOR, ...options });
}

/**
 * Reads the header only. Throws `invalid` for what is not a PNG, JPEG, WebP, AVIF or GIF or is damaged, and `too_large`
 * for more pixels than `mostPixels` in a frame.
 */
export async function inspectImage(
  input: ImageInput,
  mostPixels: number = DEFAULT_MOST_PIXELS,
): Promise<InspectedImage> {
  const head = typeof input === 'string' ? await firstBytes(input) : input;
  const format = formatOf(head);
  if (!format) throw new AppError('invalid', 'This is not an image that we know: send PNG, JPEG, WebP, AVIF or GIF.');
  const png = pngHeader(head);
  if (png) refuseTooMany(png.width * png.height, 1, mostPixels);
  const header = await openImage(await readablePng(input, format), { animated: true, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw new AppError('invalid', 'This image is damaged.', { cause });
    });
  const frames = header.pages ?? 1;
  const height = frames > 1 ? (header.pageHeight ?? header.height) : header.height;
  refuseTooMany(header.width * height, frames, mostPixels);
  const orientation = header.orientation ?? 1;
  const isTurned = orientation >= 5 && orientation <= 8;
  return {
    format,
    width: isTurned ? height : header.width,
    height: isTurned ? header.width : height,
    frames,
    orientation,
    hasAlpha: header.hasAlpha ?? false,
  };
}

/** A PNG on disk is read whole, so that its texts can be left out before libpng sees them. */
export const readablePng = async (input: ImageInput, format: ImageFormat): Promise<ImageInput> =>
  typeof input === 'string' && format === 'png' ? readFile(input) : input;

function refuseTooMany(framePixels: number, frames: number, mostPixels: number): void {
  if (framePixels <= mostPixels && framePixels * frames <= mostPixels * FRAMES_FACTOR && frames <= MOST_FRAMES) return;
  const megapixels = Math.round(mostPixels / 1e6);
  throw new AppError('too_large', `This image has too many pixels: at most ${megapixels} megapixels are taken.`);
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function formatOf(bytes: Uint8Array): ImageFormat | null {
  if (isPng(bytes)) return 'png';
  if (isJpeg(bytes)) return 'jpeg';
  if (isWebp(bytes)) return 'webp';
  if (isGif(bytes)) return 'gif';
  // ISO 14496-12: length, `ftyp`, the major brand, a version, compatible brands. HEIC has the same box, other brands.
  const head = Buffer.from(bytes.subarray(0, 64));
  if (head.length < 16 || head.toString('latin1', 4, 8) !== 'ftyp') return null;
  const brands = head.toString('latin1', 8, Math.min(64, head.readUInt32BE()));
  return /^(?:.{4})*?avi[fs]/s.test(brands) ? 'avif' : null;
}

/** The blocks of EXIF and XMP as the decoder finds them; empty for a damaged image. */
export async function readMetadataBlocks(input: ImageInput): Promise<{ exif?: Uint8Array; xmp?: Uint8Array }> {
  const { exif, xmp } = await openImage(input)
    .metadata()
    .catch(() => ({ exif: undefined, xmp: undefined }));
  return { ...(exif ? { exif } : {}), ...(xmp ? { xmp } : {}) };
}

/** Exact pixels of a part of the first frame, not turned and not colour-managed, 8 bits a channel. */
export async function readPixels(
  input: ImageInput,
  part: { left: number; top: number; width: number; height: number },
): Promise<{ data: Buffer; channels: number }> {
  const { data, info } = await openImage(input, { ignoreIcc: true, pages: 1 })
    .extract(part)
    .timeout({ seconds: 3 })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data, channels: info.channels };
}
