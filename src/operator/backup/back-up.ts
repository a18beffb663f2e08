import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { MikroORM } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { defineSettings, type Settings } from '../../kit/settings.ts';
import { type Files, freeBytesAt } from '../../kit/storage/files.ts';
import type { Shelf } from '../../kit/storage/vault/shelf.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import { VERSION } from '../../kit/version.ts';
import type { Work } from '../../kit/work.ts';
import { copyBlobs, copySealed, plan } from './copy.ts';
import { databaseBytes, dumpDatabase } from './database.ts';
import { FORMAT, findManifest, type Manifest, type Member, NAMES, writeHashed, writeManifest } from './folder.ts';
import { prune } from './prune.ts';
import { Steps } from './steps.ts';
import { listKeptOut, listVaulted } from './vaulted.ts';

export interface BackupParts {
  readonly orm: MikroORM;
  readonly files: Files;
  readonly vault: Vault;
  readonly vaultShelf: Shelf;
  readonly settings: Settings;
  readonly secretKey: string;
  readonly dataDir: string;
}

export interface BackupReport {
  readonly folder: string;
  readonly madeAt: string;
  readonly blobCount: number;
  readonly newBlobCount: number;
  readonly totalBytes: number;
  readonly newBytes: number;
  readonly databaseBytes: number;
  readonly vaultCount: number;
  /** Files of the node that are not what their hash says. They are not in the backup. */
  readonly damaged: readonly string[];
}

/** When the newest backup was made, for the owner's page. */
export const lastBackup = defineSettings(
  'last-backup',
  z.object({
    madeAt: z.iso.datetime().nullable().default(null),
    totalBytes: z.int().default(0),
    blobCount: z.int().default(0),
    /** Files that were damaged. */
    damagedCount: z.int().default(0),
  }),
);

/** Room for the lists and what the file system itself needs. */
const MARGIN_BYTES = 16_000_000;

/**
 * Takes a backup beside the running node. The database comes first: a row never names a file that is not there, while a
 * file without a row does no harm. Nothing of the backup before is touched until this one is whole. Throws `unavailable`
 * when there is not enough room, before anything large is written.
 */
export async function backUp(
  work: Pick<Work, 'em' | 'now'>,
  parts: BackupParts,
  folder: string,
  say: (text: string) => void = () => {},
): Promise<BackupReport> {
  const madeAt = work.now();
  await findManifest(folder); // a folder of something else is left alone
  await mkdir(join(folder, 'files'), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, 'vault'), { recursive: true, mode: 0o700 });
  const name = `made-${madeAt.toISOString().replace(/[-:.]/g, '')}`;
  const own = join(folder, name);
  await rm(own, { recursive: true, force: true });
  await mkdir(own, { mode: 0o700 });

  const room = await databaseBytes(work.em);
  await assertRoom(folder, room, 'the database');
  say('Copying the database …');
  const dumped = await dumpDatabase(parts.orm, own);
  const members = [...dumped.members, ...(await writeSecrets(own, parts))];

  const planned = await plan(parts.files, folder, join(own, 'planned'), await listKeptOut(work.em));
  const vaulted = await listVaulted(work.em, parts.vault);
  await assertRoom(folder, planned.newBytes, `${planned.newCount} new files`);
  say(`${planned.newCount} of ${planned.count} files are new: ${planned.newBytes} bytes.`);
  const steps = new Steps(planned.newCount, planned.newBytes, say);
  const blobs = await copyBlobs(parts.files, folder, own, steps);
  const sealed = await copySealed(parts.vaultShelf, vaulted, folder, own);
  members.push(blobs.member, sealed.member);

  const manifest: Manifest = {
    ...{ format: FORMAT, madeAt: madeAt.toISOString(), program: VERSION, folder: name },
    ...{ dialect: dumped.dialect, migrations: dumped.migrations, tables: dumped.tables },
    ...{ sequences: dumped.sequences, members, vaultCount: sealed.count },
    ...{ blobCount: blobs.count, totalBytes: blobs.totalBytes },
  };
  await writeManifest(folder, manifest);
  await prune(folder, manifest);
  await note(work, parts.settings, manifest, blobs.damaged.length);
  return {
    ...{ folder, madeAt: manifest.madeAt, blobCount: blobs.count, totalBytes: blobs.totalBytes },
    ...{ newBlobCount: steps.count, newBytes: steps.bytes, vaultCount: sealed.count, damaged: blobs.damaged },
    databaseBytes: dumped.members.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
  };
}

async function assertRoom(folder: string, bytes: number, what: string): Promise<void> {
  const free = await freeBytesAt(folder);
  if (free >= bytes + MARGIN_BYTES) return;
  throw new AppError('unavailable', `There is no room in ${folder}: ${what} need ${bytes} bytes, ${free} are free.`);
}

/** The node's secret opens the keys of its people and its vault: without it the rest is worth little. */
async function writeSecrets(own: string, { secretKey, dataDir }: BackupParts): Promise<Member[]> {
  const written = async (name: string, bytes: Buffer) => ({
    name,
    ...(await writeHashed(Readable.from([bytes], { objectMode: false }), join(own, name))),
  });
  const members = [await written(NAMES.secret, Buffer.from(`${secretKey}\n`))];
  const marks = await readFile(join(dataDir, NAMES.marks)).catch(() => null);
  if (marks && marks.length > 0) members.push(await written(NAMES.marks, marks));
  return members;
}

async function note({ em, now }: Pick<Work, 'em' | 'now'>, settings: Settings, made: Manifest, damagedCount: number) {
  const { madeAt, totalBytes, blobCount } = made;
  await settings.write(em, lastBackup, { madeAt, totalBytes, blobCount, damagedCount }, now());
  await em.flush();
}
