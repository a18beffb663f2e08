import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { defineEntity, p } from '@mikro-orm/core';
import { ENTITIES } from '../../src/entities.ts';
import { migrate } from '../../src/kit/database/migrate.ts';
import { type Entities, openDatabase } from '../../src/kit/database/open.ts';
import { missingStatements, schemaSql } from '../../src/kit/database/schema.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { makeLog } from '../../src/kit/log.ts';
import { freshDatabase } from './queue-setup.ts';

const HINT = 'run `npm run migration -- NAME`, or before the first release `npm run migration -- --initial`';

for (const dialect of ['sqlite', 'postgresql'] as const) {
  test(`the committed schema of ${dialect} is that of the entities`, async () => {
    const committed = await readFile(new URL(`../../src/kit/database/schema.${dialect}.sql`, import.meta.url), 'utf8');
    assert.ok(committed === (await schemaSql(dialect, ENTITIES)), HINT);
  });

  const skip = dialect === 'postgresql' && !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';
  test(`the migrations of ${dialect} make the schema of the entities`, { skip }, async (t) => {
    const endings: (() => Promise<unknown>)[] = [];
    t.after(async () => {
      for (const end of endings.reverse()) await end();
    });
    const { url, folder } = await freshDatabase(endings, dialect === 'postgresql');
    const orm = await openDatabase({ url, dataDir: folder, entities: ENTITIES, log: makeLog('silent') });
    endings.push(() => orm.close(true));
    assert.notDeepEqual(await missingStatements(orm, ENTITIES), [], 'the comparison sees nothing');
    await migrate(orm);
    assert.deepEqual(await missingStatements(orm, ENTITIES), [], HINT);
  });
}

const text = () => p.string().length(20);
const before = [
  defineEntity({ name: 'Shelf', properties: { id: p.integer().primary(), name: text() } }),
  defineEntity({
    name: 'Book',
    indexes: [{ properties: ['title'] }],
    properties: { id: p.integer().primary(), title: text(), kind: p.enum(['a', 'b', 'c']), shelfId: p.integer() },
  }),
];
const after = [
  defineEntity({
    name: 'Shelf',
    properties: { id: p.integer().primary(), name: text(), room: text().default('hall') },
  }),
  defineEntity({
    name: 'Book',
    indexes: [{ properties: ['kind'] }],
    properties: {
      id: p.integer().primary(),
      title: text(),
      kind: p.enum(['a', 'b', 'd', 'c']),
      pages: p.integer().nullable(),
    },
  }),
  defineEntity({ name: 'Reader', properties: { id: p.integer().primary(), name: text().unique() } }),
];

test('what is missing on SQLite is found and applied with the rows kept', async (t) => {
  const endings: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  const { url, folder } = await freshDatabase(endings, false);
  const open = async (entities: Entities) => {
    const orm = await openDatabase({ url, dataDir: folder, entities, log: makeLog('silent') });
    endings.push(() => orm.close(true));
    return orm;
  };
  const orm = await open(before);
  assert.deepEqual(await migrate(orm, [{ name: '0001', statements: await missingStatements(orm, before) }]), ['0001']);
  assert.deepEqual(await missingStatements(orm, before), []);
  const em = orm.em.fork();
  await rows(em, `insert into shelf (id, name) values (1, 'top')`);
  await rows(em, `insert into book (id, title, kind, shelf_id) values (7, 'Atlas', 'b', 1)`);

  const statements = await missingStatements(orm, after);
  await migrate(orm, [
    { name: '0001', statements: [] },
    { name: '0002', statements },
  ]);
  assert.deepEqual(await missingStatements(orm, after), []);
  assert.deepEqual(await rows(em, 'select * from shelf'), [{ id: 1, name: 'top', room: 'hall' }]);
  assert.deepEqual(await rows(em, 'select * from book'), [{ id: 7, title: 'Atlas', kind: 'b', pages: null }]);
  await rows(em, `insert into book (id, title, kind) values (8, 'Birds', 'd')`);
});
