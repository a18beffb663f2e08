import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, NAMES, readListed } from './folder.ts';

/**
 * What belonged to earlier backups only goes when a new one is whole: what was deleted or taken down meanwhile must not
 * stay in a backup for ever (spec/takedowns.md 2.10 and 2.11).
 */
export async function prune(folder: string, manifest: Manifest): Promise<void> {
  const own = join(folder, manifest.folder);
  const blobs = await namesIn(join(own, NAMES.files));
  for (const group of await listed(join(folder, 'files')))
    for (const name of await listed(join(folder, 'files', group)))
      if (!blobs.has(short(name))) await rm(join(folder, 'files', group, name), { recursive: true, force: true });
  const sealed = await namesIn(join(own, NAMES.vault));
  for (const name of await listed(join(folder, 'vault')))
    if (!sealed.has(short(name))) await rm(join(folder, 'vault', name), { recursive: true, force: true });
  for (const name of await listed(folder))
    if (name.startsWith('made-') && name !== manifest.folder) await rm(join(folder, name), { recursive: true });
}

const listed = (path: string): Promise<string[]> => readdir(path).catch(() => []);

/** Half of the digits tell a million files apart, in half of the memory. */
const short = (name: string): string => name.slice(0, 32);

async function namesIn(path: string): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { name } of readListed(path)) names.add(short(name));
  return names;
}
