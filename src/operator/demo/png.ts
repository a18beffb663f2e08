import { deflateSync } from 'node:zlib';
import { embedTexts } from '../../kit/storage/carriers/embed.ts';
import { writePng } from '../../kit/storage/carriers/png.ts';

/** A PNG of red, green and blue bytes, with the text of its recipe where A1111 puts it. */
export function encodePng(pixels: Uint8Array, width: number, height: number, parameters: string): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a channel, true colour (PNG 3rd edition, 11.2.1)
  header.set([8, 2, 0, 0, 0], 8);
  const lineBytes = width * 3;
  const lines = Buffer.alloc((lineBytes + 1) * height);
  for (let y = 0; y < height; y += 1) {
    const at = y * (lineBytes + 1);
    // filter 1: each byte less its left neighbour
    lines[at] = 1;
    for (let x = 0; x < lineBytes; x += 1) {
      const left = x < 3 ? 0 : (pixels[y * lineBytes + x - 3] ?? 0);
      lines[at + 1 + x] = (pixels[y * lineBytes + x] ?? 0) - left;
    }
  }
  const png = writePng([
    { type: 'IHDR', data: header },
    { type: 'IDAT', data: deflateSync(lines, { level: 6 }) },
    { type: 'IEND', data: Buffer.alloc(0) },
  ]);
  return embedTexts(png, { parameters });
}
