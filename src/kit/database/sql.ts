import type { EntityManager } from '@mikro-orm/core';
import { AbstractSqlConnection, type Knex } from '@mikro-orm/sqlite';
import { OneFileConnection } from './sqlite.ts';

export type Parameter = string | number | bigint | boolean | Date | Uint8Array | null | readonly string[];
export type Dialect = 'sqlite' | 'postgresql';

export function dialectOf(em: EntityManager): Dialect {
  return em.getConnection() instanceof OneFileConnection ? 'sqlite' : 'postgresql';
}

/**
 * Runs SQL with `?` for its parameters, on both dialects, inside the transaction of `em` when it has one. The rows come
 * as the driver gives them: see `toDate`, `toBoolean`, `toNumber`, `fromJson`. Identifiers are those of the tables
 * (snake case). A literal `?` is written `\\?`.
 *
 * On SQLite a SELECT outside of a transaction goes to a connection of its own that only reads, past knex and its pool.
 */
export async function rows<T extends object>(
  em: EntityManager,
  sql: string,
  parameters: readonly Parameter[] = [],
): Promise<T[]> {
  const transaction = em.getTransactionContext<Knex.Transaction>();
  const connection = em.getConnection();
  if (connection instanceof OneFileConnection) {
    const bound = parameters.map(toSqlite);
    if (!transaction && isRead(sql)) return connection.read<T>(sql, bound);
    return connection.write<T>(sql, bound, transaction);
  }
  if (!(connection instanceof AbstractSqlConnection)) throw new TypeError('raw SQL needs an SQL database');
  const query = connection.getKnex().raw(sql, parameters.map(toPostgres));
  const answer = await (transaction ? query.transacting(transaction) : query);
  return answer.rows;
}

const isRead = (sql: string): boolean => /^\s*(select|with)\b/i.test(sql);

/** Booleans are 0 and 1 and times are milliseconds, as the ORM stores them. */
function toSqlite(value: Parameter): unknown {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value;
}

const toPostgres = (value: Parameter): Knex.RawBinding =>
  value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value) : (value as Knex.RawBinding);

/** `?, ?, ?` for a list; write `in (${inList(ids)})` and give the ids. An empty list matches nothing, also after `not`. */
export const inList = (values: readonly unknown[]): string =>
  values.length === 0 ? 'null' : values.map(() => '?').join(', ');

/** A time as either driver gives it: milliseconds, text or a Date. */
export function toDate(value: unknown): Date;
export function toDate(value: null): null;
export function toDate(value: unknown): Date | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value;
  if (typeof value === 'number' || typeof value === 'bigint') return new Date(Number(value));
  return new Date(String(value));
}

/** As `toDate`, for columns that may be empty. */
export const toDateOrNull = (value: unknown): Date | null => (value == null ? null : toDate(value));

export const toBoolean = (value: unknown): boolean => value === true || value === 1 || value === 't' || value === '1';

/** Counts and sums: PostgreSQL gives them as text, for they may pass 2⁵³. */
export const toNumber = (value: unknown): number => Number(value ?? 0);

/**
 * A JSON column of objects or arrays: text on SQLite, already parsed on PostgreSQL. Where strings may stand in it, select
 * `cast(column as text)`, which is text on both. The caller knows what was stored.
 */
export function fromJson<T>(value: unknown): T | null {
  if (value === null || value === undefined) return null;
  return (typeof value === 'string' ? JSON.parse(value) : value) as T;
}
