import { Readable, Transform } from 'node:stream';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import { AppError } from '../../kit/errors.ts';
import type { Bytes } from './bytes.ts';

/**
 * Enough of ZIP (PKWARE APPNOTE 6.3.10) to look into a PyTorch archive. Other readers trust other copies of the same
 * facts, which is how scanners are fooled; an archive whose copies differ is refused.
 */
export interface ZipEntry {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  /** Where the local header begins. */
  readonly atBytes: number;
}

const MAX_ENTRIES = 50_000;
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const IN_ZIP64 = 0xffffffff;
const SIGNATURE = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, find64: 0x07064b50 };

/** Throws `invalid` for what is broken, encrypted, ambiguous or too large. */
export async function listZipEntries(bytes: Bytes): Promise<ZipEntry[]> {
  const { count, atBytes, lengthBytes } = await findDirectory(bytes);
  if (count > MAX_ENTRIES || lengthBytes > MAX_DIRECTORY_BYTES) throw broken('has too many entries');
  const directory = await bytes.read(atBytes, lengthBytes);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== SIGNATURE.central) throw broken('is damaged');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
    const end = at + 46 + (nameBytes ?? 0) + (extraBytes ?? 0) + (commentBytes ?? 0);
    if (end > directory.length) throw broken('is damaged');
    const entry = readEntry(directory, at, nameBytes ?? 0, extraBytes ?? 0);
    if (names.has(entry.name)) throw broken('has two entries of one name');
    names.add(entry.name);
    entries.push(entry);
    at = end;
  }
  if (at !== directory.length) throw broken('hides bytes in its directory');
  return entries;
}

/** The unpacked bytes. Throws `invalid` when they are more than `mostBytes` or not what the directory says. */
export async function readZipEntry(bytes: Bytes, entry: ZipEntry, mostBytes: number): Promise<Buffer> {
  if (entry.unpackedBytes > mostBytes || entry.packedBytes > mostBytes) throw broken(`has a part that is too large`);
  const packed = await bytes.read(await dataAt(bytes, entry), entry.packedBytes);
  if (!entry.isDeflated) return packed;
  try {
    const unpacked = inflateRawSync(packed, { maxOutputLength: Math.max(entry.unpackedBytes, 1) });
    if (unpacked.length === entry.unpackedBytes) return unpacked;
  } catch {
    // said below
  }
  throw broken('cannot be unpacked');
}

/** The same for what is too large to hold. The stream fails when it is not as long as the directory says. */
export async function openZipEntry(bytes: Bytes, entry: ZipEntry): Promise<Readable> {
  const startBytes = await dataAt(bytes, entry);
  const packed = Readable.from(pieces(bytes, startBytes, entry.packedBytes));
  const unpacked = entry.isDeflated ? packed.pipe(createInflateRaw()) : packed;
  let left = entry.unpackedBytes;
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      if (left < 0) done(broken('cannot be unpacked'));
      else done(null, chunk);
    },
    flush(done) {
      done(left === 0 ? null : broken('cannot be unpacked'));
    },
  });
  const fail = (error: Error) => measured.destroy(error instanceof AppError ? error : broken('cannot be unpacked'));
  packed.on('error', fail);
  if (unpacked !== packed) unpacked.on('error', fail);
  return unpacked.pipe(measured);
}

async function* pieces(bytes: Bytes, startBytes: number, lengthBytes: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < lengthBytes; done += PIECE_BYTES)
    yield await bytes.read(startBytes + done, Math.min(PIECE_BYTES, lengthBytes - done));
}
const PIECE_BYTES = 1024 * 1024;

/** Where the data of an entry begins. Throws `invalid` when its two headers say different things. */
async function dataAt(bytes: Bytes, entry: ZipEntry): Promise<number> {
  const local = await bytes.read(entry.atBytes, 30);
  if (local.readUInt32LE(0) !== SIGNATURE.local) throw broken('is damaged');
  const nameBytes = local.readUInt16LE(26);
  const name = (await bytes.read(entry.atBytes + 30, nameBytes)).toString('utf8');
  const isDeflated = local.readUInt16LE(8) === 8;
  if (name !== entry.name || isDeflated !== entry.isDeflated) throw broken('contradicts itself');
  if (!isDeflated && entry.packedBytes !== entry.unpackedBytes) throw broken('contradicts itself');
  return entry.atBytes + 30 + nameBytes + local.readUInt16LE(28);
}

