import { crc32 } from 'node:zlib';

export interface ZipFile {
  /** With `/` between folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const UTF8_NAMES = 0x0800;
/** 1 January 1980, the first day that the format knows: the same files make the same archive. */
const NO_DAY = 0x21;

/**
 * A ZIP archive (PKWARE APPNOTE 6.3.10) piece by piece, so that one file at a time is in memory. Nothing is packed:
 * pictures do not get smaller. At most 65,535 files and 4 GiB.
 */
export async function* zipOf(files: AsyncIterable<ZipFile>): AsyncGenerator<Buffer> {
  const directory: Buffer[] = [];
  let at = 0;
  for await (const { name, bytes } of files) {
    const path = Buffer.from(name);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0); // the version that reads it
    facts.writeUInt16LE(UTF8_NAMES, 2);
    facts.writeUInt16LE(NO_DAY, 8);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(bytes.length, 14);
    facts.writeUInt32LE(bytes.length, 18);
    facts.writeUInt16LE(path.length, 22);
    yield Buffer.concat([word(LOCAL), facts, path]);
    yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.concat([word(CENTRAL), Buffer.from([20, 0]), facts, tail, path]));
    at += 30 + path.length + bytes.length;
  }
  const list = Buffer.concat(directory);
  yield list;
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(at, 12);
  yield Buffer.concat([word(END), end]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
