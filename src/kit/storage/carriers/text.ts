import { isUtf8 } from 'node:buffer';

// Text in pictures seldom is in the encoding that its carrier prescribes. UTF-8 is tried first because text in another
// encoding is almost never valid UTF-8 by accident.

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 if it is valid, UTF-16 if every second byte of its beginning is zero, else Latin-1; ends before padding. */
export function textOf(bytes: Uint8Array): string {
  const order = utf16Order(bytes, 4);
  if (order) return withoutPadding(new TextDecoder(order).decode(bytes));
  try {
    return withoutPadding(utf8.decode(bytes));
  } catch {
    return withoutPadding(Buffer.from(bytes).toString('latin1'));
  }
}

/**
 * EXIF UserComment: an eight-byte code of the encoding, then the text. `UNICODE` means UTF-16 in the byte order of the
 * TIFF header, but piexif always writes big-endian and others little-endian or plain UTF-8, so the bytes decide.
 */
export function userCommentOf(bytes: Uint8Array, tiffIsLittleEndian: boolean): string {
  const code = Buffer.from(bytes.subarray(0, 8)).toString('latin1');
  const body = bytes.subarray(8);
  if (code === 'UNICODE\0') {
    if (!body.subarray(0, contentLength(body)).includes(0) && isUtf8(body)) return textOf(body);
    const order = utf16Order(body, Number.POSITIVE_INFINITY) ?? (tiffIsLittleEndian ? 'utf-16le' : 'utf-16be');
    return withoutPadding(new TextDecoder(order).decode(body.subarray(0, body.length & ~1)));
  }
  if (code.startsWith('JIS\0')) return withoutPadding(new TextDecoder('iso-2022-jp').decode(body));
  if (code.startsWith('ASCII\0') || code === '\0\0\0\0\0\0\0\0') return textOf(body);
  return textOf(bytes);
}

/** The byte order, if at least one in `mostPairs` of the pairs of bytes is a letter beside a zero. */
function utf16Order(padded: Uint8Array, mostPairs: number): 'utf-16le' | 'utf-16be' | null {
  const bytes = padded.subarray(0, contentLength(padded));
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const end = bytes.length & ~1;
  let even = 0;
  let odd = 0;
  for (let at = 0; at < end; at += 2) {
    if (bytes[at] === 0 && bytes[at + 1] !== 0) even += 1;
    if (bytes[at + 1] === 0 && bytes[at] !== 0) odd += 1;
  }
  if (even + odd < Math.max(1, end / 2 / mostPairs)) return null;
  return even > odd ? 'utf-16be' : 'utf-16le';
}

/** Length without zeros at the end, which pad texts of every encoding. */
function contentLength(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end -= 1;
  let start = 0;
  while (start < end && (text.charCodeAt(start) === 0xfeff || text.charCodeAt(start) === 0)) start += 1;
  return text.slice(start, end);
}
