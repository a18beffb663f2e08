import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../kit/errors.ts';
import { hashFile } from '../../kit/storage/intake.ts';
import { blobPath, type Manifest, NAMES, readListed, readManifest, sizeOf } from './folder.ts';
import { Steps } from './steps.ts';

export interface Verified {
  readonly madeAt: string;
  readonly isWhole: boolean;
  readonly blobCount: number;
  /** What is missing or not what it was, by its path in the backup. */
  readonly damaged: readonly string[];
  /** The secret can be read by others on this machine. */
  readonly isOpen: boolean;
}

/** Reads every byte of a backup and compares it with its SHA-256. Throws `invalid` for what is no backup. */
export async function verifyBackup(folder: string, say: (text: string) => void = () => {}): Promise<Verified> {
  const manifest = await readManifest(folder);
  const damaged = [...(await listDamagedMembers(folder, manifest))];
  const own = join(folder, manifest.folder);
  const steps = new Steps(manifest.blobCount, manifest.totalBytes, say);
  let blobCount = 0;
  if (!damaged.includes(join(manifest.folder, NAMES.files))) {
    for await (const { name, totalBytes } of readListed(join(own, NAMES.files))) {
      if (!(await isWhole(blobPath(folder, name), name))) damaged.push(join('files', name.slice(0, 2), name));
      blobCount += 1;
      steps.done(totalBytes);
    }
  }
  if (!damaged.includes(join(manifest.folder, NAMES.vault))) {
    for await (const { name, sha256 } of readListed(join(own, NAMES.vault)))
      if (!(await isWhole(join(folder, 'vault', name), sha256))) damaged.push(join('vault', name));
  }
  const mode = (await stat(join(own, NAMES.secret)).catch(() => null))?.mode ?? 0;
  return {
    ...{ madeAt: manifest.madeAt, isWhole: damaged.length === 0, blobCount, damaged },
    isOpen: (mode & 0o077) !== 0,
  };
}

const isWhole = async (path: string, sha256: string): Promise<boolean> =>
  (await sizeOf(path)) !== null && (await hashFile(path)) === sha256;

async function listDamagedMembers(folder: string, manifest: Manifest): Promise<string[]> {
  const damaged: string[] = [];
  for (const { name, sha256 } of manifest.members)
    if (!(await isWhole(join(folder, manifest.folder, name), sha256))) damaged.push(join(manifest.folder, name));
  return damaged;
}

/** Throws `invalid` that names them. */
export async function assertMembers(folder: string, manifest: Manifest): Promise<void> {
  const damaged = await listDamagedMembers(folder, manifest);
  if (damaged.length > 0) throw new AppError('invalid', `Of this backup ${damaged.join(', ')} is damaged.`);
}
