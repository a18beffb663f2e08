import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../../kit/config.ts';
import { AppError } from '../../kit/errors.ts';
import type { Files } from '../../kit/storage/files.ts';
import { hashFile } from '../../kit/storage/intake.ts';
import { readLines } from '../../kit/storage/vault/line-log.ts';
import type { Shelf } from '../../kit/storage/vault/shelf.ts';
import { blobPath, type Manifest, NAMES, readListed, readManifest, sizeOf } from './folder.ts';
import type { RestoredDatabase } from './restore-database.ts';
import { Steps } from './steps.ts';
import { assertMembers } from './verify.ts';

export interface RestoreParts {
  readonly config: Pick<Config, 'dataDir' | 'secretKey'>;
  readonly database: RestoredDatabase;
  readonly files: Files;
  readonly vaultShelf: Shelf;
}

export interface RestoreOptions {
  /** Also over a node that is there: its database goes, its files stay. */
  readonly force?: boolean;
  /** What is damaged is left out instead of ending it all. */
  readonly skipDamaged?: boolean;
  /** A `taken-down.jsonl` that was saved elsewhere: it is younger than the one in the backup. */
  readonly takenDown?: string;
  readonly say?: (text: string) => void;
}

export interface RestoreReport {
  readonly madeAt: string;
  readonly blobCount: number;
  readonly newBlobCount: number;
  readonly vaultCount: number;
  /** With `skipDamaged`: what is missing now. */
  readonly damaged: readonly string[];
}

/**
 * Puts a backup where a node is to be, and checks every byte on the way. The database comes last, so that a restore that
 * was cut off is no node yet and can be begun again. Throws `conflict` where there is a node already, or where the
 * settings are not those of the backup, `invalid` for a backup that is not whole, `unavailable` where there is no room.
 */
export async function restore(
  { config, database, files, vaultShelf }: RestoreParts,
  folder: string,
  { force = false, skipDamaged = false, takenDown, say = () => {} }: RestoreOptions = {},
): Promise<RestoreReport> {
  const manifest = await readManifest(folder);
  const own = join(folder, manifest.folder);
  if (!database.takes.includes(manifest.dialect)) throw new AppError('conflict', FROM_POSTGRESQL);
  database.assertKnown(manifest.migrations);
  if (!force && !(await database.isEmpty())) {
    throw new AppError(
      'conflict',
      `There is a node in ${database.place} already. --force puts this backup in its place.`,
    );
  }
  say('Checking the database of the backup …');
  await assertMembers(folder, manifest);
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true });
  const secret = await chooseSecret(join(own, NAMES.secret), dataDir, config.secretKey, force);
  await assertRoom(files, own, folder, manifest, database);

  const steps = new Steps(manifest.blobCount, manifest.totalBytes, say);
  const damaged: string[] = [];
  const report = { blobCount: 0, newBlobCount: 0, vaultCount: 0 };
  for await (const { name: sha256, totalBytes } of readListed(join(own, NAMES.files))) {
    steps.done(totalBytes);
    const path = blobPath(folder, sha256);
    const isThere = (await files.stat(sha256))?.totalBytes === totalBytes;
    if (!isThere && !(await putWhole(files, path, sha256))) {
      damaged.push(join('files', sha256.slice(0, 2), sha256));
      if (!skipDamaged) throw damagedError(damaged[0] ?? '');
      continue;
    }
    report.blobCount += 1;
    if (!isThere) report.newBlobCount += 1;
  }
  for await (const { name, sha256 } of readListed(join(own, NAMES.vault))) {
    const path = join(folder, 'vault', name);
    if ((await sizeOf(path)) === null || (await hashFile(path)) !== sha256) {
      damaged.push(join('vault', name));
      if (!skipDamaged) throw damagedError(damaged[0] ?? '');
      continue;
    }
    if ((await vaultShelf.size(name)) === null) await vaultShelf.put(name, createReadStream(path));
    report.vaultCount += 1;
  }
  for (const path of [join(own, NAMES.marks), ...(takenDown ? [takenDown] : [])])
    await addMarks(path, join(dataDir, NAMES.marks));
  if (secret) await writeSecret(join(dataDir, NAMES.secret), secret);
  const isMove = manifest.dialect !== database.dialect;
  say(isMove ? 'Moving the database from SQLite to PostgreSQL …' : 'Filling the database …');
  await database.load(own, manifest);
  return { madeAt: manifest.madeAt, ...report, damaged };
}

const FROM_POSTGRESQL =
  'This backup is of a node with PostgreSQL: set DATABASE_URL to an empty database. There is no way back to SQLite.';

const damagedError = (what: string) =>
  new AppError('invalid', `${what} of this backup is damaged or missing. --skip-damaged restores all but such.`);

async function putWhole(files: Files, path: string, sha256: string): Promise<boolean> {
  if ((await sizeOf(path)) === null) return false;
  try {
    await files.put({ path, sha256 });
    return true;
  } catch (error) {
    if (error instanceof AppError && error.kind === 'invalid') return false;
    throw error;
  }
}

/** The secret to be written; null where the settings or the folder have it. Another one would open none of the keys. */
async function chooseSecret(path: string, dataDir: string, set: string | null, force: boolean): Promise<string | null> {
  const secret = (await readFile(path, 'utf8')).trim();
  if (set === secret) return null;
  if (set !== null) {
    throw new AppError(
      'conflict',
      'SECRET_KEY is not the one of this backup: take it away, or set the one it had then.',
    );
  }
  const kept = await readFile(join(dataDir, NAMES.secret), 'utf8').catch(() => null);
  if (kept !== null && kept.trim() !== secret && !force) {
    throw new AppError(
      'conflict',
      `The secret in ${dataDir} is another node's. --force puts this backup's in its place.`,
    );
  }
  return kept?.trim() === secret ? null : secret;
}

async function writeSecret(path: string, secret: string): Promise<void> {
  await writeFile(`${path}.part`, `${secret}\n`, { mode: 0o600 });
  await rename(`${path}.part`, path);
}

async function assertRoom(
  files: Files,
  own: string,
  folder: string,
  manifest: Manifest,
  database: RestoredDatabase,
): Promise<void> {
  let bytes = 0;
  for await (const { name, totalBytes } of readListed(join(own, NAMES.files)))
    if ((await sizeOf(blobPath(folder, name))) !== null && !(await files.has(name))) bytes += totalBytes;
  const rows = database.dialect === 'sqlite' ? manifest.members.reduce((sum, one) => sum + one.totalBytes, 0) : 0;
  const free = await files.freeBytes();
  if (free < bytes + rows)
    throw new AppError('unavailable', `There is no room: ${bytes + rows} bytes are to come, ${free} are free.`);
}

/** Lines that are there already are not written twice; what was taken down since the backup stays written. */
async function addMarks(from: string, to: string): Promise<void> {
  const [{ lines }, there] = [await readLines(from), await readLines(to)];
  const isKnown = new Set(there.lines.map((line) => JSON.stringify(line)));
  const fresh = lines.map((line) => JSON.stringify(line)).filter((line) => !isKnown.has(line));
  if (fresh.length > 0) await appendFile(to, `\n${fresh.join('\n')}\n`, { mode: 0o600 });
}
