import { AppError } from '../../errors.ts';
import { writeExif } from './exif.ts';
import { isJpeg, jpegSegments, writeJpeg } from './jpeg.ts';
import { isPng, pngChunks, writePng } from './png.ts';
import { EXIF_PREFIX } from './read.ts';

/**
 * The image with these texts by keyword: in a PNG as iTXt chunks before the picture, in a JPEG, which has no keywords,
 * the first of them as EXIF UserComment in place of any other EXIF. Throws `invalid` for other formats and
 * `too_large` for a text that a JPEG cannot hold.
 */
export function embedTexts(image: Uint8Array, texts: Readonly<Record<string, string>>): Buffer {
  if (isPng(image)) {
    const [header, ...rest] = pngChunks(image);
    const made = Object.entries(texts).map(([key, text]) => ({
      type: 'iTXt',
      data: Buffer.from(`${key}\0\0\0\0\0${text}`),
    }));
    const keyOf = (data: Uint8Array): string => Buffer.from(data.subarray(0, data.indexOf(0))).toString('latin1');
    const others = rest.filter(({ type, data }) => !/^(tEXt|zTXt|iTXt)$/.test(type) || !(keyOf(data) in texts));
    return writePng([...(header ? [header] : []), ...made, ...others]);
  }
  if (!isJpeg(image)) throw new AppError('invalid', 'Text can be put into PNG and JPEG only.');
  const { segments, scan } = jpegSegments(image);
  const exif = writeExif({ orientation: 1, texts: new Map([['UserComment', Object.values(texts)[0] ?? '']]) });
  const data = Buffer.concat([Buffer.from(EXIF_PREFIX), exif ?? Buffer.alloc(0)]);
  if (data.length > 65_533) throw new AppError('too_large', 'This text is too long for a JPEG.');
  const isExif = (segment: { marker: number; data: Uint8Array }): boolean =>
    segment.marker === 0xe1 && Buffer.from(segment.data.subarray(0, 6)).toString('latin1') === EXIF_PREFIX;
  return writeJpeg({ segments: [{ marker: 0xe1, data }, ...segments.filter((segment) => !isExif(segment))], scan });
}
