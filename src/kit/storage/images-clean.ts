import { cleanExif, cleanXmp, type KeepText, rewriteWithout } from './carriers/clean.ts';
import { tiffStart } from './carriers/exif.ts';
import { inspectImage, openImage, readablePng, readMetadataBlocks } from './images.ts';

/**
 * The original as it is handed out: the same pixels, without data of camera and place, and with those texts that
 * `keep` lets through. PNG, JPEG, WebP and GIF are taken apart and put together again; in an AVIF, whose index points
 * at byte positions, the blocks are overwritten where they lie. Throws what `inspectImage` throws.
 */
export async function cleanCopy(original: Uint8Array, keep: KeepText): Promise<Buffer> {
  const { format } = await inspectImage(original);
  return format === 'avif' ? cleanAvif(original, keep) : (rewriteWithout(original, keep) ?? Buffer.from(original));
}

async function cleanAvif(original: Uint8Array, keep: KeepText): Promise<Buffer> {
  const copy = Buffer.from(original);
  const { exif, xmp } = await readMetadataBlocks(original);
  const newXmp = xmp ? cleanXmp(Buffer.from(xmp).toString('utf8'), keep) : null;
  const isDone =
    (!exif || overwrite(copy, exif, exifInPlace(exif, keep), 0)) &&
    (!xmp || overwrite(copy, xmp, newXmp === null ? null : Buffer.from(newXmp), 0x20));
  if (isDone) return copy;
  // The decoder put the block together from several pieces: draw the picture anew, which costs a little quality.
  return openImage(original).autoOrient().avif({ quality: 85, effort: 3 }).toBuffer();
}

/** The index of the file counts from the start of the block to the TIFF in it, so what stands before that stays. */
function exifInPlace(exif: Uint8Array, keep: KeepText): Buffer | null {
  const made = cleanExif(exif, keep);
  return made && Buffer.concat([exif.subarray(0, tiffStart(exif) ?? 0), made]);
}

/** Puts `made` in the place of `block` and fills up the rest; a text that has grown too long is left out. */
function overwrite(file: Buffer, block: Uint8Array, made: Buffer | null, filler: number): boolean {
  let hits = 0;
  for (let at = file.indexOf(block); at >= 0; at = file.indexOf(block, at + block.length)) {
    file.fill(filler, at, at + block.length);
    if (made && made.length <= block.length) made.copy(file, at);
    hits += 1;
  }
  return hits > 0;
}

/**
 * The same picture with the lowest bit of each value evened out, colours and alpha alike, without any text: what is
 * written into these bits is gone, and no eye sees the difference. PNG stays PNG, and all else becomes lossless WebP,
 * because a lossy format does not carry such bits.
 */
export async function evenLowestBits(original: Uint8Array): Promise<Buffer> {
  const { format } = await inspectImage(original);
  const { data, info } = await openImage(await readablePng(original, format), { ignoreIcc: true, pages: 1 })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  // upwards, so that what was opaque stays so
  for (let at = 0; at < data.length; at += 1) data[at] = (data[at] ?? 0) | 1;
  const { width, height, channels } = info;
  const picture = openImage(data, { raw: { width, height, channels } });
  return format === 'png'
    ? picture.png({ compressionLevel: 9 }).toBuffer()
    : picture.webp({ lossless: true }).toBuffer();
}
