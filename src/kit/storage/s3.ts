import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import type { S3Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { isMissing, storageError } from './failures.ts';
import type { BlobStat, ByteSpan, Files, PutResult, StoredBlob, StoredFile } from './files.ts';
import { blobKey, isSha256, isStoredFile } from './files.ts';
import { hashFile, READ_BYTES } from './intake.ts';
import { copyObject, openObject, PART_BYTES, sweepS3Leftovers, TEMPORARY_PREFIX, uploadParts } from './s3-parts.ts';
import { S3Shelf } from './vault/s3-shelf.ts';
import type { Shelf } from './vault/shelf.ts';

/** A blob put again within this time is not written again, and a sweep must leave younger ones alone. */
const TOUCH_AFTER_MS = 60 * 60 * 1000;
/** A day: a slow upload of a large model may take hours, and S3 shows no life of it. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

/**
 * Blobs in an S3-compatible store, one object each. An object appears whole or not at all, so known hashes go straight
 * to their key; a stream whose hash is known only at its end goes to `tmp/` first and is copied within the store.
 */
export class S3Files implements Files {
  readonly #s3: S3Client;
  readonly #bucket: string;

  private constructor(config: S3Config) {
    this.#bucket = config.bucket;
    this.#s3 = new S3Client({
      endpoint: config.endpoint.href,
      region: config.region,
      forcePathStyle: true, // every store takes it; most have no host name for each bucket
      credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
      // Many compatible stores refuse the CRC trailers that the SDK would send since 3.729; parts are signed anyway.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Each download holds a socket for as long as its reader takes; the SDK's 50 would stall the 51st.
      requestHandler: {
        connectionTimeout: 5000,
        socketTimeout: 60_000,
        httpAgent: { maxSockets: 1000, keepAlive: true },
        httpsAgent: { maxSockets: 1000, keepAlive: true },
      },
    });
  }

  /** Makes the bucket when there is none, and clears what died half done. Throws `unavailable`. */
  static async at(config: S3Config): Promise<S3Files> {
    const files = new S3Files(config);
    const Bucket = config.bucket;
    await translated(async () => {
      try {
        await files.#s3.send(new HeadBucketCommand({ Bucket }));
      } catch (error) {
        if (!isMissing(error)) throw error;
        await files.#s3.send(new CreateBucketCommand({ Bucket }));
      }
      await sweepS3Leftovers(files.#s3, Bucket, new Date(Date.now() - LEFTOVER_AGE_MS));
    });
    return files;
  }

  async put(source: Readable | Uint8Array | StoredFile): Promise<PutResult> {
    if (isStoredFile(source)) return this.#putFile(source);
    if (source instanceof Uint8Array) return this.#putBytes(source);
    return this.#putStream(source);
  }

  open(sha256: string, range: ByteSpan = {}): Readable {
    return openObject(this.#s3, this.#bucket, blobKey(sha256), range, READ_BYTES);
  }

  async stat(sha256: string): Promise<BlobStat | null> {
    const Key = blobKey(sha256);
    try {
      const head = await this.#s3.send(new HeadObjectCommand({ Bucket: this.#bucket, Key }));
      return { totalBytes: head.ContentLength ?? 0, storedAt: head.LastModified ?? new Date() };
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageError(error);
    }
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.stat(sha256)) !== null;
  }

  /**
   * S3 cannot delete on the condition of a time, so a put within the milliseconds between look and delete may lose.
   * Sweeps therefore ask for blobs that were put long ago, and puts renew the time (`#isThere`).
   */
  async remove(sha256: string, { unlessPutSince }: { unlessPutSince?: Date } = {}): Promise<boolean> {
    const Key = blobKey(sha256);
    if (unlessPutSince) {
      const found = await this.stat(sha256);
      if (found && found.storedAt >= unlessPutSince) return false;
    }
    await translated(() => this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key })));
    return true;
  }

  localPath(sha256: string): null {
    blobKey(sha256);
    return null;
  }

  async *list(): AsyncIterable<StoredBlob> {
    const pages = paginateListObjectsV2({ client: this.#s3 }, { Bucket: this.#bucket });
    try {
      for await (const page of pages) {
        for (const { Key = '', Size = 0, LastModified = new Date() } of page.Contents ?? []) {
          const sha256 = Key.slice(3);
          if (isSha256(sha256) && blobKey(sha256) === Key) yield { sha256, totalBytes: Size, storedAt: LastModified };
        }
      }
    } catch (cause) {
      throw storageError(cause);
    }
  }

  /** Objects of another kind in the same bucket, which `list` does not see. */
  shelf(prefix: string): Shelf {
    return new S3Shelf(this.#s3, this.#bucket, `${prefix}/`);
  }

  async freeBytes(): Promise<number> {
    return Number.POSITIVE_INFINITY;
  }

  close(): void {
    this.#s3.destroy();
  }

  async #putFile(file: StoredFile): Promise<PutResult> {
    const sha256 = file.trustSha256 && file.sha256 ? file.sha256 : await hashFile(file.path);
    if (file.sha256 !== undefined && file.sha256 !== sha256) {
      throw new AppError('invalid', 'The file is not what its SHA-256 says; it was damaged on the way.');
    }
    return translated(async () => {
      const totalBytes = (await stat(file.path)).size;
      const isNew = !(await this.#isThere(sha256, totalBytes));
      if (isNew) {
        const partBytes = Math.max(PART_BYTES, Math.ceil(totalBytes / 9000));
        await uploadParts(this.#s3, this.#bucket, blobKey(sha256), createReadStream(file.path), partBytes);
      }
      if (file.move) await rm(file.path, { force: true });
      return { sha256, totalBytes, isNew };
    });
  }

  async #putBytes(bytes: Uint8Array): Promise<PutResult> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return translated(async () => {
      const isNew = !(await this.#isThere(sha256, bytes.length));
      const object = { Bucket: this.#bucket, Key: blobKey(sha256), Body: bytes, ContentLength: bytes.length };
      if (isNew) await this.#s3.send(new PutObjectCommand(object));
      return { sha256, totalBytes: bytes.length, isNew };
    });
  }

  async #putStream(source: Readable): Promise<PutResult> {
    const chunks: AsyncIterator<Uint8Array> = source[Symbol.asyncIterator]();
    const head: Uint8Array[] = [];
    for (let headBytes = 0; headBytes <= PART_BYTES; headBytes += head.at(-1)?.length ?? 0) {
      const next = await chunks.next();
      if (next.done) return this.#putBytes(Buffer.concat(head)); // most images: one request, no copy
      head.push(next.value);
    }

    const tally = tallied(head, chunks);
    const temporaryKey = `${TEMPORARY_PREFIX}${randomUUID()}`;
    try {
      await uploadParts(this.#s3, this.#bucket, temporaryKey, tally.body, PART_BYTES);
      const { sha256, totalBytes } = tally.result();
      const isNew = !(await this.#isThere(sha256, totalBytes));
      if (isNew) await copyObject(this.#s3, this.#bucket, temporaryKey, blobKey(sha256), totalBytes);
      return { sha256, totalBytes, isNew };
    } catch (error) {
      throw tally.sourceError() ?? storageError(error);
    } finally {
      // What cannot be deleted now goes with the next start's sweep.
      await this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: temporaryKey })).catch(() => undefined);
    }
  }

  /** Renews the time of a blob that is there, so that no sweep takes it for forgotten. */
  async #isThere(sha256: string, totalBytes: number): Promise<boolean> {
    const found = await this.stat(sha256);
    if (found?.totalBytes !== totalBytes) return false;
    if (found.storedAt.getTime() < Date.now() - TOUCH_AFTER_MS) {
      await copyObject(this.#s3, this.#bucket, blobKey(sha256), blobKey(sha256), totalBytes);
    }
    return true;
  }
}

/** Passes the chunks on while it hashes and counts them, and keeps the source's own error apart from the store's. */
function tallied(head: readonly Uint8Array[], chunks: AsyncIterator<Uint8Array>) {
  const hash = createHash('sha256');
  let totalBytes = 0;
  let failure: unknown = null;
  async function* pass() {
    try {
      for (const chunk of head) yield count(chunk);
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield count(next.value);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      await chunks.return?.();
    }
  }
  const count = (chunk: Uint8Array) => {
    hash.update(chunk);
    totalBytes += chunk.length;
    return chunk;
  };
  return {
    body: Readable.from(pass(), { objectMode: false, highWaterMark: READ_BYTES }),
    result: () => ({ sha256: hash.digest('hex'), totalBytes }),
    sourceError: () => failure,
  };
}

async function translated<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw storageError(cause);
  }
}
