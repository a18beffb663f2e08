// A JPEG is a row of segments, each a marker FFxx with a length, until the scan; the scan runs to EOI, FF bytes in it
// are stuffed. APP1 holds EXIF or XMP, APP2 the colour profile, COM a comment. What follows EOI (second pictures,
// videos of phones) belongs to no decoder.

interface JpegSegment {
  readonly marker: number;
  /** Without marker and length. */
  readonly data: Uint8Array;
}

export interface Jpeg {
  readonly segments: readonly JpegSegment[];
  /** From the first SOS marker to EOI, both included. */
  readonly scan: Uint8Array;
}

const SOS = 0xda;
const EOI = 0xd9;
const MOST_SEGMENTS = 5000;

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

export function jpegSegments(bytes: Uint8Array): Jpeg {
  const segments: JpegSegment[] = [];
  let at = 2;
  while (at + 4 <= bytes.length && segments.length < MOST_SEGMENTS) {
    if (bytes[at] !== 0xff) break;
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === SOS) return { segments, scan: bytes.subarray(at, endOfScan(bytes, at)) };
    if (marker === EOI) break;
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    if (length < 2) break;
    segments.push({ marker, data: bytes.subarray(at + 4, Math.min(at + 2 + length, bytes.length)) });
    at += 2 + length;
  }
  return { segments, scan: new Uint8Array() };
}

export function writeJpeg({ segments, scan }: Jpeg): Buffer {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, 0xd8)];
  for (const { marker, data } of segments) {
    parts.push(Uint8Array.of(0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 0xff), data);
  }
  return Buffer.concat([...parts, scan]);
}

function endOfScan(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at >= 0 && at + 1 < bytes.length) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return bytes.length;
    if (marker === EOI) return at + 2;
    const standsAlone = marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7);
    const skip = standsAlone ? (marker === 0xff ? 1 : 2) : 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
    at = bytes.indexOf(0xff, at + skip);
  }
  return bytes.length;
}
