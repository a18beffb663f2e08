// A GIF is a header, perhaps a colour table, then blocks: 21 is an extension (FE a comment, FF an application's), 2C a
// frame, 3B the end. The data of each stands in sub-blocks of at most 255 bytes, closed by an empty one.

export interface GifBlock {
  readonly kind: 'comment' | 'application' | 'picture';
  readonly whole: Uint8Array;
  /** Joined sub-blocks of a comment; empty for the others. */
  readonly data: Uint8Array;
}

const MOST_BLOCKS = 100_000;

export const isGif = (bytes: Uint8Array): boolean =>
  /^GIF8[79]a$/.test(Buffer.from(bytes.subarray(0, 6)).toString('latin1'));

export function gifBlocks(bytes: Uint8Array): { head: Uint8Array; blocks: readonly GifBlock[] } {
  const blocks: GifBlock[] = [];
  const start = 13 + colourTableBytes(bytes[10] ?? 0);
  let at = start;
  while (at < bytes.length && blocks.length < MOST_BLOCKS) {
    const parts: Uint8Array[] = [];
    let end: number;
    let kind: GifBlock['kind'] = 'picture';
    if (bytes[at] === 0x2c) {
      end = afterSubBlocks(bytes, at + 11 + colourTableBytes(bytes[at + 9] ?? 0), null);
    } else if (bytes[at] === 0x21) {
      const label = bytes[at + 1];
      if (label === 0xfe) kind = 'comment';
      if (label === 0xff) kind = 'application';
      end = afterSubBlocks(bytes, at + 2, kind === 'comment' ? parts : null);
    } else {
      break;
    }
    blocks.push({ kind, whole: bytes.subarray(at, end), data: Buffer.concat(parts) });
    at = end;
  }
  return { head: bytes.subarray(0, start), blocks };
}

export const gifComments = (bytes: Uint8Array): Uint8Array[] =>
  gifBlocks(bytes).blocks.flatMap(({ kind, data }) => (kind === 'comment' ? [data] : []));

const colourTableBytes = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);

function afterSubBlocks(bytes: Uint8Array, start: number, into: Uint8Array[] | null): number {
  let at = start;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    into?.push(bytes.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return at + 1;
}
