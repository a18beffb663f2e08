import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../kit/config.ts';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { Files } from '../kit/storage/files.ts';
import type { Work } from '../kit/work.ts';

/*
 * A backup is a folder: the database as one file, every blob under its hash, the secret, and a manifest that says what
 * belongs to it. It is taken beside the running node. Blobs never change, so a second backup into the same folder
 * copies only what is new.
 */
const DATABASE = 'tessera.sqlite';
const SECRET = 'secret.key';
const MANIFEST = 'manifest.json';

interface Manifest {
  readonly madeAt: string;
  readonly database: { readonly sha256: string };
  readonly blobCount: number;
  readonly totalBytes: number;
}

export interface BackupReport {
  readonly blobCount: number;
  readonly newBlobCount: number;
  readonly totalBytes: number;
}

/** Throws `conflict` where the data lies in PostgreSQL or S3, whose own tools make better backups. */
export async function backUp(
  { em, files, now, config }: Pick<Work, 'em' | 'files' | 'now'> & { config: Config },
  folder: string,
): Promise<BackupReport> {
  refuseServers(config);
  await mkdir(join(folder, 'files'), { recursive: true });
  // blobs after the database: a row never names a blob that is not there, while a blob without a row does no harm
  const database = join(folder, `${DATABASE}.${process.pid}.part`);
  await rows(em, 'vacuum into ?', [database]);
  const sha256 = await hashFile(database);
  let [blobCount, newBlobCount, totalBytes] = [0, 0, 0];
  for await (const blob of files.list()) {
    const target = join(folder, 'files', blob.sha256.slice(0, 2), blob.sha256);
    blobCount += 1;
    totalBytes += blob.totalBytes;
    if (existsSync(target)) continue;
    await mkdir(join(target, '..'), { recursive: true });
    await copyBlob(files, blob.sha256, `${target}.part`);
    await rename(`${target}.part`, target);
    newBlobCount += 1;
  }
  const secret = join(config.dataDir, SECRET);
  if (existsSync(secret)) await copyFile(secret, join(folder, SECRET));
  await rename(database, join(folder, DATABASE));
  const manifest: Manifest = { madeAt: now().toISOString(), database: { sha256 }, blobCount, totalBytes };
  await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return { blobCount, newBlobCount, totalBytes };
}

/**
 * Puts a backup into a data folder that holds nothing yet, and checks every byte on the way. Throws `conflict` for a
 * folder in use, `invalid` for a backup that is not whole.
 */
export async function restore(config: Config, folder: string): Promise<{ blobCount: number }> {
  refuseServers(config);
  if (existsSync(join(config.dataDir, DATABASE))) {
    throw new AppError('conflict', `There is a node in ${config.dataDir} already. Restore into an empty DATA_DIR.`);
  }
  const manifest = await readManifest(folder);
  if ((await hashFile(join(folder, DATABASE))) !== manifest.database.sha256) {
    throw new AppError('invalid', 'The database of this backup is damaged.');
  }
  await mkdir(config.dataDir, { recursive: true });
  let blobCount = 0;
  for (const group of await readdir(join(folder, 'files')).catch(() => [])) {
    for (const sha256 of await readdir(join(folder, 'files', group))) {
      if (sha256.endsWith('.part')) continue;
      const source = join(folder, 'files', group, sha256);
      if ((await hashFile(source)) !== sha256)
        throw new AppError('invalid', `The file ${sha256} of this backup is damaged.`);
      await mkdir(join(config.dataDir, 'files', group), { recursive: true });
      await copyFile(source, join(config.dataDir, 'files', group, sha256));
      blobCount += 1;
    }
  }
  if (existsSync(join(folder, SECRET))) await copyFile(join(folder, SECRET), join(config.dataDir, SECRET));
  // last, so that a restore that was cut off is no node yet and can be begun again
  await copyFile(join(folder, DATABASE), join(config.dataDir, DATABASE));
  return { blobCount };
}

function refuseServers(config: Config): void {
  if (config.databaseUrl && config.databaseUrl.protocol !== 'sqlite:') {
    throw new AppError(
      'conflict',
      'The data is in PostgreSQL: use pg_dump and pg_restore, and copy DATA_DIR beside it.',
    );
  }
  if (config.s3) throw new AppError('conflict', 'The files are in S3: use the versions or the copies of the store.');
}

async function readManifest(folder: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Manifest;
  } catch (cause) {
    throw new AppError('invalid', `There is no whole backup in ${folder}.`, { cause });
  }
}

async function copyBlob(files: Files, sha256: string, target: string): Promise<void> {
  const path = files.localPath(sha256);
  if (path) await copyFile(path, target);
  else await pipeline(files.open(sha256), createWriteStream(target));
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