/**
 * How many bytes stand before an archive that was put behind something else, such as a picture; 0 for a plain one, null
 * where there is no end of an archive. Zip readers find archives by their end, so such a file is both.
 */
export async function bytesBeforeZip(bytes: Bytes): Promise<number | null> {
  const tailBytes = Math.min(bytes.totalBytes, END_BYTES + MAX_COMMENT_BYTES);
  const tail = await bytes.read(bytes.totalBytes - tailBytes, tailBytes);
  for (let end = tail.length - END_BYTES; end >= 0; end -= 1) {
    if (tail.readUInt32LE(end) !== SIGNATURE.end || end + END_BYTES + tail.readUInt16LE(end + 20) !== tail.length)
      continue;
    const before = bytes.totalBytes - tail.length + end - tail.readUInt32LE(end + 12) - tail.readUInt32LE(end + 16);
    return Math.max(0, before);
  }
  return null;
}

function readEntry(directory: Buffer, at: number, nameBytes: number, extraBytes: number): ZipEntry {
  const flags = directory.readUInt16LE(at + 8);
  const method = directory.readUInt16LE(at + 10);
  if (flags & 0x2041) throw broken('is encrypted'); // bits 0, 6 and 13
  if (method !== 0 && method !== 8) throw broken('is packed in an unusual way');
  const name = directory.toString('utf8', at + 46, at + 46 + nameBytes);
  const extraAt = at + 46 + nameBytes;
  const wide = readZip64(directory.subarray(extraAt, extraAt + extraBytes));
  const take = (field: number) => {
    const value = directory.readUInt32LE(at + field);
    return value === IN_ZIP64 ? (wide.shift() ?? value) : value;
  };
  const unpackedBytes = take(24); // the order of the ZIP64 field: unpacked, packed, offset
  const packedBytes = take(20);
  return { name, isDeflated: method === 8, packedBytes, unpackedBytes, atBytes: take(42) };
}

function readZip64(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; ) {
    const lengthBytes = extra.readUInt16LE(at + 2);
    const field = extra.subarray(at + 4, at + 4 + lengthBytes);
    if (extra.readUInt16LE(at) === 1) {
      const values: number[] = [];
      for (let next = 0; next + 8 <= field.length && values.length < 3; next += 8) {
        values.push(Number(field.readBigUInt64LE(next)));
      }
      return values;
    }
    at += 4 + lengthBytes;
  }
  return [];
}

async function findDirectory(bytes: Bytes): Promise<{ count: number; atBytes: number; lengthBytes: number }> {
  const tailBytes = Math.min(bytes.totalBytes, END_BYTES + MAX_COMMENT_BYTES);
  const tailAt = bytes.totalBytes - tailBytes;
  const tail = await bytes.read(tailAt, tailBytes);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== SIGNATURE.end) end -= 1;
  if (end < 0) throw broken('has no end, it may be cut short');
  if (end + END_BYTES + tail.readUInt16LE(end + 20) !== tail.length) throw broken('has bytes after its end');
  const narrow = {
    count: tail.readUInt16LE(end + 10),
    atBytes: tail.readUInt32LE(end + 16),
    lengthBytes: tail.readUInt32LE(end + 12),
  };
  const endAt = tailAt + end;
  const locator = endAt >= 20 ? await bytes.read(endAt - 20, 20) : null;
  if (locator?.readUInt32LE(0) !== SIGNATURE.find64) {
    if (narrow.atBytes + narrow.lengthBytes !== endAt) throw broken('has bytes before or after its directory');
    return narrow;
  }
  const record = await bytes.read(Number(locator.readBigUInt64LE(8)), 56);
  if (record.readUInt32LE(0) !== SIGNATURE.end64) throw broken('is damaged');
  return {
    count: Number(record.readBigUInt64LE(32)),
    atBytes: Number(record.readBigUInt64LE(48)),
    lengthBytes: Number(record.readBigUInt64LE(40)),
  };
}

const broken = (how: string): AppError => new AppError('invalid', `The ZIP archive ${how}.`);
