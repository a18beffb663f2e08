// WebP is RIFF: chunks of a four-letter name, a little-endian length and data padded to even. VP8X, where present,
// comes first and tells by flags which others exist (WebP container specification, "Extended File Format").

export interface WebpChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const MOST_CHUNKS = 100_000;

const nameAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));

export const isWebp = (bytes: Uint8Array): boolean => nameAt(bytes, 0) === 'RIFF' && nameAt(bytes, 8) === 'WEBP';

export function webpChunks(bytes: Uint8Array): WebpChunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: WebpChunk[] = [];
  let at = 12;
  while (at + 8 <= bytes.length && chunks.length < MOST_CHUNKS) {
    const length = view.getUint32(at + 4, true);
    chunks.push({ type: nameAt(bytes, at), data: bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length)) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

export function writeWebp(chunks: readonly WebpChunk[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { type, data } of chunks) {
    const head = Buffer.alloc(8);
    head.write(type, 'latin1');
    head.writeUInt32LE(data.length, 4);
    parts.push(head, data, Buffer.alloc(data.length % 2));
  }
  const body = Buffer.concat(parts);
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  head.writeUInt32LE(body.length + 4, 4);
  return Buffer.concat([head, body]);
}
