import type { Files, StoredBlob } from './files.ts';

/** As many as one query of a database takes as parameters with ease. */
const BATCH = 500;

/**
 * Removes the blobs that no row names and that nobody put since `olderThan`: a blob is put before its row is
 * committed, so a young one without a row is normal. An hour is the least; a day is safe with the slowest upload.
 * `referencedAmong` answers which of the given hashes are in use.
 */
export async function removeUnreferenced(
  files: Pick<Files, 'list' | 'remove'>,
  referencedAmong: (sha256s: readonly string[]) => Promise<ReadonlySet<string>>,
  olderThan: Date,
): Promise<{ removedBlobs: number; removedBytes: number }> {
  const sum = { removedBlobs: 0, removedBytes: 0 };
  const removeFrom = async (batch: readonly StoredBlob[]) => {
    const referenced = await referencedAmong(batch.map(({ sha256 }) => sha256));
    for (const { sha256, totalBytes } of batch) {
      if (referenced.has(sha256) || !(await files.remove(sha256, { unlessPutSince: olderThan }))) continue;
      sum.removedBlobs += 1;
      sum.removedBytes += totalBytes;
    }
  };

  let batch: StoredBlob[] = [];
  for await (const blob of files.list()) {
    if (blob.storedAt >= olderThan) continue;
    batch.push(blob);
    if (batch.length < BATCH) continue;
    await removeFrom(batch);
    batch = [];
  }
  await removeFrom(batch);
  return sum;
}
