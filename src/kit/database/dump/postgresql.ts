import type { MikroORM } from '@mikro-orm/core';
import { AbstractSqlConnection } from '@mikro-orm/sqlite';

/*
 * A dump of PostgreSQL in words of our own: for each table the text of each value, as PostgreSQL itself writes and reads
 * it, so that nothing is lost on the way. pg_dump would have to be there, and not older than the server; this needs the
 * connection that the node has already.
 */

export interface DumpedTable {
  readonly name: string;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    /** SQL over `line`, the JSON array of a row's texts, where the value is not the text at its place. */
    readonly value?: string;
  }[];
}
export interface DumpedSequence {
  readonly name: string;
  /** As text: it may pass 2⁵³. */
  readonly value: string;
  readonly isCalled: boolean;
}

interface Client {
  query<T>(sql: string, values?: readonly unknown[]): Promise<{ rows: T[] }>;
}

const FETCH_ROWS = 500;
const BATCH_BYTES = 4_000_000;

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Lends one connection, in a transaction that begins as it is told. */
async function within<T>(orm: MikroORM, begin: string, act: (client: Client) => Promise<T>): Promise<T> {
  const connection = orm.em.getConnection();
  if (!(connection instanceof AbstractSqlConnection)) throw new TypeError('a dump needs an SQL database');
  const knex = connection.getKnex();
  const client = (await knex.client.acquireConnection()) as Client;
  try {
    await client.query(begin);
    try {
      const result = await act(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback');
      throw error;
    }
  } finally {
    await knex.client.releaseConnection(client);
  }
}

/** How text of values is written, whatever the server's settings are. */
const PLAIN = `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
  set local bytea_output = 'hex'; set local extra_float_digits = 1`;

const TABLES = `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
  from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> 'migration'
    and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  order by c.relname, a.attnum`;

/**
 * Hands each table of one moment to `write`, as lines: a JSON array of texts and nulls for each row. Others go on reading
 * and writing meanwhile.
 */
export async function dumpPostgresql(
  orm: MikroORM,
  write: (table: DumpedTable, lines: AsyncIterable<string>) => Promise<void>,
): Promise<{ tables: DumpedTable[]; sequences: DumpedSequence[] }> {
  return within(orm, 'begin transaction isolation level repeatable read read only', async (client) => {
    await client.query(PLAIN);
    const tables = await tablesOf(client);
    for (const table of tables) await write(table, linesOf(client, table));
    const { rows: names } = await client.query<{ name: string }>(
      'select sequencename as name from pg_sequences where schemaname = current_schema() order by 1',
    );
    const sequences: DumpedSequence[] = [];
    // sequences know no transactions: read last, they are never behind the rows
    for (const { name } of names) {
      const { rows } = await client.query<{ value: string; isCalled: boolean }>(
        `select last_value::text as value, is_called as "isCalled" from ${quote(name)}`,
      );
      if (rows[0]) sequences.push({ name, ...rows[0] });
    }
    return { tables, sequences };
  });
}

interface OwnedSequence {
  readonly name: string;
  readonly table: string;
  readonly column: string;
}

/** The tables that are there, and the sequences that number their rows. */
export function readShape(orm: MikroORM): Promise<{ tables: DumpedTable[]; sequences: OwnedSequence[] }> {
  return within(orm, 'begin read only', async (client) => {
    const { rows: sequences } = await client.query<OwnedSequence>(
      `select s.relname as name, t.relname as table, a.attname as column
       from pg_class s join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
         join pg_class t on t.oid = d.refobjid join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
       where s.relkind = 'S' and s.relnamespace = current_schema()::regnamespace order by 1`,
    );
    return { tables: await tablesOf(client), sequences };
  });
}

async function tablesOf(client: Client): Promise<DumpedTable[]> {
  const { rows } = await client.query<{ table: string; name: string; type: string }>(TABLES);
  const tables = new Map<string, { name: string; type: string }[]>();
  for (const { table, name, type } of rows) tables.set(table, [...(tables.get(table) ?? []), { name, type }]);
  return [...tables].map(([name, columns]) => ({ name, columns }));
}

async function* linesOf(client: Client, { name, columns }: DumpedTable): AsyncGenerator<string> {
  const texts = columns.map((column) => `${quote(column.name)}::text`).join(', ');
  await client.query(
    `declare dumped no scroll cursor for select to_json(array[${texts}])::text as line from ${quote(name)}`,
  );
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`fetch ${FETCH_ROWS} from dumped`);
    for (const { line } of rows) yield line;
    if (rows.length < FETCH_ROWS) break;
  }
  await client.query('close dumped');
}

/**
 * Fills a database whose schema is there with what was dumped; whatever rows it has go before. All of it or nothing.
 * Foreign keys are set again at the end, over all rows at once: a row may name one that comes after it.
 */
export async function loadPostgresql(
  orm: MikroORM,
  { tables, sequences }: { readonly tables: readonly DumpedTable[]; readonly sequences: readonly DumpedSequence[] },
  linesOfTable: (table: DumpedTable) => AsyncIterable<string>,
): Promise<void> {
  await within(orm, 'begin', async (client) => {
    await client.query(PLAIN);
    const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
      `select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as definition
       from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace`,
    );
    for (const { table, name } of keys) await client.query(`alter table ${table} drop constraint ${quote(name)}`);
    const there = await tablesOf(client);
    // what is only ever added to refuses to be emptied, and what comes in was checked when it was written
    for (const { name } of there) await client.query(`alter table ${quote(name)} disable trigger user`);
    if (there.length > 0) await client.query(`truncate ${there.map(({ name }) => quote(name)).join(', ')}`);
    for (const table of tables) {
      for await (const batch of batched(linesOfTable(table))) await insert(client, table, batch);
    }
    for (const { name, value, isCalled } of sequences)
      await client.query('select setval($1::regclass, $2::bigint, $3)', [quote(name), value, isCalled]);
    for (const { name } of there) await client.query(`alter table ${quote(name)} enable trigger user`);
    for (const { table, name, definition } of keys)
      await client.query(`alter table ${table} add constraint ${quote(name)} ${definition}`);
  });
}

async function* batched(lines: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for await (const line of lines) {
    batch.push(line);
    bytes += line.length;
    if (batch.length < FETCH_ROWS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

async function insert(client: Client, { name, columns }: DumpedTable, lines: readonly string[]): Promise<void> {
  const names = columns.map((column) => quote(column.name)).join(', ');
  const values = columns.map(({ type, value }, n) => value ?? `(line ->> ${n})::${type}`).join(', ');
  await client.query(
    `insert into ${quote(name)} (${names}) overriding system value
     select ${values} from json_array_elements($1::json) with ordinality as lines(line, n) order by n`,
    [`[${lines.join(',')}]`],
  );
}
