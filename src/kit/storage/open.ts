import { join } from 'node:path';
import type { Config } from '../config.ts';
import { DiskFiles } from './disk.ts';
import type { Files } from './files.ts';

/** On disk, or where a setting says. The library of S3 is large and is loaded for those who need it. */
export async function openFiles({ s3 }: Pick<Config, 's3'>, dataDir: string): Promise<Files> {
  if (!s3) return DiskFiles.at(join(dataDir, 'files'));
  const { S3Files } = await import('./s3.ts');
  return S3Files.at(s3);
}
