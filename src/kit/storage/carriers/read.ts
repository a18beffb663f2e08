import { Allowance } from './allowance.ts';
import { readExif, readExifTags } from './exif.ts';
import { gifComments, isGif } from './gif.ts';
import { isJpeg, jpegSegments } from './jpeg.ts';
import { isPng, pngChunks, pngText } from './png.ts';
import { textOf } from './text.ts';
import { isWebp, webpChunks } from './webp.ts';
import { readXmp } from './xmp.ts';

/** One text found in a picture. */
export interface ImageText {
  /** Where: `png`, `exif`, `xmp`, `jpeg` or `gif`. */
  readonly carrier: string;
  /** PNG keyword, EXIF tag or XMP property; `comment` for JPEG and GIF. */
  readonly key: string;
  readonly text: string;
}

export interface ImageTexts {
  readonly texts: readonly ImageText[];
  /** Numbers of the EXIF tags that are there, whatever they say. */
  readonly exifTags: ReadonlySet<number>;
  readonly problems: readonly string[];
}

export const XMP_PNG_KEY = 'XML:com.adobe.xmp';
export const XMP_JPEG_PREFIX = 'http://ns.adobe.com/xap/1.0/\0';
export const EXIF_PREFIX = 'Exif\0\0';

/** Every text in a PNG, JPEG, WebP or GIF. An AVIF's blocks are found by its decoder and given to `readBlocks`. */
export function readImageTexts(bytes: Uint8Array): ImageTexts {
  const found = new Found();
  if (isPng(bytes)) readPng(bytes, found);
  else if (isJpeg(bytes)) readJpeg(bytes, found);
  else if (isWebp(bytes)) {
    for (const { type, data } of webpChunks(bytes)) {
      if (type === 'EXIF') found.addExif(data);
      if (type === 'XMP ') found.addXmp(data);
    }
  } else if (isGif(bytes)) {
    for (const comment of gifComments(bytes)) found.add('gif', 'comment', comment);
  }
  return found.result();
}

export function readBlocks(exif: Uint8Array | undefined, xmp: Uint8Array | undefined): ImageTexts {
  const found = new Found();
  if (exif) found.addExif(exif);
  if (xmp) found.addXmp(xmp);
  return found.result();
}

class Found {
  readonly allowance = new Allowance();
  readonly texts: ImageText[] = [];
  readonly exifTags = new Set<number>();

  push(carrier: string, key: string, text: string): void {
    if (text.trim() !== '' && this.texts.length < 500) this.texts.push({ carrier, key, text });
  }

  add(carrier: string, key: string, bytes: Uint8Array): void {
    if (this.allowance.takeText(key, bytes.length)) this.push(carrier, key, textOf(bytes));
  }

  addExif(bytes: Uint8Array): void {
    for (const tag of readExifTags(bytes)) this.exifTags.add(tag);
    for (const [key, text] of readExif(bytes, this.allowance).texts) this.push('exif', key, text);
  }

  addXmp(bytes: Uint8Array): void {
    if (!this.allowance.takeText('XMP', bytes.length)) return;
    this.addXml(textOf(bytes));
  }

  addXml(xml: string): void {
    for (const [key, text] of readXmp(xml)) this.push('xmp', key, text);
  }

  result(): ImageTexts {
    return { texts: this.texts, exifTags: this.exifTags, problems: this.allowance.problems };
  }
}

function readPng(bytes: Uint8Array, found: Found): void {
  for (const chunk of pngChunks(bytes)) {
    if (chunk.type === 'eXIf') found.addExif(chunk.data);
    const text = pngText(chunk, found.allowance);
    if (!text) continue;
    if (text.key === XMP_PNG_KEY) found.addXml(text.text);
    else if (/^Raw profile type (exif|APP1)$/i.test(text.key)) found.addExif(profileBytes(text.text));
    else found.push('png', text.key, text.text);
  }
}

/** ImageMagick's way of putting EXIF into a text chunk: name, length, hexadecimal digits. */
const profileBytes = (text: string): Uint8Array =>
  Buffer.from((/^\s*\w+\s+\d+\s([\s\S]*)$/.exec(text)?.[1] ?? '').replace(/\s/g, ''), 'hex');

function readJpeg(bytes: Uint8Array, found: Found): void {
  for (const { marker, data } of jpegSegments(bytes).segments) {
    const head = Buffer.from(data.subarray(0, XMP_JPEG_PREFIX.length)).toString('latin1');
    if (marker === 0xfe) found.add('jpeg', 'comment', data);
    else if (marker !== 0xe1) continue;
    else if (head.startsWith(EXIF_PREFIX)) found.addExif(data);
    else if (head === XMP_JPEG_PREFIX) found.addXmp(data.subarray(XMP_JPEG_PREFIX.length));
  }
}
