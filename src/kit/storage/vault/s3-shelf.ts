import type { Readable } from 'node:stream';
import { DeleteObjectCommand, HeadObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../../errors.ts';
import { isMissing, storageError } from '../failures.ts';
import type { ByteSpan } from '../files.ts';
import { READ_BYTES } from '../intake.ts';
import { openObject, PART_BYTES, uploadParts } from '../s3-parts.ts';
import type { Shelf } from './shelf.ts';

/** Objects under a prefix: what several machines of one node share, like its blobs. */
export class S3Shelf implements Shelf {
  readonly #s3: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(s3: S3Client, bucket: string, prefix: string) {
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async put(name: string, source: Readable): Promise<void> {
    let failure: unknown = null;
    source.once('error', (error) => {
      failure = error;
    });
    try {
      await uploadParts(this.#s3, this.#bucket, `${this.#prefix}${name}`, source, PART_BYTES);
    } catch (error) {
      throw failure instanceof AppError ? failure : storageError(error);
    }
  }

  async size(name: string): Promise<number | null> {
    try {
      const head = new HeadObjectCommand({ Bucket: this.#bucket, Key: `${this.#prefix}${name}` });
      return (await this.#s3.send(head)).ContentLength ?? 0;
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageError(error);
    }
  }

  open(name: string, span: ByteSpan = {}): Readable {
    return openObject(this.#s3, this.#bucket, `${this.#prefix}${name}`, span, READ_BYTES);
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: `${this.#prefix}${name}` }));
    } catch (error) {
      throw storageError(error);
    }
  }

  async *list(): AsyncIterable<string> {
    const asked = { Bucket: this.#bucket, Prefix: this.#prefix };
    try {
      for await (const page of paginateListObjectsV2({ client: this.#s3 }, asked))
        for (const { Key = '' } of page.Contents ?? []) yield Key.slice(this.#prefix.length);
    } catch (error) {
      throw storageError(error);
    }
  }
}
