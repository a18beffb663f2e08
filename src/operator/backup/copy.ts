import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../kit/errors.ts';
import type { Files } from '../../kit/storage/files.ts';
import { hashFile } from '../../kit/storage/intake.ts';
import type { Shelf } from '../../kit/storage/vault/shelf.ts';
import { blobPath, type Listed, listedLine, type Member, NAMES, readListed, sizeOf, writeHashed } from './folder.ts';
import type { Steps } from './steps.ts';
import { sealedAlike } from './vaulted.ts';

const AT_ONCE = 8;

/** What there is, as a list on the disk: a node has more files than memory likes. */
export async function plan(files: Files, folder: string, path: string, keptOut: ReadonlySet<string>) {
  const sum = { count: 0, newCount: 0, newBytes: 0 };
  const list = await open(path, 'w', 0o600);
  try {
    for await (const { sha256, totalBytes } of files.list()) {
      if (keptOut.has(sha256)) continue;
      await list.write(listedLine({ name: sha256, totalBytes, sha256 }));
      sum.count += 1;
      if ((await sizeOf(blobPath(folder, sha256))) === totalBytes) continue;
      sum.newCount += 1;
      sum.newBytes += totalBytes;
    }
  } finally {
    await list.close();
  }
  return sum;
}

export async function copyBlobs(files: Files, folder: string, own: string, steps: Steps) {
  const sum = { count: 0, totalBytes: 0, damaged: [] as string[] };
  const planned = join(own, 'planned');
  const list = await open(join(own, NAMES.files), 'w', 0o600);
  const flushBatch = async (batch: readonly Listed[]) => {
    const outcomes = await Promise.all(batch.map((one) => copyBlob(files, folder, one, steps)));
    for (const [n, one] of batch.entries()) {
      if (outcomes[n] === 'damaged') sum.damaged.push(one.name);
      if (outcomes[n] !== 'there') continue;
      await list.write(listedLine(one));
      sum.count += 1;
      sum.totalBytes += one.totalBytes;
    }
  };
  try {
    let batch: Listed[] = [];
    for await (const one of readListed(planned)) {
      batch.push(one);
      if (batch.length < AT_ONCE) continue;
      await flushBatch(batch);
      batch = [];
    }
    await flushBatch(batch);
    await list.sync();
  } finally {
    await list.close();
  }
  await rm(planned);
  return { ...sum, member: await memberOf(own, NAMES.files) };
}

/** `gone`: it was deleted, or taken down, since the list was made. */
async function copyBlob(
  files: Files,
  folder: string,
  one: Listed,
  steps: Steps,
): Promise<'there' | 'gone' | 'damaged'> {
  const target = blobPath(folder, one.name);
  if ((await sizeOf(target)) === one.totalBytes) return 'there';
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  try {
    const { sha256, totalBytes } = await writeHashed(files.open(one.name), target);
    if (sha256 === one.name) {
      steps.done(totalBytes);
      return 'there';
    }
    await rm(target);
    return 'damaged';
  } catch (error) {
    if (error instanceof AppError && error.kind === 'not_found') return 'gone';
    throw error;
  }
}

/** What is sealed is copied as it is; a new seal of the same bytes is another one. */
export async function copySealed(shelf: Shelf, names: readonly string[], folder: string, own: string) {
  let count = 0;
  const list = await open(join(own, NAMES.vault), 'w', 0o600);
  try {
    for (const name of names) {
      const target = join(folder, 'vault', name);
      const totalBytes = await shelf.size(name);
      if (totalBytes === null) continue;
      const sha256 = (await sealedAlike(shelf, name, totalBytes, target))
        ? await hashFile(target)
        : (await writeHashed(shelf.open(name), target)).sha256;
      await list.write(listedLine({ name, totalBytes, sha256 }));
      count += 1;
    }
    await list.sync();
  } finally {
    await list.close();
  }
  return { count, member: await memberOf(own, NAMES.vault) };
}

const memberOf = async (own: string, name: string): Promise<Member> => {
  const path = join(own, name);
  return { name, sha256: await hashFile(path), totalBytes: (await sizeOf(path)) ?? 0 };
};
