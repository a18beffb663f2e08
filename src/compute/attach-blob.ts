import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { attachFile } from '../catalogue/uploads/take.ts';
import type { Uploads } from '../catalogue/uploads/uploads.ts';
import type { Work } from '../kit/work.ts';

export interface MadeFile {
  readonly sha256: string;
  readonly totalBytes: number;
  readonly fileName: string;
  /** Of what made it, for the name of a copy on the way. */
  readonly id: string;
}

/** Gives a version a file that this node made, past the same door as an upload. */
export async function attachBlob(
  work: Work,
  { uploads, uploadsDir }: { readonly uploads: Uploads; readonly uploadsDir: string },
  { sha256, totalBytes, fileName, id }: MadeFile,
  versionId: number,
): Promise<void> {
  const local = work.files.localPath(sha256);
  const path = local ?? join(uploadsDir, `made-${id}`);
  try {
    if (!local) await pipeline(work.files.open(sha256), createWriteStream(path));
    await attachFile(work, uploads, { path, fileName, totalBytes, versionId });
  } finally {
    if (!local) await rm(path, { force: true });
  }
}
