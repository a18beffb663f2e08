import { statfs } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import { storageError } from './failures.ts';

/**
 * Bytes by the SHA-256 of their content: stored once however often they are used, never changed, and complete when
 * they are there at all. Who uses a blob is known to the rows that carry its hash, not to the store; `sweep.ts`
 * collects what no row names any more.
 */
export interface Files {
  /**
   * Returns when the bytes would survive a power cut; only then may a row name them. What fails leaves nothing.
   * Throws `unavailable` (full, forbidden, unreachable) or `invalid` (a file that is not what its hash says).
   * An error of the source itself is passed on as it is.
   */
  put(source: Readable | Uint8Array | StoredFile): Promise<PutResult>;
  /** A blob that is missing is an error (`not_found`) of the stream, before its first byte. */
  open(sha256: string, range?: ByteSpan): Readable;
  stat(sha256: string): Promise<BlobStat | null>;
  has(sha256: string): Promise<boolean>;
  /**
   * Forgets the bytes; a blob that is not there is fine. With `unlessPutSince` one that was put (again) since then
   * stays, without a race against that put: false says that it stayed.
   */
  remove(sha256: string, options?: { unlessPutSince?: Date }): Promise<boolean>;
  /** Where the bytes lie on this machine's disk, for programs that read files; null when they do not. */
  localPath(sha256: string): string | null;
  /** Every blob once, in no order that means anything. */
  list(): AsyncIterable<StoredBlob>;
  /** Infinity where the store does not say. */
  freeBytes(): Promise<number>;
}

/** A finished file on this machine, such as an upload. */
export interface StoredFile {
  readonly path: string;
  /** What the content must hash to. */
  readonly sha256?: string;
  /** The caller hashed these very bytes on this machine a moment ago; they are not read a second time. */
  readonly trustSha256?: boolean;
  /** The file may be taken rather than copied; it is gone after a put that succeeded. */
  readonly move?: boolean;
}

export interface PutResult {
  readonly sha256: string;
  readonly totalBytes: number;
  /** False when the store held these bytes already. */
  readonly isNew: boolean;
}

/** Offsets in bytes, both inclusive, as `fs.createReadStream` has them. */
export interface ByteSpan {
  readonly start?: number;
  readonly end?: number;
}

export interface BlobStat {
  readonly totalBytes: number;
  /** When it was last put. */
  readonly storedAt: Date;
}

export interface StoredBlob extends BlobStat {
  readonly sha256: string;
}

/** `xx/<sha256>`: 256 folders keep each of them small. Throws `malformed` for all but 64 lower-case hex digits. */
export function blobKey(sha256: string): string {
  if (!isSha256(sha256)) throw new AppError('malformed', 'This is not a SHA-256.');
  return `${sha256.slice(0, 2)}/${sha256}`;
}

export const isSha256 = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export const isStoredFile = (source: Readable | Uint8Array | StoredFile): source is StoredFile =>
  'path' in source && typeof source.path === 'string' && !('pipe' in source);

export async function freeBytesAt(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder).catch((cause: unknown) => {
    throw storageError(cause);
  });
  return bavail * bsize;
}

/** Throws `unavailable` when taking `incomingBytes` would leave less than `floorBytes` free, for those who wait. */
export async function assertFreeSpace(
  place: Pick<Files, 'freeBytes'>,
  incomingBytes: number,
  floorBytes: number,
): Promise<void> {
  if ((await place.freeBytes()) - incomingBytes < floorBytes) {
    throw new AppError('unavailable', 'This node is almost out of disk space and takes no uploads for now.');
  }
}
