import { Allowance } from './allowance.ts';
import { readExif, writeExif } from './exif.ts';
import { gifBlocks, isGif } from './gif.ts';
import { isJpeg, jpegSegments, writeJpeg } from './jpeg.ts';
import { isPng, pngChunks, pngText, writePng } from './png.ts';
import { EXIF_PREFIX, type ImageText, XMP_JPEG_PREFIX, XMP_PNG_KEY } from './read.ts';
import { textOf } from './text.ts';
import { isWebp, webpChunks, writeWebp } from './webp.ts';
import { readXmp, writeXmp } from './xmp.ts';

// The original without what its maker never meant to publish: place, time, camera, serial numbers, previews, what
// phones append. The pixels are not touched: pieces of the file that a decoder needs are copied, texts are copied when
// `keep` says so, EXIF and XMP are written anew from what is kept, and everything else is left out.

/** Says whether a text stays; a text of its own goes in its place. */
export type KeepText = (text: ImageText) => boolean | string;

/** Those that stay, in the words that they stay with. */
function keptTexts(carrier: string, texts: Iterable<readonly [string, string]>, keep: KeepText): Map<string, string> {
  const kept = new Map<string, string>();
  for (const [key, text] of texts) {
    const answer = keep({ carrier, key, text });
    if (answer !== false) kept.set(key, answer === true ? text : answer);
  }
  return kept;
}

const PNG_KEPT = new Set(
  'IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD hIST pHYs acTL fcTL fdAT'.split(' '),
);
const WEBP_KEPT = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']);
const WEBP_FLAG_XMP = 0x04;
const WEBP_FLAG_EXIF = 0x08;

/** Null for a format whose file cannot be taken apart here. */
export function rewriteWithout(bytes: Uint8Array, keep: KeepText): Buffer | null {
  if (isPng(bytes)) return cleanPng(bytes, keep);
  if (isJpeg(bytes)) return cleanJpeg(bytes, keep);
  if (isWebp(bytes)) return cleanWebp(bytes, keep);
  if (isGif(bytes)) return cleanGif(bytes, keep);
  return null;
}

/** EXIF with only the orientation and the kept texts; null when nothing is left. */
export function cleanExif(bytes: Uint8Array, keep: KeepText): Buffer | null {
  const { orientation, texts } = readExif(bytes, new Allowance());
  return writeExif({
    orientation,
    texts: keptTexts('exif', texts, keep),
  });
}

export function cleanXmp(xml: string, keep: KeepText): string | null {
  const texts = keptTexts('xmp', readXmp(xml), keep);
  return texts.size > 0 ? writeXmp(texts) : null;
}

function cleanPng(bytes: Uint8Array, keep: KeepText): Buffer {
  const allowance = new Allowance();
  const kept = pngChunks(bytes).flatMap((chunk) => {
    if (PNG_KEPT.has(chunk.type)) return [chunk];
    if (chunk.type === 'eXIf') {
      const data = cleanExif(chunk.data, keep);
      return data ? [{ type: 'eXIf', data }] : [];
    }
    const text = pngText(chunk, allowance);
    if (!text) return [];
    if (text.key === XMP_PNG_KEY) {
      const xml = cleanXmp(text.text, keep);
      return xml
        ? [{ type: 'iTXt', data: Buffer.concat([Buffer.from(`${XMP_PNG_KEY}\0\0\0\0\0`), Buffer.from(xml)]) }]
        : [];
    }
    const answer = keep({ carrier: 'png', ...text });
    if (typeof answer === 'string') return [{ type: 'iTXt', data: Buffer.from(`${text.key}\0\0\0\0\0${answer}`) }];
    return answer ? [chunk] : [];
  });
  return writePng(kept);
}

function cleanJpeg(bytes: Uint8Array, keep: KeepText): Buffer {
  const { segments, scan } = jpegSegments(bytes);
  const kept = segments.flatMap((segment) => {
    const { marker, data } = segment;
    const head = Buffer.from(data.subarray(0, XMP_JPEG_PREFIX.length)).toString('latin1');
    if (marker === 0xfe) {
      const answer = keep({ carrier: 'jpeg', key: 'comment', text: textOf(data) });
      if (typeof answer === 'string') return [{ marker, data: Buffer.from(answer) }];
      return answer ? [segment] : [];
    }
    if (marker === 0xe1 && head.startsWith(EXIF_PREFIX)) {
      const exif = cleanExif(data, keep);
      return exif && exif.length < 65_000 ? [{ marker, data: Buffer.concat([Buffer.from(EXIF_PREFIX), exif]) }] : [];
    }
    if (marker === 0xe1 && head === XMP_JPEG_PREFIX) {
      const xml = cleanXmp(textOf(data.subarray(XMP_JPEG_PREFIX.length)), keep);
      return xml && xml.length < 60_000 ? [{ marker, data: Buffer.from(XMP_JPEG_PREFIX + xml) }] : [];
    }
    const isApplication = marker >= 0xe0 && marker <= 0xef;
    // JFIF, the colour profile, and Adobe's note on the colour transform, without which colours come out wrong.
    const isNeeded =
      (marker === 0xe0 && head.startsWith('JFIF\0')) ||
      (marker === 0xe2 && head.startsWith('ICC_PROFILE\0')) ||
      (marker === 0xee && head.startsWith('Adobe'));
    return !isApplication || isNeeded ? [segment] : [];
  });
  return writeJpeg({ segments: kept, scan });
}

function cleanWebp(bytes: Uint8Array, keep: KeepText): Buffer {
  let flags = 0;
  const kept = webpChunks(bytes).flatMap((chunk) => {
    if (WEBP_KEPT.has(chunk.type)) return [chunk];
    const data =
      chunk.type === 'EXIF'
        ? cleanExif(chunk.data, keep)
        : chunk.type === 'XMP '
          ? cleanXmp(textOf(chunk.data), keep)
          : null;
    if (data === null) return [];
    flags |= chunk.type === 'EXIF' ? WEBP_FLAG_EXIF : WEBP_FLAG_XMP;
    return [{ type: chunk.type, data: Buffer.from(data) }];
  });
  return writeWebp(
    kept.map((chunk) => {
      if (chunk.type !== 'VP8X') return chunk;
      const data = Buffer.from(chunk.data);
      data[0] = ((data[0] ?? 0) & ~(WEBP_FLAG_EXIF | WEBP_FLAG_XMP)) | flags;
      return { type: 'VP8X', data };
    }),
  );
}

function cleanGif(bytes: Uint8Array, keep: KeepText): Buffer {
  const { head, blocks } = gifBlocks(bytes);
  const kept = blocks.filter(({ kind, whole, data }) => {
    // a comment that would have to be written anew is left out
    if (kind === 'comment') return keep({ carrier: 'gif', key: 'comment', text: textOf(data) }) === true;
    // The one application extension that decoders need says how often to repeat.
    return (
      kind !== 'application' ||
      /^(NETSCAPE2\.0|ANIMEXTS1\.0)/.test(Buffer.from(whole.subarray(3, 14)).toString('latin1'))
    );
  });
  return Buffer.concat([head, ...kept.map(({ whole }) => whole), Uint8Array.of(0x3b)]);
}
