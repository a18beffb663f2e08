import type { Allowance } from './allowance.ts';
import { textOf, userCommentOf } from './text.ts';

// EXIF is a small TIFF file: a byte order, then directories of twelve-byte entries (tag, type, count, value or offset).
// Only the text tags in which image tools leave their settings are read, and only those are ever written again: what a
// camera says about place, time and serial numbers is never copied.

const TEXT_TAGS = new Map([
  [0x010e, 'ImageDescription'],
  [0x010f, 'Make'],
  [0x0110, 'Model'],
  [0x0131, 'Software'],
  [0x013b, 'Artist'],
  [0x927c, 'MakerNote'],
  [0x9286, 'UserComment'],
  [0x9c9c, 'XPComment'],
]);
const ORIENTATION = 0x0112;
const EXIF_DIRECTORY = 0x8769;
const MOST_ENTRIES = 500;
/** Bytes of one value by TIFF type (TIFF 6.0, section 2; 129 is EXIF 3.0's UTF-8). */
const TYPE_BYTES = new Map([
  [1, 1],
  [2, 1],
  [3, 2],
  [4, 4],
  [6, 1],
  [7, 1],
  [9, 4],
  [129, 1],
]);

export interface Exif {
  /** 1 to 8 as EXIF counts them; 1 when absent or senseless. */
  readonly orientation: number;
  readonly texts: ReadonlyMap<string, string>;
}

export function readExif(bytes: Uint8Array, allowance: Allowance): Exif {
  const start = tiffStart(bytes);
  const texts = new Map<string, string>();
  let orientation = 1;
  if (start === null) return { orientation, texts };
  const tiff = bytes.subarray(start);
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const isLittle = tiff[0] === 0x49;

  const pending = [tiff.length >= 8 ? view.getUint32(4, isLittle) : 0];
  const seen = new Set<number>();
  for (let at = pending.pop(); at !== undefined && seen.size < 4; at = pending.pop()) {
    if (at < 8 || at + 2 > tiff.length || seen.has(at)) continue;
    seen.add(at);
    const entries = Math.min(view.getUint16(at, isLittle), MOST_ENTRIES);
    for (let entry = 0, here = at + 2; entry < entries && here + 12 <= tiff.length; entry += 1, here += 12) {
      const tag = view.getUint16(here, isLittle);
      const type = view.getUint16(here + 2, isLittle);
      const totalBytes = view.getUint32(here + 4, isLittle) * (TYPE_BYTES.get(type) ?? 0);
      if (tag === ORIENTATION && type === 3) orientation = view.getUint16(here + 8, isLittle);
      if (tag === EXIF_DIRECTORY) pending.push(view.getUint32(here + 8, isLittle));
      const name = TEXT_TAGS.get(tag);
      if (!name || totalBytes === 0 || texts.has(name)) continue;
      const from = totalBytes <= 4 ? here + 8 : view.getUint32(here + 8, isLittle);
      // A value that runs past the end is cut, not lost: some writers count wrongly.
      const value = tiff.subarray(from, Math.min(from + totalBytes, tiff.length));
      if (value.length === 0 || !allowance.takeText(name, value.length)) continue;
      const text =
        name === 'UserComment'
          ? userCommentOf(value, isLittle)
          : name === 'XPComment'
            ? new TextDecoder('utf-16le').decode(value).replace(/\0+$/, '')
            : textOf(value);
      if (text !== '') texts.set(name, text);
    }
  }
  return { orientation: orientation >= 1 && orientation <= 8 ? orientation : 1, texts };
}

