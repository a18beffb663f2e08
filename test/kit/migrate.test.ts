import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { migrate } from '../../src/kit/database/migrate.ts';
import type { Migration } from '../../src/kit/database/migration.ts';
import { openDatabase } from '../../src/kit/database/open.ts';
import { rows, toNumber } from '../../src/kit/database/sql.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { makeLog } from '../../src/kit/log.ts';
import { childProgram } from '../child.ts';
import { SLOW } from './migrate-child.ts';
import { freshDatabase, until } from './queue-setup.ts';

const STEPS: readonly Migration[] = [
  { name: '0001-first', statements: ['create table one (id integer primary key, name varchar(20))'] },
  {
    name: '0002-second',
    statements: [`insert into one (id, name) values (1, 'a?b')`, 'alter table one add column n integer'],
  },
];

const GROUNDS = [
  { name: 'SQLite', skip: false, isPostgresql: false },
  {
    name: 'PostgreSQL',
    skip: !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL',
    isPostgresql: true,
  },
] as const;

for (const { name, skip, isPostgresql } of GROUNDS) {
  describe(`migrating ${name}`, { skip }, () => {
    const openBoth = async (t: TestContext) => {
      const { url, folder, open } = await place(t, isPostgresql);
      return { url, folder, open, orm: await open() };
    };

    test('what is missing is applied, in order, once', async (t) => {
      const { orm } = await openBoth(t);
      assert.deepEqual(await migrate(orm, STEPS.slice(0, 1)), ['0001-first']);
      assert.deepEqual(await migrate(orm, STEPS), ['0002-second']);
      assert.deepEqual(await migrate(orm, STEPS), []);
      assert.deepEqual(await rows(orm.em.fork(), 'select id, name, n from one'), [{ id: 1, name: 'a?b', n: null }]);
    });

    test('a step that fails leaves nothing of it, nor of the steps before it', async (t) => {
      const { orm } = await openBoth(t);
      const broken = [...STEPS, { name: '0003-broken', statements: ['create table two (id integer)', 'nonsense'] }];
      await assert.rejects(migrate(orm, broken));
      assert.deepEqual(await migrate(orm, STEPS), ['0001-first', '0002-second']);
    });

    test('a database of a newer program is refused', async (t) => {
      const { orm } = await openBoth(t);
      await migrate(orm, STEPS);
      await assert.rejects(migrate(orm, STEPS.slice(0, 1)), { kind: 'conflict' });
    });

    test('two processes that start at once migrate once', async (t) => {
      const { orm, open } = await openBoth(t);
      const other = await open();
      const done = await Promise.all([migrate(orm, STEPS), migrate(other, STEPS)]);
      assert.deepEqual(done.flat().sort(), ['0001-first', '0002-second']);
    });

    test('killed in the middle, it leaves the schema as it was, and the next start completes it', async (t) => {
      const { orm, url } = await openBoth(t);
      const { path, execArgv } = childProgram(import.meta.url, './migrate-child');
      const child = fork(path, { env: { ...process.env, CHILD_DATABASE: url.href }, execArgv });
      t.after(() => child.kill('SIGKILL'));
      let isInTheMiddle = false;
      child.on('message', () => {
        isInTheMiddle = true;
      });
      await until('the child is in the middle', () => isInTheMiddle, 20_000);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      assert.deepEqual(await migrate(orm, STEPS.slice(0, 1)), ['0001-first'], 'the killed process left something');
      const slow = isPostgresql ? SLOW.postgresql : SLOW.sqlite;
      assert.deepEqual(
        await migrate(orm, [...STEPS.slice(0, 1), { ...slow, statements: slow.statements.slice(0, -1) }]),
        [slow.name],
      );
      const [row] = await rows<{ n: unknown }>(orm.em.fork(), 'select count(*) as n from filled');
      assert.equal(toNumber(row?.n), 1000);
    });
  });
}

async function place(t: TestContext, isPostgresql: boolean) {
  const endings: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  const { url, folder } = await freshDatabase(endings, isPostgresql);
  const open = async () => {
    const orm = await openDatabase({ url, dataDir: folder, entities: [RecordedEvent], log: makeLog('silent') });
    endings.push(() => orm.close(true));
    return orm;
  };
  return { url, folder, open };
}
