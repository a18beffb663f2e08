import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { isMissing, missingBlob, storageError } from './failures.ts';
import type { ByteSpan } from './files.ts';

/** S3 takes 10,000 parts: with these, 80 GB from a stream. Four are in memory at a time. */
export const PART_BYTES = 8 * 1024 * 1024;

export const TEMPORARY_PREFIX = 'tmp/';

/** S3 copies at most 5 GiB in one request; smaller parts keep each request short. */
const COPY_PART_BYTES = 1024 * 1024 * 1024;

/** Four parts are in memory at a time, whatever the length. A failure leaves no parts behind. */
export async function uploadParts(
  s3: S3Client,
  Bucket: string,
  Key: string,
  Body: Readable,
  partSize: number,
): Promise<void> {
  await new Upload({ client: s3, params: { Bucket, Key, Body }, partSize, queueSize: 4 }).done();
}

/** Copies within the store. Onto itself it renews the time of the object. */
export async function copyObject(
  s3: S3Client,
  Bucket: string,
  from: string,
  to: string,
  totalBytes: number,
  partBytes = COPY_PART_BYTES,
): Promise<void> {
  const CopySource = `${Bucket}/${from}`;
  if (totalBytes <= partBytes) {
    // S3 refuses a copy onto itself that changes nothing.
    const renewed = { MetadataDirective: 'REPLACE', Metadata: { 'renewed-at': new Date().toISOString() } } as const;
    await s3.send(new CopyObjectCommand({ Bucket, Key: to, CopySource, ...(from === to && renewed) }));
    return;
  }
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: to }));
  try {
    const Parts: CompletedPart[] = [];
    for (let start = 0; start < totalBytes; start += partBytes) {
      const PartNumber = Parts.length + 1;
      const CopySourceRange = `bytes=${start}-${Math.min(start + partBytes, totalBytes) - 1}`;
      const part = { Bucket, Key: to, UploadId, PartNumber, CopySource, CopySourceRange };
      const { CopyPartResult } = await s3.send(new UploadPartCopyCommand(part));
      Parts.push({ PartNumber, ETag: CopyPartResult?.ETag });
    }
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: to, UploadId, MultipartUpload: { Parts } }));
  } catch (error) {
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: to, UploadId })).catch(() => undefined);
    throw error;
  }
}

/** Removes temporary objects and unfinished uploads that a process which died left behind. */
export async function sweepS3Leftovers(s3: S3Client, Bucket: string, olderThan: Date): Promise<void> {
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: TEMPORARY_PREFIX })) {
    for (const { Key, LastModified } of page.Contents ?? []) {
      if (LastModified && LastModified < olderThan) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    }
  }
  // One page of a thousand: what is beyond goes with the next start.
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  for (const { Key, UploadId, Initiated } of Uploads) {
    if (Initiated && Initiated < olderThan) {
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    }
  }
}

/** Throws `not_found` or `unavailable`. */
async function* readObject(
  s3: S3Client,
  Bucket: string,
  Key: string,
  { start, end }: ByteSpan,
  abortSignal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const isWhole = start === undefined && end === undefined;
  const Range = isWhole ? undefined : `bytes=${start ?? 0}-${end ?? ''}`;
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...(Range && { Range }) }), { abortSignal });
    if (Body instanceof Readable) yield* Body;
  } catch (cause) {
    throw isMissing(cause) ? missingBlob(cause) : storageError(cause);
  }
}

/** A stream of it, which lets go of the connection when it is closed. */
export function openObject(s3: S3Client, bucket: string, key: string, span: ByteSpan, highWaterMark: number): Readable {
  const abort = new AbortController();
  const pieces = readObject(s3, bucket, key, span, abort.signal);
  return Readable.from(pieces, { objectMode: false, highWaterMark }).once('close', () => abort.abort());
}