/** Which tags the directories name at all. Whatever the bytes are, it looks at four directories and never fails. */
export function readExifTags(bytes: Uint8Array): Set<number> {
  const tags = new Set<number>();
  const start = tiffStart(bytes);
  if (start === null) return tags;
  const tiff = bytes.subarray(start);
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const isLittle = tiff[0] === 0x49;
  const pending = [view.getUint32(4, isLittle)];
  const seen = new Set<number>();
  for (let at = pending.pop(); at !== undefined && seen.size < 4; at = pending.pop()) {
    if (at < 8 || at + 2 > tiff.length || seen.has(at)) continue;
    seen.add(at);
    const entries = Math.min(view.getUint16(at, isLittle), MOST_ENTRIES);
    for (let entry = 0, here = at + 2; entry < entries && here + 12 <= tiff.length; entry += 1, here += 12) {
      const tag = view.getUint16(here, isLittle);
      if (view.getUint32(here + 4, isLittle) > 0) tags.add(tag);
      if (tag === EXIF_DIRECTORY) pending.push(view.getUint32(here + 8, isLittle));
    }
  }
  return tags;
}

/** A minimal TIFF with these texts and the orientation; UserComment is written as piexif does, big-endian UTF-16. */
export function writeExif({ orientation, texts }: Exif): Buffer | null {
  const main: Entry[] = orientation === 1 ? [] : [{ tag: ORIENTATION, type: 3, value: Buffer.from([0, orientation]) }];
  const inner: Entry[] = [];
  for (const [tag, name] of TEXT_TAGS) {
    const text = texts.get(name);
    if (text === undefined) continue;
    if (name === 'UserComment') {
      const utf16 = Buffer.from(text, 'utf16le').swap16();
      inner.push({ tag, type: 7, value: Buffer.concat([Buffer.from('UNICODE\0'), utf16]) });
    } else if (name === 'MakerNote') {
      inner.push({ tag, type: 7, value: Buffer.from(text) });
    } else if (name === 'XPComment') {
      main.push({ tag, type: 1, value: Buffer.from(`${text}\0`, 'utf16le') });
    } else {
      main.push({ tag, type: 2, value: Buffer.from(`${text}\0`) });
    }
  }
  if (main.length + inner.length === 0) return null;
  if (inner.length > 0) main.push({ tag: EXIF_DIRECTORY, type: 4, value: Buffer.alloc(4) });
  main.sort((a, b) => a.tag - b.tag);
  inner.sort((a, b) => b.tag - a.tag).reverse();

  const mainBytes = directoryBytes(main);
  const pointer = main.find((entry) => entry.tag === EXIF_DIRECTORY);
  pointer?.value.writeUInt32BE(8 + mainBytes);
  const head = Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8]);
  return Buffer.concat([head, directory(main, 8), ...(inner.length > 0 ? [directory(inner, 8 + mainBytes)] : [])]);
}

interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly value: Buffer;
}

const evenLength = (bytes: number): number => bytes + (bytes % 2);

const directoryBytes = (entries: readonly Entry[]): number =>
  6 + entries.reduce((sum, { value }) => sum + 12 + (value.length > 4 ? evenLength(value.length) : 0), 0);

function directory(entries: readonly Entry[], at: number): Buffer {
  const out = Buffer.alloc(directoryBytes(entries));
  out.writeUInt16BE(entries.length);
  let dataAt = 6 + entries.length * 12;
  entries.forEach(({ tag, type, value }, index) => {
    const here = 2 + index * 12;
    out.writeUInt16BE(tag, here);
    out.writeUInt16BE(type, here + 2);
    out.writeUInt32BE(value.length / (TYPE_BYTES.get(type) ?? 1), here + 4);
    if (value.length <= 4) {
      value.copy(out, here + 8);
    } else {
      out.writeUInt32BE(at + dataAt, here + 8);
      value.copy(out, dataAt);
      dataAt += evenLength(value.length);
    }
  });
  return out;
}

/** Where the TIFF begins: WebP and AVIF writers put `Exif\0\0` or an offset before it. */
export function tiffStart(bytes: Uint8Array): number | null {
  for (let at = 0; at <= 16 && at + 8 <= bytes.length; at += 1) {
    const mark = Buffer.from(bytes.subarray(at, at + 4)).toString('latin1');
    if (mark === 'II*\0' || mark === 'MM\0*') return at;
  }
  return null;
}
