import { crc32, inflateSync } from 'node:zlib';
import type { Allowance } from './allowance.ts';
import { textOf } from './text.ts';

// A PNG is an eight-byte signature and then chunks: length, four-letter type, data, CRC. Text stands in tEXt (Latin-1
// by the standard, UTF-8 in practice), zTXt (the same, deflated) and iTXt (UTF-8, perhaps deflated); EXIF in eXIf.
// All of them may follow the picture data.

export interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const MOST_CHUNKS = 200_000;

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, at) => bytes[at] === byte);

/** The chunks up to IEND, or up to where a truncated file stops. A wrong CRC is let through, as decoders do for text. */
export function pngChunks(bytes: Uint8Array): PngChunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: PngChunk[] = [];
  let at = SIGNATURE.length;
  while (at + 8 <= bytes.length && chunks.length < MOST_CHUNKS) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 8 + length > bytes.length) break;
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    if (type === 'IEND') break;
    at += 12 + length;
  }
  return chunks;
}

/** Width and height in pixels and whether there may be transparency, from the first chunk alone. */
export function pngHeader(bytes: Uint8Array): { width: number; height: number; hasAlpha: boolean } | null {
  if (!isPng(bytes) || bytes.length < 33) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  if (width === 0 || height === 0) return null;
  // Colour types 4 and 6 have an alpha channel (PNG specification, 11.2.1).
  return { width, height, hasAlpha: ((bytes[25] ?? 0) & 4) !== 0 };
}

/**
 * The same picture without its texts: libpng unpacks every compressed text when it opens a file, and two hundred small
 * ones kept it busy for minutes.
 */
export function pngWithoutTexts(bytes: Uint8Array): Uint8Array {
  const chunks = pngChunks(bytes);
  const kept = chunks.filter(
    ({ type, data }) => !/^(tEXt|zTXt|iTXt)$/.test(type) && !(type === 'iCCP' && data.length > 4_000_000),
  );
  return kept.length === chunks.length ? bytes : writePng(kept);
}

export function writePng(chunks: readonly PngChunk[]): Buffer {
  const parts: Uint8Array[] = [SIGNATURE];
  for (const { type, data } of chunks) {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, 'latin1');
    const tail = Buffer.alloc(4);
    tail.writeUInt32BE(crc32(data, crc32(head.subarray(4))));
    parts.push(head, data, tail);
  }
  return Buffer.concat(parts);
}

/** Keyword and text of a tEXt, zTXt or iTXt chunk; null for any other, for a broken one and beyond the allowance. */
export function pngText({ type, data }: PngChunk, allowance: Allowance): { key: string; text: string } | null {
  if (type !== 'tEXt' && type !== 'zTXt' && type !== 'iTXt') return null;
  const end = data.indexOf(0);
  if (end < 1 || end > 79) return null;
  const key = Buffer.from(data.subarray(0, end)).toString('latin1');
  let body = data.subarray(end + 1);
  let isDeflated = type === 'zTXt';
  if (type === 'zTXt') {
    body = body.subarray(1);
  } else if (type === 'iTXt') {
    isDeflated = body[0] === 1;
    const language = body.indexOf(0, 2);
    const translated = language < 0 ? -1 : body.indexOf(0, language + 1);
    if (translated < 0) return null;
    body = body.subarray(translated + 1);
  }
  const plain = isDeflated ? inflateWithin(key, body, allowance) : body;
  if (!plain || !allowance.takeText(key, plain.length)) return null;
  return { key, text: textOf(plain) };
}

function inflateWithin(key: string, deflated: Uint8Array, allowance: Allowance): Uint8Array | null {
  if (allowance.inflatedBytesLeft < 1) {
    allowance.note(`${key}: too much compressed text`);
    return null;
  }
  try {
    const plain = inflateSync(deflated, { maxOutputLength: allowance.inflatedBytesLeft });
    allowance.takeInflated(plain.length);
    return plain;
  } catch (cause) {
    const isTooLong = cause instanceof RangeError;
    // What was inflated before the limit cost the same work, so a file of many bombs pays for each.
    if (isTooLong) allowance.takeInflated(allowance.inflatedBytesLeft);
    allowance.note(isTooLong ? `${key}: too much compressed text` : `${key}: damaged compressed text`);
    return null;
  }
}
