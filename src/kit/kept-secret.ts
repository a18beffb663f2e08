import { readFile, writeFile } from 'node:fs/promises';
import { randomToken } from './ids.ts';

/** A secret that is made at first start and then stays; part of every backup. */
export async function keptSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    await writeFile(path, `${randomToken(48)}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      // another process of this node was first
      if (error.code !== 'EEXIST') throw error;
    });
    return (await readFile(path, 'utf8')).trim();
  }
}
