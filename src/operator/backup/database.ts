import { createReadStream } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { EntityManager, MikroORM } from '@mikro-orm/core';
import { type DumpedTable, dumpPostgresql } from '../../kit/database/dump/postgresql.ts';
import { dialectOf, rows, toNumber } from '../../kit/database/sql.ts';
import { hashFile } from '../../kit/storage/intake.ts';
import { type Manifest, type Member, NAMES, sizeOf, writeHashed } from './folder.ts';

type Dumped = Pick<Manifest, 'dialect' | 'migrations' | 'tables' | 'sequences' | 'members'>;

const tableFile = (name: string): string => `${name}.jsonl.gz`;

/** About as much as it takes on the disk. */
export async function databaseBytes(em: EntityManager): Promise<number> {
  const sql =
    dialectOf(em) === 'sqlite'
      ? 'select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()'
      : 'select pg_database_size(current_database()) as bytes';
  const [row] = await rows<{ bytes: unknown }>(em, sql);
  return toNumber(row?.bytes);
}

/** Writes the database of one moment into a folder, while others go on using it. */
export async function dumpDatabase(orm: MikroORM, folder: string): Promise<Dumped> {
  const em = orm.em.fork();
  const found = await rows<{ name: string }>(em, 'select name from migration order by name');
  const migrations = found.map(({ name }) => name);
  if (dialectOf(em) === 'sqlite') {
    const path = join(folder, NAMES.sqlite);
    await rm(path, { force: true });
    // SQLite's own copy of one moment: it needs no lock against writers, and leaves out what was deleted
    await rows(em, 'vacuum into ?', [path]);
    await chmod(path, 0o600);
    const member = { name: NAMES.sqlite, sha256: await hashFile(path), totalBytes: (await sizeOf(path)) ?? 0 };
    return { dialect: 'sqlite', migrations, tables: [], sequences: [], members: [member] };
  }
  const members: Member[] = [];
  const { tables, sequences } = await dumpPostgresql(orm, async ({ name }, lines) => {
    const file = tableFile(name);
    members.push({ name: file, ...(await writeHashed(zipped(lines), join(folder, file))) });
  });
  return { dialect: 'postgresql', migrations, tables, sequences, members };
}

function zipped(lines: AsyncIterable<string>): Readable {
  const gzip = createGzip({ level: 5 });
  const ended = async function* () {
    for await (const line of lines) yield `${line}\n`;
  };
  pipeline(Readable.from(ended()), gzip).catch(() => {}); // its reader is told by the stream itself
  return gzip;
}

export async function* linesOf(folder: string, { name }: DumpedTable): AsyncGenerator<string> {
  const gunzip = createGunzip();
  pipeline(createReadStream(join(folder, tableFile(name))), gunzip).catch(() => {});
  yield* createInterface({ input: gunzip, crlfDelay: Number.POSITIVE_INFINITY });
}
