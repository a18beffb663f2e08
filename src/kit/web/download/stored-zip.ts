import { Readable } from 'node:stream';
import type { ByteSpan } from '../../storage/files.ts';

/** A file of an archive whose length and CRC-32 are known before its bytes are read. */
export interface StoredEntry {
  /** With `/` between folders. */
  readonly name: string;
  readonly totalBytes: number;
  readonly crc32: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const FIND64 = 0x07064b50;
const UTF8_NAMES = 0x0800;
/** 1 January 1980, the first day that the format knows: the same files make the same archive. */
const NO_DAY = 0x21;
const WIDE = 0xffffffff;
const MANY = 0xffff;

type Piece<Entry> = { readonly totalBytes: number } & (
  | { readonly bytes: Buffer }
  | { readonly entry: Entry; readonly bytes?: never }
);

/**
 * A ZIP archive (PKWARE APPNOTE 6.3.10, with ZIP64 where it has to be) that lies nowhere: nothing in it is packed, so
 * every byte of it has its place as soon as lengths and checksums are known, and any part can be sent by itself.
 */
export class StoredZip<Entry extends StoredEntry> {
  readonly totalBytes: number;
  readonly #pieces: readonly Piece<Entry>[];

  constructor(entries: readonly Entry[]) {
    const pieces: Piece<Entry>[] = [];
    const directory: Buffer[] = [];
    let at = 0;
    for (const entry of entries) {
      const head = localHead(entry);
      pieces.push({ bytes: head, totalBytes: head.length }, { entry, totalBytes: entry.totalBytes });
      directory.push(centralHead(entry, at));
      at += head.length + entry.totalBytes;
    }
    const tail = Buffer.concat([...directory, endOf(entries.length, lengthOf(directory), at)]);
    pieces.push({ bytes: tail, totalBytes: tail.length });
    this.#pieces = pieces;
    this.totalBytes = at + tail.length;
  }

  /** Both ends of the span are inclusive. `open` gives the bytes of an entry, or a part of them. */
  read({ start = 0, end = this.totalBytes - 1 }: ByteSpan, open: (entry: Entry, span: ByteSpan) => Readable): Readable {
    const pieces = this.#pieces;
    async function* parts(): AsyncGenerator<Buffer> {
      let at = 0;
      for (const piece of pieces) {
        const from = Math.max(start - at, 0);
        const to = Math.min(end - at, piece.totalBytes - 1);
        at += piece.totalBytes;
        if (from > to) continue;
        if (piece.bytes) yield piece.bytes.subarray(from, to + 1);
        else yield* open(piece.entry, { start: from, end: to });
      }
    }
    return Readable.from(parts(), { objectMode: false });
  }
}

const lengthOf = (buffers: readonly Buffer[]): number => buffers.reduce((sum, { length }) => sum + length, 0);

function localHead({ name, totalBytes, crc32 }: StoredEntry): Buffer {
  const path = Buffer.from(name);
  const extra = totalBytes >= WIDE ? wideField([totalBytes, totalBytes]) : Buffer.alloc(0);
  const head = Buffer.alloc(30);
  head.writeUInt32LE(LOCAL, 0);
  head.writeUInt16LE(extra.length > 0 ? 45 : 20, 4);
  head.writeUInt16LE(UTF8_NAMES, 6);
  head.writeUInt16LE(NO_DAY, 12);
  head.writeUInt32LE(crc32, 14);
  head.writeUInt32LE(Math.min(totalBytes, WIDE), 18);
  head.writeUInt32LE(Math.min(totalBytes, WIDE), 22);
  head.writeUInt16LE(path.length, 26);
  head.writeUInt16LE(extra.length, 28);
  return Buffer.concat([head, path, extra]);
}

function centralHead({ name, totalBytes, crc32 }: StoredEntry, atBytes: number): Buffer {
  const path = Buffer.from(name);
  const wide = [...(totalBytes >= WIDE ? [totalBytes, totalBytes] : []), ...(atBytes >= WIDE ? [atBytes] : [])];
  const extra = wide.length > 0 ? wideField(wide) : Buffer.alloc(0);
  const head = Buffer.alloc(46);
  head.writeUInt32LE(CENTRAL, 0);
  head.writeUInt16LE(45, 4);
  head.writeUInt16LE(extra.length > 0 ? 45 : 20, 6);
  head.writeUInt16LE(UTF8_NAMES, 8);
  head.writeUInt16LE(NO_DAY, 14);
  head.writeUInt32LE(crc32, 16);
  head.writeUInt32LE(Math.min(totalBytes, WIDE), 20);
  head.writeUInt32LE(Math.min(totalBytes, WIDE), 24);
  head.writeUInt16LE(path.length, 28);
  head.writeUInt16LE(extra.length, 30);
  head.writeUInt32LE(Math.min(atBytes, WIDE), 42);
  return Buffer.concat([head, path, extra]);
}

/** The ZIP64 field: only what did not fit where it belongs, in the order unpacked, packed, offset. */
function wideField(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + values.length * 8);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(values.length * 8, 2);
  for (const [n, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + n * 8);
  return field;
}

function endOf(count: number, directoryBytes: number, atBytes: number): Buffer {
  const isWide = count >= MANY || atBytes >= WIDE || directoryBytes >= WIDE;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(Math.min(count, MANY), 8);
  end.writeUInt16LE(Math.min(count, MANY), 10);
  end.writeUInt32LE(Math.min(directoryBytes, WIDE), 12);
  end.writeUInt32LE(Math.min(atBytes, WIDE), 16);
  if (!isWide) return end;
  const wide = Buffer.alloc(56 + 20);
  wide.writeUInt32LE(END64, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeUInt16LE(45, 12);
  wide.writeUInt16LE(45, 14);
  wide.writeBigUInt64LE(BigInt(count), 24);
  wide.writeBigUInt64LE(BigInt(count), 32);
  wide.writeBigUInt64LE(BigInt(directoryBytes), 40);
  wide.writeBigUInt64LE(BigInt(atBytes), 48);
  wide.writeUInt32LE(FIND64, 56);
  wide.writeBigUInt64LE(BigInt(atBytes + directoryBytes), 64);
  wide.writeUInt32LE(1, 72);
  return Buffer.concat([wide, end]);
}
