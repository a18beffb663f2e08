import { crc32, deflateSync } from 'node:zlib';

// Files of the shapes that tools write, made here byte by byte, so that nothing of ours is tested against itself.

export function chunk(type: string, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), data])));
  return Buffer.concat([head, data, tail]);
}

export const textChunk = (key: string, text: string, encoding: BufferEncoding = 'utf8'): Buffer =>
  chunk('tEXt', Buffer.concat([Buffer.from(`${key}\0`, 'latin1'), Buffer.from(text, encoding)]));

export const zTextChunk = (key: string, text: string): Buffer =>
  chunk('zTXt', Buffer.concat([Buffer.from(`${key}\0\0`, 'latin1'), deflateSync(Buffer.from(text))]));

export const iTextChunk = (key: string, text: string, deflated: 'plain' | 'deflated' = 'plain'): Buffer =>
  chunk(
    'iTXt',
    Buffer.concat([
      Buffer.from(`${key}\0`, 'latin1'),
      Buffer.from(deflated === 'deflated' ? [1, 0] : [0, 0]),
      Buffer.from('en\0\0'),
      deflated === 'deflated' ? deflateSync(Buffer.from(text)) : Buffer.from(text),
    ]),
  );

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function header(width: number, height: number, colourType = 2): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width);
  data.writeUInt32BE(height, 4);
  data[8] = 8;
  data[9] = colourType;
  return chunk('IHDR', data);
}

/** A grey 4 × 4 PNG with these chunks before and after the picture data. */
export function png(before: readonly Buffer[], after: readonly Buffer[] = []): Buffer {
  const rows = Buffer.alloc(4 * (1 + 4 * 3), 0x80);
  for (let y = 0; y < 4; y += 1) rows[y * 13] = 0;
  return Buffer.concat([
    SIGNATURE,
    header(4, 4),
    ...before,
    chunk('IDAT', deflateSync(rows)),
    ...after,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Only a signature and a header: what a bomb is before anyone looks inside. */
export const pngOfSize = (width: number, height: number): Buffer =>
  Buffer.concat([
    SIGNATURE,
    header(width, height),
    chunk('IDAT', deflateSync(Buffer.alloc(1000))),
    chunk('IEND', Buffer.alloc(0)),
  ]);

export const pngTexts = (texts: Readonly<Record<string, string>>): Buffer =>
  png(Object.entries(texts).map(([key, text]) => textChunk(key, text)));

export interface TiffText {
  readonly tag: number;
  readonly type: number;
  readonly value: Buffer;
}

export const ascii = (tag: number, text: string): TiffText => ({ tag, type: 2, value: Buffer.from(`${text}\0`) });

export const userComment = (code: string, body: Buffer): TiffText => ({
  tag: 0x9286,
  type: 7,
  value: Buffer.concat([Buffer.from(code.padEnd(8, '\0'), 'latin1'), body]),
});

export const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
export const utf16le = (text: string): Buffer => Buffer.from(text, 'utf16le');

/** A TIFF with a main directory and, if anything belongs there, an EXIF directory. */
export function tiff(main: readonly TiffText[], inner: readonly TiffText[] = [], order: 'II' | 'MM' = 'II'): Buffer {
  const isLittle = order === 'II';
  const u16 = (value: number): Buffer => {
    const out = Buffer.alloc(2);
    if (isLittle) out.writeUInt16LE(value);
    else out.writeUInt16BE(value);
    return out;
  };
  const u32 = (value: number): Buffer => {
    const out = Buffer.alloc(4);
    if (isLittle) out.writeUInt32LE(value);
    else out.writeUInt32BE(value);
    return out;
  };
  const directory = (entries: readonly TiffText[], at: number): Buffer => {
    const heads: Buffer[] = [];
    const values: Buffer[] = [];
    let dataAt = at + 6 + entries.length * 12;
    for (const { tag, type, value } of entries) {
      const count = type === 4 ? 1 : type === 3 ? value.length / 2 : value.length;
      const inPlace = value.length <= 4;
      heads.push(u16(tag), u16(type), u32(count), inPlace ? Buffer.concat([value], 4) : u32(dataAt));
      if (!inPlace) {
        values.push(value);
        dataAt += value.length;
      }
    }
    return Buffer.concat([u16(entries.length), ...heads, u32(0), ...values]);
  };
  const pointer = (to: number): TiffText => ({ tag: 0x8769, type: 4, value: u32(to) });
  const head = Buffer.concat([Buffer.from(order), u16(42), u32(8)]);
  if (inner.length === 0) return Buffer.concat([head, directory(main, 8)]);
  const length = directory([...main, pointer(0)], 8).length;
  return Buffer.concat([head, directory([...main, pointer(8 + length)], 8), directory(inner, 8 + length)]);
}

const segment = (marker: number, data: Buffer): Buffer => {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
};

/** Puts segments into a JPEG right behind its start. */
export const jpegWith = (jpeg: Buffer, segments: readonly { marker: number; data: Buffer }[]): Buffer =>
  Buffer.concat([jpeg.subarray(0, 2), ...segments.map(({ marker, data }) => segment(marker, data)), jpeg.subarray(2)]);

export const exifSegment = (block: Buffer): { marker: number; data: Buffer } => ({
  marker: 0xe1,
  data: Buffer.concat([Buffer.from('Exif\0\0'), block]),
});

/** A WebP whose picture chunk is taken from another, with EXIF and XMP beside it. */
export function webpWith(webp: Buffer, chunks: readonly { type: string; data: Buffer }[]): Buffer {
  const body = Buffer.concat([
    webp.subarray(12),
    ...chunks.map(({ type, data }) => {
      const head = Buffer.alloc(8);
      head.write(type, 'latin1');
      head.writeUInt32LE(data.length, 4);
      return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
    }),
  ]);
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  head.writeUInt32LE(body.length + 4, 4);
  return Buffer.concat([head, body]);
}

/** A GIF of one pixel with a comment in sub-blocks. */
export function gif(comment: string): Buffer {
  const text = Buffer.from(comment);
  const blocks: Buffer[] = [];
  for (let at = 0; at < text.length; at += 255) {
    const part = text.subarray(at, at + 255);
    blocks.push(Buffer.from([part.length]), part);
  }
  return Buffer.concat([
    Buffer.from('GIF89a'),
    Buffer.from([1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]),
    Buffer.from([0x21, 0xfe]),
    ...blocks,
    Buffer.from([0]),
    Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b]),
  ]);
}

/** Pixels with `payload` in the lowest bits, column by column: alpha, or red, green and blue. */
export function hide(magic: string, payload: Buffer, width: number, height: number): Buffer {
  const bits: number[] = [];
  const push = (bytes: Buffer): void => {
    for (const byte of bytes) for (let bit = 7; bit >= 0; bit -= 1) bits.push((byte >> bit) & 1);
  };
  const length = Buffer.alloc(4);
  length.writeUInt32BE(payload.length * 8);
  push(Buffer.concat([Buffer.from(magic), length, payload]));
  const pixels = Buffer.alloc(width * height * 4, 0xfe);
  const channels = magic.includes('rgb') ? [0, 1, 2] : [3];
  let at = 0;
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      for (const channel of channels) {
        const place = (y * width + x) * 4 + channel;
        pixels[place] = ((pixels[place] ?? 0) & 0xfe) | (bits[at] ?? 0);
        at += 1;
      }
    }
  }
  return pixels;
}
