import { copyFile, lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readZipEntry } from '../../catalogue/files/zip.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import { openZip } from './archive-places.ts';

export interface TreeFile {
  /** With `/` between folders. */
  readonly path: string;
  readonly totalBytes: number;
}

/** Files in folders: of this machine, or in an archive. */
export interface Tree {
  list(): Promise<TreeFile[]>;
  read(path: string, mostBytes: number): Promise<Buffer>;
  copy(path: string, to: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const MOST_FILES = 50_000;
const MOST_DEPTH = 12;

/** Links are not followed: what a folder holds is what lies in it. */
export function folderTree(root: string): Tree {
  const walk = async (folder: string, depth: number, found: TreeFile[]): Promise<void> => {
    if (depth > MOST_DEPTH) return;
    for (const entry of (await readdir(join(root, folder), { withFileTypes: true })).sort(byName)) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) await walk(path, depth + 1, found);
      else if (entry.isFile()) found.push({ path, totalBytes: (await lstat(join(root, path))).size });
      if (found.length > MOST_FILES) throw new AppError('too_large', t('import.too-many', { most: MOST_FILES }));
    }
  };
  return {
    list: async () => {
      const found: TreeFile[] = [];
      await walk('', 0, found);
      return found;
    },
    read: async (path, mostBytes) => {
      const { size } = await lstat(join(root, path));
      if (size > mostBytes) throw new AppError('too_large', t('import.too-large-entry', { name: path }));
      return readFile(join(root, path));
    },
    copy: (path, to) => copyFile(join(root, path), to),
    close: async () => undefined,
  };
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);

export async function zipTree(path: string): Promise<Tree> {
  const zip = await openZip(path);
  const find = (name: string) => {
    const entry = zip.entries.get(name);
    if (!entry) throw new AppError('gone', t('import.not-in-archive'));
    return entry;
  };
  // what a system puts beside the files, and folders themselves
  const isFile = (name: string) => !name.endsWith('/') && !/(?:^|\/)(?:\.|__MACOSX\/)/.test(name);
  return {
    list: async () =>
      [...zip.entries.values()]
        .filter(({ name }) => isFile(name))
        .map(({ name, unpackedBytes }) => ({ path: name, totalBytes: unpackedBytes }))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
    read: (name, mostBytes) => readZipEntry(zip.bytes, find(name), mostBytes),
    copy: (name, to, signal) => zip.extract(find(name), to, signal),
    close: () => zip.close(),
  };
}
