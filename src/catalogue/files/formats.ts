/** What the bytes are, whatever the name says. */
type SniffedFormat = 'safetensors' | 'gguf' | 'zip' | 'pickle' | 'other' | 'empty';

export interface Sniffed {
  readonly format: SniffedFormat;
  /** For a sentence: "a ZIP archive". */
  readonly label: string;
}

/** Bytes that `sniffFormat` wants to see. */
export const SNIFF_BYTES = 64;

/** More than any real header; only bounds what still looks like one, so that the parser can say what is wrong. */
const PLAUSIBLE_HEADER_BYTES = 1n << 40n;

const MAGICS: readonly (readonly [string, string])[] = [
  ['1f8b', 'a gzip archive'],
  ['377abcaf271c', 'a 7z archive'],
  ['526172211a07', 'a RAR archive'],
  ['89504e470d0a1a0a', 'a PNG image'],
  ['ffd8ff', 'a JPEG image'],
  ['47494638', 'a GIF image'],
  ['25504446', 'a PDF document'],
  ['7f454c46', 'a program (ELF)'],
  ['4d5a', 'a Windows program'],
  ['894844460d0a1a0a', 'an HDF5 file'],
  ['28b52ffd', 'a Zstandard archive'],
  ['934e554d5059', 'a NumPy array'],
  ['504b0506', 'an empty ZIP archive'],
];

const PLAIN_TEXTS: readonly (readonly [string, string])[] = [
  ['version https://git-lfs', 'a Git LFS pointer; download the real file first'],
  ['<!doctype html', 'a web page'],
  ['<html', 'a web page'],
  ['<?xml', 'an XML document'],
  ['<svg', 'an SVG image'],
];

/** `start` holds the first `SNIFF_BYTES` of the file, or all of it. */
export function sniffFormat(start: Uint8Array): Sniffed {
  if (start.length === 0) return { format: 'empty', label: 'an empty file' };
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (bytes.toString('latin1', 0, 4) === 'GGUF') return { format: 'gguf', label: 'a GGUF file' };
  if (bytes.toString('hex', 0, 4) === '504b0304') return { format: 'zip', label: 'a ZIP archive' };
  // Before the short magics: a length may begin with the bytes of one
  if (bytes.length > 8 && bytes[8] === 0x7b && bytes.readBigUInt64LE(0) < PLAUSIBLE_HEADER_BYTES) {
    return { format: 'safetensors', label: 'a safetensors file' };
  }
  const hex = bytes.toString('hex');
  for (const [magic, label] of MAGICS) if (hex.startsWith(magic)) return { format: 'other', label };
  const text = bytes.toString('latin1').trimStart().toLowerCase();
  for (const [words, label] of PLAIN_TEXTS) if (text.startsWith(words)) return { format: 'other', label };
  // Protocol 2 and later begin with PROTO; older pickles begin with an opcode of text, which proves little.
  if (bytes[0] === 0x80 && (bytes[1] ?? 9) <= 5) return { format: 'pickle', label: 'a Python pickle' };
  return { format: 'other', label: 'a file of an unknown kind' };
}
