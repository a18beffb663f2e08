import { join } from 'node:path';
import { type EntitySchema, MikroORM } from '@mikro-orm/core';
import type { Log } from '../log.ts';
import { OneFileDriver } from './sqlite.ts';

// biome-ignore lint/suspicious/noExplicitAny: an EntitySchema is invariant, so a list of different ones has no other type
export type Entities = readonly EntitySchema<any>[];

export interface DatabaseSettings {
  /** postgresql://…, sqlite:PATH, sqlite::memory:, or null for `tessera.sqlite` in the data folder. */
  readonly url: URL | null;
  readonly dataDir: string;
  readonly entities: Entities;
  readonly log: Log;
  /** Connections to PostgreSQL; SQLite has one. */
  readonly pool?: number;
}

/** Connects; the schema is `migrate`'s business. */
export async function openDatabase({ url, dataDir, entities, log, pool = 10 }: DatabaseSettings): Promise<MikroORM> {
  const shared = settingsOfAll(entities, (message) => log.debug(message));
  if (url && url.protocol !== 'sqlite:') {
    const { PostgreSqlDriver } = await import('@mikro-orm/postgresql');
    return MikroORM.init({
      ...shared,
      driver: PostgreSqlDriver,
      clientUrl: url.href,
      pool: { min: 0, max: pool },
    });
  }
  return MikroORM.init({ ...shared, driver: OneFileDriver, dbName: sqlitePath(url, dataDir) });
}

export const settingsOfAll = (entities: Entities, logger: (message: string) => void) => ({
  entities: [...entities],
  // the entities are complete, so nothing needs to be read from source files or kept in a cache on disk
  discovery: { disableDynamicFileAccess: true },
  metadataCache: { enabled: false },
  allowGlobalContext: false,
  forceUtcTimezone: true,
  // what migrations write by hand: full-text tables, which the comparison with the entities cannot read
  schemaGenerator: { skipTables: [/^search_/] },
  logger,
});

export function sqlitePath(url: URL | null, dataDir: string): string {
  if (!url) return join(dataDir, 'tessera.sqlite');
  const path = decodeURIComponent(url.pathname);
  return path === '' || path === ':memory:' || path === '/:memory:' ? ':memory:' : path;
}
