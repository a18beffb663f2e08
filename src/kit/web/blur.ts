import { decode, isBlurhashValid } from 'blurhash';

/*
 * A placeholder has to be in the page itself, and a style attribute is forbidden by our CSP, so a BlurHash becomes a tiny
 * bitmap in a data URI. BMP, because it needs no compression: 8 × 8 px are 246 bytes, made in a few microseconds.
 */
const SIDE = 8;
const HEADER_BYTES = 54;
const KEPT = 4_000;

const made = new Map<string, string>();

/** A data URI for a BlurHash; a data URI passes through; anything else gives an empty string. */
export function blurUri(blur: string | null | undefined): string {
  if (!blur) return '';
  if (blur.startsWith('data:image/')) return blur;
  let uri = made.get(blur);
  if (uri === undefined) {
    uri = isBlurhashValid(blur).result ? toBitmap(decode(blur, SIDE, SIDE)) : '';
    if (made.size >= KEPT) made.clear();
    made.set(blur, uri);
  }
  return uri;
}

/** `rgba` holds rows from the top; a BMP with positive height has them from the bottom, in the order blue, green, red. */
function toBitmap(rgba: Uint8ClampedArray): string {
  const bytes = Buffer.alloc(HEADER_BYTES + SIDE * SIDE * 3);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(HEADER_BYTES, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(SIDE, 18);
  bytes.writeInt32LE(SIDE, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const from = (y * SIDE + x) * 4;
      const to = HEADER_BYTES + ((SIDE - 1 - y) * SIDE + x) * 3;
      bytes[to] = rgba[from + 2] ?? 0;
      bytes[to + 1] = rgba[from + 1] ?? 0;
      bytes[to + 2] = rgba[from] ?? 0;
    }
  }
  return `data:image/bmp;base64,${bytes.toString('base64')}`;
}
