import { join } from 'node:path';
import type { Config } from '../config.ts';
import { DiskFiles } from './disk.ts';
import type { Files } from './files.ts';
import { DiskShelf, type Shelf } from './vault/shelf.ts';

interface Stores {
  readonly files: Files;
  readonly vaultShelf: Shelf;
  /** Where machines share a store, they share the marks too. */
  readonly marksShelf: Shelf | null;
  close(): void;
}

/** The library of S3 is large and most nodes do not need it, so it is loaded where a setting asks for it. */
export async function openStores({ s3 }: Pick<Config, 's3'>, dataDir: string): Promise<Stores> {
  if (!s3) {
    const vaultShelf = await DiskShelf.at(join(dataDir, 'vault'));
    return { files: await DiskFiles.at(join(dataDir, 'files')), vaultShelf, marksShelf: null, close: () => {} };
  }
  const { S3Files } = await import('./s3.ts');
  const files = await S3Files.at(s3);
  return {
    ...{ files, vaultShelf: files.shelf('vault'), marksShelf: files.shelf('taken-down') },
    close: () => files.close(),
  };
}
