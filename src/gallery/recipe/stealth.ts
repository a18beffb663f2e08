import { gunzipSync } from 'node:zlib';
import { inspectImage, readPixels } from '../../kit/storage/images.ts';

// Settings hidden in the lowest bits of the pixels, column by column, as NovelAI and an extension of A1111 do it: a
// magic word, the length in bits (32, big-endian), then UTF-8 or gzip. They survive where text chunks are stripped.

const MAGIC_LETTERS = 15;
const HEAD_BITS = (MAGIC_LETTERS + 4) * 8;
const MOST_BYTES = 2 * 1024 * 1024;
const MOST_INFLATED_BYTES = 16 * 1024 * 1024;
const MODES = {
  stealth_pnginfo: ['alpha', 'plain'],
  stealth_pngcomp: ['alpha', 'gzip'],
  stealth_rgbinfo: ['rgb', 'plain'],
  stealth_rgbcomp: ['rgb', 'gzip'],
} as const;

export interface HiddenText {
  readonly carrier: 'stealth:alpha' | 'stealth:rgb';
  readonly text: string;
}

/** Null when there is none. Only as much is decoded as the answer needs. */
export async function readHiddenText(
  bytes: Uint8Array,
  { width, height, hasAlpha }: { width: number; height: number; hasAlpha: boolean },
): Promise<HiddenText | null> {
  for (const place of hasAlpha ? (['alpha', 'rgb'] as const) : (['rgb'] as const)) {
    const bitsPerPixel = place === 'alpha' ? 1 : 3;
    const columns = (bits: number): number => Math.min(width, Math.ceil(bits / bitsPerPixel / height));
    const headRows = Math.min(height, HEAD_BITS);
    const head = await bitsOf(bytes, columns(HEAD_BITS), headRows, place, HEAD_BITS);
    if (head.length < HEAD_BITS / 8) continue;
    const magic = head.toString('latin1', 0, MAGIC_LETTERS);
    const mode = Object.entries(MODES).find(([word]) => word === magic)?.[1];
    if (!mode || mode[0] !== place) continue;
    const dataBits = head.readUInt32BE(MAGIC_LETTERS);
    if (dataBits === 0 || dataBits > MOST_BYTES * 8 || HEAD_BITS + dataBits > width * height * bitsPerPixel) continue;
    const all = await bitsOf(bytes, columns(HEAD_BITS + dataBits), height, place, HEAD_BITS + dataBits);
    const data = all.subarray(HEAD_BITS / 8);
    try {
      const plain = mode[1] === 'gzip' ? gunzipSync(data, { maxOutputLength: MOST_INFLATED_BYTES }) : data;
      if (plain.length <= MOST_BYTES) return { carrier: `stealth:${place}`, text: plain.toString('utf8') };
    } catch {
      // Damaged by a later edit of the picture: the same as no data.
    }
  }
  return null;
}

/** Whether a still picture carries settings in its pixels. */
export async function hasHiddenText(bytes: Uint8Array): Promise<boolean> {
  const header = await inspectImage(bytes);
  return header.frames === 1 && (await readHiddenText(bytes, header)) !== null;
}

async function bitsOf(
  bytes: Uint8Array,
  columns: number,
  rows: number,
  place: 'alpha' | 'rgb',
  mostBits: number,
): Promise<Buffer> {
  const { data, channels } = await readPixels(bytes, { left: 0, top: 0, width: columns, height: rows });
  const from = place === 'alpha' ? channels - 1 : 0;
  const to = place === 'alpha' ? channels : 3;
  const out = Buffer.alloc(Math.ceil(mostBits / 8));
  let bit = 0;
  for (let x = 0; x < columns && bit < mostBits; x += 1) {
    for (let y = 0; y < rows && bit < mostBits; y += 1) {
      for (let channel = from; channel < to && bit < mostBits; channel += 1, bit += 1) {
        if ((data[(y * columns + x) * channels + channel] ?? 0) & 1)
          out[bit >> 3] = (out[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
      }
    }
  }
  return out.subarray(0, bit >> 3);
}
