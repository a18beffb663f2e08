import { encode } from 'blurhash';
import { AppError } from '../errors.ts';
import { type ImageInput, type InspectedImage, inspectImage, openImage, readablePng, type Sharp } from './images.ts';

// What browsers get instead of the original: a few widths as WebP and AVIF, turned upright, in sRGB, with nothing in
// them that says where or with what they were made.

export type RenditionWidth = number | 'full';

export interface Rendition {
  readonly widthName: RenditionWidth;
  readonly format: 'webp' | 'avif';
  readonly width: number;
  readonly height: number;
  readonly bytes: Buffer;
}

const DEFAULT_WIDTHS: readonly RenditionWidth[] = [320, 640, 1280, 'full'];
/** Up to here the decoded picture is kept in memory for all sizes (4 bytes a pixel). */
const MOST_SHARED_PIXELS = 24_000_000;
/** WebP ends at 16,383. */
const LONGEST_SIDE = 16_383;

/**
 * The picture in these widths, never enlarged: widths that come out the same share their bytes. Animations keep their
 * frames and come as WebP only. Throws what `inspectImage` throws, and `invalid` for a picture that does not decode.
 */
export async function renderSizes(
  input: ImageInput,
  widths: readonly RenditionWidth[] = DEFAULT_WIDTHS,
): Promise<Rendition[]> {
  const image = await inspectImage(input);
  const isAnimated = image.frames > 1;
  const draw = await painter(await readablePng(input, image.format), image).catch(refuseDamaged);
  const formats = isAnimated ? (['webp'] as const) : (['webp', 'avif'] as const);
  const made = new Map<number, Promise<Encoded[]>>();
  const renditions: Rendition[] = [];
  for (const widthName of widths) {
    // One size after the other: two encoders keep a small machine busy, and more only take memory.
    const width = targetWidth(image, widthName);
    const encoded = made.get(width) ?? Promise.all(formats.map((format) => encodeAs(format, draw(width), isAnimated)));
    made.set(width, encoded);
    for (const rendition of await encoded.catch(refuseDamaged)) renditions.push({ widthName, ...rendition });
  }
  return renditions;
}

type Encoded = Omit<Rendition, 'widthName'>;

function targetWidth({ width, height }: InspectedImage, widthName: RenditionWidth): number {
  const most = Math.min(width, Math.floor((width * LONGEST_SIDE) / Math.max(width, height, LONGEST_SIDE)));
  return Math.max(1, widthName === 'full' ? most : Math.min(widthName, most));
}

/** Decodes once and hands out resized copies; a very large picture or an animation is read again for each size. */
async function painter(input: ImageInput, image: InspectedImage): Promise<(width: number) => Sharp> {
  const isAnimated = image.frames > 1;
  if (isAnimated || image.width * image.height > MOST_SHARED_PIXELS) {
    const isOpaque = !isAnimated && image.hasAlpha && (await isNearlyOpaque(openImage(input)));
    return (width) => {
      const source = openImage(input, { animated: isAnimated });
      const picture = (isAnimated ? source : source.autoOrient()).resize({ width }).toColourspace('srgb');
      return isOpaque ? picture.removeAlpha() : picture;
    };
  }
  const upright = openImage(input).autoOrient().toColourspace('srgb');
  const picture = image.hasAlpha && (await isNearlyOpaque(openImage(input))) ? upright.removeAlpha() : upright;
  const { data, info } = await picture.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width: fullWidth, height, channels } = info;
  const raw = { raw: { width: fullWidth, height, channels } };
  return (width) => (width === fullWidth ? openImage(data, raw) : openImage(data, raw).resize({ width }));
}

/**
 * Alpha that nobody sees is left out: it makes files larger, and tools hide settings in its lowest bit, which WebP keeps
 * exactly and which their author may not want to show.
 */
async function isNearlyOpaque(picture: Sharp): Promise<boolean> {
  const { channels } = await picture.stats();
  const alpha = channels.length === 4 || channels.length === 2 ? channels.at(-1) : undefined;
  return alpha !== undefined && alpha.min >= NEARLY_OPAQUE * (alpha.max > 255 ? 257 : 1);
}
const NEARLY_OPAQUE = 250;

async function encodeAs(format: 'webp' | 'avif', picture: Sharp, isAnimated: boolean): Promise<Encoded> {
  const encoder =
    format === 'webp'
      ? picture.webp({ quality: 80, effort: isAnimated ? 2 : 4 })
      : picture.avif({ quality: 55, effort: 2, chromaSubsampling: '4:2:0' });
  const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
  return { format, width: info.width, height: info.pageHeight ?? info.height, bytes: data };
}

/** At most 254 of 255 stands for what tools hide in the lowest bit of a picture that nobody can see through. */
const LEAST_OPAQUE = 250;

/**
 * The whole picture as JPEG, for programs that show nothing newer. Null for what JPEG cannot hold: an animation, and a
 * picture that one can see through. Throws as `renderSizes`.
 */
export async function renderJpeg(
  input: ImageInput,
): Promise<{ readonly width: number; readonly height: number; readonly bytes: Buffer } | null> {
  const image = await inspectImage(input);
  if (image.frames > 1) return null;
  const readable = await readablePng(input, image.format);
  try {
    if (image.hasAlpha) {
      const { channels } = await openImage(readable).stats();
      if ((channels.at(-1)?.min ?? 0) < LEAST_OPAQUE) return null;
    }
    const draw = await painter(readable, image);
    const encoder = draw(targetWidth(image, 'full'))
      .flatten({ background: '#fff' })
      .jpeg({ quality: 86, progressive: true });
    const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, bytes: data };
  } catch (error) {
    return refuseDamaged(error);
  }
}

export interface Placeholder {
  readonly blurHash: string;
  /** A picture of at most 16 pixels as `data:image/webp;base64,…`. */
  readonly dataUri: string;
}

const MOST_URI_LENGTH = 220;

/** What is shown until the picture has come. Throws `invalid` also for a picture that was cut off. */
export async function makePlaceholder(input: ImageInput): Promise<Placeholder> {
  const { format } = await inspectImage(input);
  const { data, info } = await openImage(await readablePng(input, format), { failOn: 'truncated' })
    .autoOrient()
    .resize(32, 32, { fit: 'inside' })
    .flatten({ background: '#808080' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(refuseDamaged);
  const { width, height, channels } = info;
  const blurHash = encode(new Uint8ClampedArray(data), width, height, 4, 3);
  let dataUri = '';
  for (const side of [16, 12, 8, 4]) {
    const tiny = await openImage(data, { raw: { width, height, channels } })
      .removeAlpha()
      .resize(side, side, { fit: 'inside' })
      .webp({ quality: 20, effort: 6, smartSubsample: false })
      .toBuffer();
    dataUri = `data:image/webp;base64,${tiny.toString('base64')}`;
    if (dataUri.length <= MOST_URI_LENGTH) break;
  }
  return { blurHash, dataUri };
}

function refuseDamaged(cause: unknown): never {
  if (cause instanceof AppError) throw cause;
  throw new AppError('invalid', 'This image is damaged.', { cause });
}
