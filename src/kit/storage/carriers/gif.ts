// A GIF is a header, perhaps a colour table, then blocks: 21 is an extension (FE a comment), 2C a frame, 3B the end.
// The data of each stands in sub-blocks of at most 255 bytes, closed by an empty one.

const MOST_BLOCKS = 100_000;

export const isGif = (bytes: Uint8Array): boolean =>
  /^GIF8[79]a$/.test(Buffer.from(bytes.subarray(0, 6)).toString('latin1'));

export function gifComments(bytes: Uint8Array): Uint8Array[] {
  const comments: Uint8Array[] = [];
  let at = 13 + colourTableBytes(bytes[10] ?? 0);
  for (let block = 0; block < MOST_BLOCKS && at < bytes.length; block += 1) {
    if (bytes[at] === 0x2c) {
      at = afterSubBlocks(bytes, at + 11 + colourTableBytes(bytes[at + 9] ?? 0), null);
    } else if (bytes[at] === 0x21) {
      const parts: Uint8Array[] | null = bytes[at + 1] === 0xfe ? [] : null;
      at = afterSubBlocks(bytes, at + 2, parts);
      if (parts) comments.push(Buffer.concat(parts));
    } else {
      break;
    }
  }
  return comments;
}

const colourTableBytes = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);

function afterSubBlocks(bytes: Uint8Array, start: number, into: Uint8Array[] | null): number {
  let at = start;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    into?.push(bytes.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return at + 1;
}
