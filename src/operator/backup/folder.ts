import { createReadStream } from 'node:fs';
import { chmod, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { flush, takeIn } from '../../kit/storage/intake.ts';

/*
 * A backup is a folder:
 *   manifest.json        what belongs to it, with the SHA-256 of each member; written last, so that a backup that was cut
 *                        off leaves the one before it whole
 *   made-<time>/         the database (SQLite as one file, PostgreSQL as a file of lines for each table), the node's
 *                        secret, the list of files, the marks of what was taken down
 *   files/xx/<sha256>    every file once, whichever backup it came with; the next one copies only what is new
 *   vault/<name>         what lies in the node's vault, sealed as it is there
 * Everything is for its owner's eyes alone: 0700 and 0600.
 */
const MANIFEST = 'manifest.json';
export const FORMAT = 2;
/** Within `made-<time>/`. */
export const NAMES = {
  ...{ sqlite: 'tessera.sqlite', secret: 'secret.key', files: 'files.txt', vault: 'vault.txt' },
  marks: 'taken-down.jsonl',
} as const;

const Member = z.object({ name: z.string(), sha256: z.string().length(64), totalBytes: z.int() });
export type Member = z.output<typeof Member>;

const Column = z.object({ name: z.string(), type: z.string() });
const Manifest = z.object({
  format: z.literal(FORMAT),
  madeAt: z.iso.datetime(),
  program: z.string(),
  /** The folder of this backup's own members. */
  folder: z.string().regex(/^made-[0-9A-Za-z-]+$/),
  dialect: z.enum(['sqlite', 'postgresql']),
  /** Of the schema that the database has. */
  migrations: z.array(z.string()),
  tables: z.array(z.object({ name: z.string(), columns: z.array(Column).readonly() })).readonly(),
  sequences: z.array(z.object({ name: z.string(), value: z.string().regex(/^-?\d+$/), isCalled: z.boolean() })),
  members: z.array(Member),
  blobCount: z.int(),
  totalBytes: z.int(),
  vaultCount: z.int(),
});
export type Manifest = z.output<typeof Manifest>;

/** Null where there is no backup. Throws `invalid` for one that this program cannot read. */
export async function findManifest(folder: string): Promise<Manifest | null> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('invalid', `The manifest in ${folder} is damaged, or of another version of this program.`, {
      cause,
    });
  }
}

export async function readManifest(folder: string): Promise<Manifest> {
  const manifest = await findManifest(folder);
  if (!manifest) throw new AppError('invalid', `There is no whole backup in ${folder}.`);
  return manifest;
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const part = join(folder, `${MANIFEST}.part`);
  const file = await open(part, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, join(folder, MANIFEST));
  await flush(folder);
}

/** Writes a file whole or not at all, for its owner's eyes alone, and says what it is by its bytes. */
export async function writeHashed(source: Readable, target: string): Promise<Omit<Member, 'name'>> {
  const { path, sha256, totalBytes } = await takeIn(source, dirname(target));
  await chmod(path, 0o600);
  await rename(path, target);
  return { sha256, totalBytes };
}

export const blobPath = (folder: string, sha256: string): string => join(folder, 'files', sha256.slice(0, 2), sha256);

export const sizeOf = async (path: string): Promise<number | null> =>
  (await stat(path).catch(() => null))?.size ?? null;

/** One thing of a list: its name (a SHA-256, or one of the vault), its bytes, and of what is sealed the SHA-256. */
export interface Listed {
  readonly name: string;
  readonly totalBytes: number;
  readonly sha256: string;
}

/** Written with blanks between; a list of a million files is read line by line. */
export const listedLine = ({ name, totalBytes, sha256 }: Listed): string => `${name} ${totalBytes} ${sha256}\n`;

export async function* readListed(path: string): AsyncGenerator<Listed> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const [name = '', bytes = '', sha256 = ''] = line.split(' ');
    if (!/^[0-9a-f]{64}$/.test(name) || !/^\d+$/.test(bytes) || !/^[0-9a-f]{64}$/.test(sha256))
      throw new AppError('invalid', `The list ${path} is damaged.`);
    yield { name, totalBytes: Number(bytes), sha256 };
  }
}
