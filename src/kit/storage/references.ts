import type { EntityManager } from '@mikro-orm/core';
import { inList, type Parameter, rows } from '../database/sql.ts';

/**
 * Every column that names a blob. The rule is the name of the property, `sha256` or `…Sha256`, so that a table of a
 * later feature keeps its bytes without anybody thinking of this file.
 */
export function blobColumns(em: EntityManager): { table: string; column: string }[] {
  return Object.values(em.getMetadata().getAll()).flatMap(({ tableName, props }) =>
    props
      .filter(({ name }) => /^sha256$|Sha256$/.test(name))
      .map(({ fieldNames }) => ({ table: tableName, column: fieldNames[0] ?? '' })),
  );
}

/** Rows of a table that count for no reference, as a condition. */
export type Uncounted = Readonly<Record<string, { readonly sql: string; readonly values: readonly Parameter[] }>>;

/** Which of these hashes some row names. */
export async function listReferenced(
  em: EntityManager,
  sha256s: readonly string[],
  uncounted: Uncounted = {},
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { table, column } of blobColumns(em)) {
    const but = uncounted[table];
    const named = await rows<{ sha256: string }>(
      em,
      `select distinct ${column} as sha256 from ${table} where ${column} in (${inList(sha256s)})
       ${but ? `and not (${but.sql})` : ''}`,
      [...sha256s, ...(but?.values ?? [])],
    );
    for (const { sha256 } of named) found.add(sha256);
  }
  return found;
}
