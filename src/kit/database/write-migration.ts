import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { migrate } from './migrate.ts';
import { type Entities, openDatabase } from './open.ts';
import { missingStatements, schemaSql } from './schema.ts';
import type { Dialect } from './sql.ts';

const DIALECTS = ['sqlite', 'postgresql'] as const;

export interface MigrationRequest {
  /** What changes, as in a file name: `add-series`. Ignored for the initial one. */
  readonly name: string;
  /** Writes `0001-initial` whole again. Only until the first release: databases that have it are not changed. */
  readonly isInitial: boolean;
  readonly entities: Entities;
  /** The folder of this file in the sources. */
  readonly folder: string;
  /** An empty PostgreSQL database, for its difference; the initial migration needs none. */
  readonly scratchUrl: URL | null;
  readonly log: Log;
}

/** Writes a migration for both dialects and both `schema.<dialect>.sql`, and returns the files that it wrote. */
export async function writeMigration(request: MigrationRequest): Promise<string[]> {
  const written: string[] = [];
  for (const dialect of DIALECTS) {
    const folder = join(request.folder, 'migrations', dialect);
    const schemaPath = join(request.folder, `schema.${dialect}.sql`);
    const schema = await schemaSql(dialect, request.entities);
    const statements = request.isInitial ? schema.trim().split('\n') : await difference(dialect, request);
    if (statements.length > 0) {
      const name = request.isInitial ? '0001-initial' : await nextName(folder, request.name);
      written.push(await writeFileOf(join(folder, `${name}.ts`), migrationSource(name, statements)));
      written.push(await writeFileOf(join(folder, 'list.ts'), listSource(await namesIn(folder))));
    }
    written.push(await writeFileOf(schemaPath, schema));
  }
  return written;
}

async function difference(dialect: Dialect, { entities, scratchUrl, log }: MigrationRequest): Promise<string[]> {
  const url = dialect === 'sqlite' ? new URL('sqlite::memory:') : scratchUrl;
  if (!url) throw new AppError('invalid', 'Name an empty PostgreSQL database for the difference.');
  const orm = await openDatabase({ url, dataDir: '.', entities, log });
  try {
    await migrate(orm);
    return await missingStatements(orm, entities);
  } finally {
    await orm.close(true);
  }
}

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder))
    .filter((file) => /^\d{4}-.*\.ts$/.test(file))
    .map((file) => file.slice(0, -3))
    .sort();

async function nextName(folder: string, name: string): Promise<string> {
  const last = (await namesIn(folder)).at(-1)?.slice(0, 4) ?? '0000';
  return `${String(Number(last) + 1).padStart(4, '0')}-${name}`;
}

const quoted = (sql: string): string =>
  `\`${sql.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\``;

const migrationSource = (name: string, statements: readonly string[]): string =>
  `import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '${name}',
  statements: [
${statements.map((sql) => `    ${quoted(sql)},`).join('\n')}
  ],
};
`;

const listSource = (names: readonly string[]): string =>
  `import type { Migration } from '../../migration.ts';
${names.map((name) => `import { migration as m${name.slice(0, 4)} } from './${name}.ts';`).join('\n')}

/** Written by \`npm run migration\`. */
export const migrations: readonly Migration[] = [${names.map((name) => `m${name.slice(0, 4)}`).join(', ')}];
`;

async function writeFileOf(path: string, text: string): Promise<string> {
  await writeFile(path, text);
  return path;
}
