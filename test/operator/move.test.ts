import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { Model } from '../../src/catalogue/model.ts';
import { listTiles } from '../../src/discovery/images.ts';
import { searchIndexOf } from '../../src/discovery/index/search-index.ts';
import { Image } from '../../src/gallery/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { rows } from '../../src/kit/database/sql.ts';
import type { Node } from '../../src/node.ts';
import { givenModel } from '../factories/content.ts';
import { A1111, generated, painter } from '../gallery/painter.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { emptyMachine, everyBlob, takeBackup } from './backups.ts';

const skip = process.env.TEST_DATABASE_URL ? false : 'TEST_DATABASE_URL names no PostgreSQL';

/** Every row of every entity, as the program reads it on either database. */
async function everyEntity({ orm }: Node): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const { className, pivotTable, tableName } of Object.values(orm.getMetadata().getAll())) {
    if (pivotTable) continue;
    const found = await orm.em.fork().find<Record<string, unknown>>(className, {});
    all[tableName] = found
      .map((row) => JSON.parse(JSON.stringify(row, inOrder)) as unknown)
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  delete all.setting;
  return all;
}

/** PostgreSQL keeps the members of an object in an order of its own. */
const inOrder = (_name: string, value: unknown): unknown =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

test('a node moves from SQLite to PostgreSQL by a restore: the same rows, files, searches and numbers', {
  skip,
}, async (t) => {
  const base = await temporaryFolder(t);
  const site = await painter(t, { env: { DATABASE_URL: `sqlite:${join(base, 'tessera.sqlite')}` } });
  const { node, em, ada, post, settle, clock } = site;
  const name = 'Brass "é" \\ 火\n{}\\u0000';
  const model = givenModel(em, { owner: ada, name });
  const odd = givenModel(em, { name: 'odd', allowCommercialUse: ['Image', 'Sell'] });
  await em.flush();
  const { imageIds } = await post(ada, [{ bytes: await generated(A1111), altText: 'a\ttab' }, {}, {}]);
  await carryOut(site, { target: { kind: 'image', id: imageIds[2] ?? 0 }, outcome: 'remove' });
  const gone = givenModel(em, { name: 'the last' });
  await em.flush();
  await em.nativeDelete(Model, { id: gone.id });
  await settle();
  const before = { rows: await everyEntity(node), blobs: await everyBlob(node) };
  // SQLite keeps what PostgreSQL refuses
  await rows(em, `update model set description = 'zero ' || char(0) || ' in it' where id = ?`, [odd.id]);
  await rows(em, 'update model set allow_commercial_use = ? where id = ?', ['["a \\u0000 zero","\\ud800"]', odd.id]);
  const folder = join(base, 'backup');
  await takeBackup(node, folder);

  const machine = await emptyMachine(t, 'moved');
  assert.ok(machine.config.databaseUrl?.protocol.startsWith('postgres'));
  const said: string[] = [];
  await machine.restore(folder, { say: (text) => said.push(text) });
  assert.ok(said.includes('Moving the database from SQLite to PostgreSQL …'), said.join());
  const moved = await machine.open(clock.now);

  const after = { rows: await everyEntity(moved), blobs: await everyBlob(moved) };
  const fork = moved.orm.em.fork();
  const whole = await fork.findOneOrFail(Model, odd.id);
  assert.deepEqual([whole.description, whole.allowCommercialUse], ['zero  in it', ['a  zero', '\ufffd']]);
  assert.deepEqual(Object.keys(after.rows), Object.keys(before.rows));
  for (const all of [before.rows, after.rows])
    all.model = (all.model ?? []).filter((row) => (row as { name?: string }).name !== 'odd');
  for (const [table, found] of Object.entries(after.rows)) assert.deepEqual(found, before.rows[table], table);
  assert.deepEqual(after.blobs, before.blobs);
  assert.equal((await fork.findOneOrFail(Model, model.id)).name, name);
  assert.ok((await verifyAudit(fork)).isWhole);
  const search = searchIndexOf(fork);
  assert.deepEqual(await search.find(fork, 'image', ['lighthouse'], 9), [imageIds[0]]);
  assert.deepEqual(
    await search.suggest(fork, 'account', ['ad'], 9),
    await searchIndexOf(em).suggest(em, 'account', ['ad'], 9),
  );
  const eyes = { levels: 1 } as Parameters<typeof listTiles>[1];
  assert.equal((await listTiles(fork, eyes, {}, { sort: 'newest', cursor: undefined, limit: 9 })).items.length, 2);
  assert.equal(await fork.count(Image), 3);
  const next = givenModel(fork, { owner: await fork.findOneOrFail(Account, { name: 'ada' }) });
  await fork.flush();
  assert.equal(next.id, gone.id + 1, 'the number of what was deleted is not given again');
});

test('what has no room in a column of PostgreSQL is named, and the database there stays empty', { skip }, async (t) => {
  const base = await temporaryFolder(t);
  const { node, em } = await painter(t, { env: { DATABASE_URL: `sqlite:${join(base, 'tessera.sqlite')}` } });
  const model = givenModel(em, {});
  await em.flush();
  await rows(em, 'update model set name = ? where id = ?', ['x'.repeat(5_000), model.id]);
  await takeBackup(node, join(base, 'backup'));
  const machine = await emptyMachine(t, 'tight');
  await assert.rejects(machine.restore(join(base, 'backup')), /model\.name holds a text of more than \d+ characters/);
  const moved = await machine.open(() => new Date());
  assert.equal(await moved.orm.em.fork().count(Account), 0);
});
