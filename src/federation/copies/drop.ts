import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { can } from '../../accounts/permissions.ts';
import { ModelFile } from '../../catalogue/model.ts';
import { Upload } from '../../catalogue/uploads/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { FileCopy } from './model.ts';
import { findPeerFile, mayKeep } from './rules.ts';

type Task = Pick<Work, 'em' | 'files' | 'jobs'>;

/** Copies whose original was deleted, changed, withheld or forbidden go, bytes and all. Again is harmless. */
export async function reviewCopies(work: Task, federation: Federation): Promise<void> {
  for (const copy of await work.em.find(FileCopy, {})) {
    const found = await findPeerFile(work, copy.fileId);
    const isSame = found?.file.sha256 === copy.digest;
    if (found && isSame && (await mayKeep(work, federation, found))) continue;
    await dropCopy(work, federation, copy);
  }
}

/** The owner of the node does not want it any more. */
export async function removeCopy(
  work: Task & Pick<Work, 'viewer'>,
  federation: Federation,
  fileId: number,
): Promise<void> {
  if (!can(work.viewer, 'manageCatalogue')) throw new AppError('forbidden', 'You cannot remove copies here.');
  const copy = await work.em.findOne(FileCopy, fileId);
  if (copy) await dropCopy(work, federation, copy);
}

async function dropCopy({ em, files, jobs }: Task, { uploadsDir }: Federation, copy: FileCopy): Promise<void> {
  const { fileId, digest, jobId, keptAt, state } = copy;
  if (jobId != null && state !== 'kept') await jobs.cancel(em, jobId);
  if (state === 'kept') await em.nativeUpdate(ModelFile, { id: fileId, sha256: digest }, { isStored: false });
  await em.nativeDelete(FileCopy, { fileId });
  await rm(join(uploadsDir, 'copies', `${fileId}-${digest}.part`), { force: true });
  const others =
    (await em.count(ModelFile, { sha256: digest, isStored: true })) + (await em.count(Upload, { sha256: digest }));
  // bytes that somebody put here since are theirs
  if (state === 'kept' && others === 0)
    await files.remove(digest, keptAt ? { unlessPutSince: new Date(keptAt.getTime() + 1_000) } : {});
}
