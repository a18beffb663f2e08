import { tmpdir } from 'node:os';
import { migrate } from '../../src/kit/database/migrate.ts';
import type { Migration } from '../../src/kit/database/migration.ts';
import { openDatabase } from '../../src/kit/database/open.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { makeLog } from '../../src/kit/log.ts';

const filled = [
  'create table filled (id integer primary key)',
  'insert into filled with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) select i from n',
];

/** A step whose last statement takes a minute. */
export const SLOW: Record<'sqlite' | 'postgresql', Migration> = {
  sqlite: {
    name: '0002-slow',
    statements: [
      ...filled,
      'insert into filled with recursive n (i) as (select 1001 union all select i + 1 from n where i < 100000000) select i from n',
    ],
  },
  postgresql: {
    name: '0002-slow',
    // else the server would notice only at the end of the statement that its client is dead, and hold the lock till then
    statements: [...filled, `set local client_connection_check_interval = '100ms'`, 'select pg_sleep(60)'],
  },
};

// begins to migrate, and is killed on the way
if (process.env.CHILD_DATABASE) {
  const url = new URL(process.env.CHILD_DATABASE);
  const orm = await openDatabase({ url, dataDir: tmpdir(), entities: [RecordedEvent], log: makeLog('silent') });
  setTimeout(() => process.send?.('in the middle'), 1000);
  const first = { name: '0001-first', statements: ['create table one (id integer primary key, name varchar(20))'] };
  await migrate(orm, [first, url.protocol === 'sqlite:' ? SLOW.sqlite : SLOW.postgresql]);
}
