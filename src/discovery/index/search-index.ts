import type { EntityManager } from '@mikro-orm/core';
import { dialectOf } from '../../kit/database/sql.ts';
import { postgresqlIndex } from './postgresql.ts';
import { sqliteIndex } from './sqlite.ts';
import type { SearchIndex } from './terms.ts';

export const searchIndexOf = (em: EntityManager): SearchIndex =>
  dialectOf(em) === 'sqlite' ? sqliteIndex : postgresqlIndex;
