import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { ByteSpan, Files } from '../../kit/storage/files.ts';
import { StoredZip } from '../../kit/web/download/stored-zip.ts';

const LayoutEntry = z.object({
  name: z.string(),
  totalBytes: z.int(),
  crc32: z.int(),
  sha256: z.string(),
  /** Where it begins among the documents; null for bytes that lie in the store under their own hash. */
  atBytes: z.int().nullable(),
});
export type LayoutEntry = z.output<typeof LayoutEntry>;

/** Documents one after the other in a file, measured as they are written. */
export class DocumentFile {
  readonly entries: LayoutEntry[] = [];
  readonly #file: WriteStream;
  #atBytes = 0;

  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  async write(name: string, pieces: AsyncIterable<string> | Iterable<string>): Promise<LayoutEntry> {
    const hash: Hash = createHash('sha256');
    let [checksum, totalBytes] = [0, 0];
    for await (const piece of pieces) {
      const bytes = Buffer.from(piece);
      hash.update(bytes);
      checksum = crc32(bytes, checksum);
      totalBytes += bytes.length;
      if (!this.#file.write(bytes)) await once(this.#file, 'drain');
    }
    const entry = { name, totalBytes, crc32: checksum, sha256: hash.digest('hex'), atBytes: this.#atBytes };
    this.#atBytes += totalBytes;
    this.entries.push(entry);
    return entry;
  }

  async end(): Promise<void> {
    this.#file.end();
    await finished(this.#file);
  }
}

/** An archive as the store holds it. */
export interface Archive {
  readonly entries: readonly LayoutEntry[];
  readonly totalBytes: number;
  read(span: ByteSpan): Readable;
  /** One entry, or a part of it. */
  open(entry: LayoutEntry, span: ByteSpan): Readable;
}

/** Throws `gone` when its documents are not there any more. */
export async function openArchive(
  files: Pick<Files, 'open' | 'has'>,
  {
    documentsSha256,
    layoutSha256,
  }: { documentsSha256?: string | null | undefined; layoutSha256?: string | null | undefined },
): Promise<Archive> {
  if (!documentsSha256 || !layoutSha256 || !(await files.has(layoutSha256))) {
    throw new AppError('gone', 'This archive is not here any more. Make a new one.');
  }
  const entries = z.array(LayoutEntry).parse(await json(files.open(layoutSha256)));
  const zip = new StoredZip(entries);
  const open = ({ sha256, totalBytes, atBytes }: LayoutEntry, { start = 0, end = totalBytes - 1 }: ByteSpan) =>
    atBytes === null
      ? files.open(sha256, { start, end })
      : files.open(documentsSha256, { start: atBytes + start, end: atBytes + end });
  return { entries, totalBytes: zip.totalBytes, open, read: (span) => zip.read(span, open) };
}
