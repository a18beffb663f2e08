import { join } from 'node:path';
import { type EntityClass, type EntitySchema, MikroORM } from '@mikro-orm/core';
import type { Log } from '../log.ts';
import { OneFileDriver } from './sqlite.ts';

export interface DatabaseSettings {
  /** postgresql://…, sqlite:PATH, sqlite::memory:, or null for `tessera.sqlite` in the data folder. */
  readonly url: URL | null;
  readonly dataDir: string;
  readonly entities: readonly (EntityClass<object> | EntitySchema)[];
  readonly log: Log;
  /** Connections to PostgreSQL; SQLite has one. */
  readonly pool?: number;
}

/** Connects; the schema is `migrate`'s business. */
export async function openDatabase({ url, dataDir, entities, log, pool = 10 }: DatabaseSettings): Promise<MikroORM> {
  const shared = {
    entities: [...entities],
    // the entities are complete, so nothing needs to be read from source files or kept in a cache on disk
    discovery: { disableDynamicFileAccess: true, warnWhenNoEntities: false },
    metadataCache: { enabled: false },
    ignoreUndefinedInQuery: false,
    allowGlobalContext: false,
    logger: (message: string) => log.debug(message),
    forceUtcTimezone: true,
  };
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

function sqlitePath(url: URL | null, dataDir: string): string {
  if (!url) return join(dataDir, 'tessera.sqlite');
  const path = decodeURIComponent(url.pathname);
  return path === '' || path === ':memory:' || path === '/:memory:' ? ':memory:' : path;
}
