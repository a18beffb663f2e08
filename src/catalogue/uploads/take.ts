import { copyFile, rename, rm } from 'node:fs/promises';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { ModelFile } from '../model.ts';
import { Upload } from './model.ts';
import { attachUpload, type Uploads } from './uploads.ts';

export interface LocalFile {
  readonly path: string;
  readonly fileName: string;
  readonly totalBytes: number;
  readonly versionId?: number | null;
  readonly kind?: ModelFile['kind'];
  /** The file may be taken rather than copied. */
  readonly move?: boolean;
}

/** A file that is on this machine already, from a plain form or a command; it goes the way of every other upload. */
export async function takeFile(work: Work, uploads: Uploads, file: LocalFile): Promise<string> {
  const upload = await uploads.begin(work, file);
  const path = uploads.receiving.pathOf(upload.id);
  try {
    if (!file.move || !(await moved(file.path, path))) await copyFile(file.path, path);
  } catch (error) {
    await rm(path, { force: true });
    await uploads.discard(work, upload.id);
    throw new AppError('unavailable', 'The disk of this node is full; nothing was kept.', { cause: error });
  }
  await uploads.received(work, upload.id, file.totalBytes);
  return upload.id;
}

/** For commands and the demo: the file belongs to the version when this returns. Throws `invalid` when it is refused. */
export async function attachFile(
  work: Work,
  uploads: Uploads,
  file: LocalFile & { readonly versionId: number },
): Promise<void> {
  const uploadId = await takeFile(work, uploads, file);
  await uploads.finish(work, uploadId, new AbortController().signal);
  // where the worker was first, it may not have come this far
  await attachUpload(work, uploadId);
  const left = await work.em.fork().findOne(Upload, uploadId);
  if (left?.state !== 'refused') return;
  await uploads.discard(work, uploadId);
  throw refusalOf(left);
}

/** What whoever waits for a refused upload is told. */
export const refusalOf = ({ isWithheld, message }: Pick<Upload, 'isWithheld' | 'message'>): AppError =>
  new AppError(isWithheld ? 'withheld' : 'invalid', message ?? 'This file was refused.');

const LOOK_EVERY_MS = 40;

/**
 * Waits a moment until these uploads are read, so that the next page can show what they are. Large ones are read on;
 * the page says so and looks again.
 */
export async function settled(openWork: () => Work, uploadIds: readonly string[], patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    const open = await openWork().em.count(Upload, {
      id: { $in: [...uploadIds] },
      $or: [{ state: 'hashing' }, { state: 'ready', version: { $ne: null } }],
    });
    if (open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** False across disks. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EXDEV') return false;
    throw error;
  }
}
