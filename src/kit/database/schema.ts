import { MikroORM } from '@mikro-orm/core';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { type Entities, settingsOfAll } from './open.ts';
import { type Dialect, dialectOf, rows } from './sql.ts';
import { OneFileDriver } from './sqlite.ts';
import { SCHEMA_ENTRIES, type SchemaEntry, sqliteDifference } from './sqlite-difference.ts';

/** The SQL that makes all tables of the entities; it needs no database. Committed as `schema.<dialect>.sql`. */
export async function schemaSql(dialect: Dialect, entities: Entities): Promise<string> {
  const shared = { ...settingsOfAll(entities, () => {}), connect: false };
  const orm = await (dialect === 'sqlite'
    ? MikroORM.init({ ...shared, driver: OneFileDriver, dbName: ':memory:' })
    : MikroORM.init({ ...shared, driver: PostgreSqlDriver, dbName: 'none' }));
  const sql = await orm.schema.getCreateSchemaSQL({ wrap: false });
  await orm.close(true);
  return `${statementsOf(sql).join('\n')}\n`;
}

/**
 * The statements that turn the schema as it is in the database into that of the entities. Tables that migrations write
 * by hand (`search_…`) stay.
 */
export async function missingStatements(orm: MikroORM, entities: Entities): Promise<string[]> {
  if (dialectOf(orm.em) === 'postgresql') {
    return statementsOf(await orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false }));
  }
  const wanted = await MikroORM.init({
    ...settingsOfAll(entities, () => {}),
    driver: OneFileDriver,
    dbName: ':memory:',
  });
  await wanted.schema.createSchema();
  const entriesOf = ({ em }: MikroORM) => rows<SchemaEntry>(em.fork(), SCHEMA_ENTRIES);
  const difference = sqliteDifference(await entriesOf(orm), await entriesOf(wanted));
  await wanted.close(true);
  return difference;
}

const statementsOf = (sql: string): string[] =>
  sql
    .split(/;\n+/)
    .map((statement) => statement.trim().replace(/;$/, ''))
    .filter((statement) => statement !== '')
    .map((statement) => `${statement};`);
