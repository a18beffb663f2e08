import type { MikroORM } from '@mikro-orm/core';
import { documentSql } from '../../discovery/index/postgresql.ts';
import { SqliteDump, type TextTable } from '../../kit/database/dump/from-sqlite.ts';
import { loadPostgresql, readShape } from '../../kit/database/dump/postgresql.ts';

const SEARCHED: readonly TextTable[] = ['model', 'image', 'account'].map((kind) => ({
  ...{ name: `search_${kind}`, columns: ['name', 'words', 'body'] },
  load: [
    { name: 'id', type: 'int' },
    { name: 'document', type: 'tsvector', value: documentSql('line ->> 1', 'line ->> 2', 'line ->> 3') },
  ],
}));

/**
 * Fills a database of PostgreSQL, whose schema is that of the SQLite file, with all that the file holds. Whole or not at
 * all; new rows are numbered after the last that ever was.
 */
export async function moveFromSqlite(orm: MikroORM, path: string): Promise<void> {
  const dump = await SqliteDump.open(path);
  try {
    const shape = await readShape(orm);
    const searched = new Map(SEARCHED.map((table) => [table.name, table]));
    const tables = shape.tables.map((table) => ({
      ...table,
      columns: searched.get(table.name)?.load ?? table.columns,
    }));
    const sequences = [];
    for (const { name, table, column } of shape.sequences) {
      const highest = await dump.highest(table, column);
      sequences.push({ name, value: String(highest || 1n), isCalled: highest > 0n });
    }
    await loadPostgresql(orm, { tables, sequences }, (table) => {
      const text = searched.get(table.name);
      return text ? dump.linesOfText(text) : dump.linesOf(table);
    });
  } finally {
    await dump.close();
  }
}
