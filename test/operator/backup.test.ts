import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { Image } from '../../src/gallery/model.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { TakedownTrace } from '../../src/moderation/takedown/trace.ts';
import { openRestore } from '../../src/node.ts';
import { restore } from '../../src/operator/backup/restore.ts';
import { verifyBackup } from '../../src/operator/backup/verify.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { painter } from '../gallery/painter.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { emptyMachine, everyBlob, everyRow, everySealed, takeBackup } from './backups.ts';

/** A node with pictures, a model and something in its vault. */
async function given(t: TestContext) {
  const site = await painter(t);
  const { em, ada, post, give, settle } = site;
  const version = givenVersion(em, { model: givenModel(em, { owner: ada, name: 'Brass "é" \\ 火\n{}' }) });
  await em.flush();
  await give(version.id, kohyaLoraSd1(), 'brass.safetensors');
  const { imageIds } = await post(ada, [{ altText: 'a\ttab and a "quote"' }, {}, {}]);
  const [gone = 0, kept = 0, third = 0] = imageIds;
  await carryOut(site, { target: { kind: 'image', id: gone }, outcome: 'remove' });
  await settle();
  const base = await temporaryFolder(t);
  return { ...site, base, folder: join(base, 'backup'), gone, kept, third };
}

test('a backup beside a running node, restored into an empty machine, is the same row by row and blob by blob', async (t) => {
  const { node, folder, clock, gone, em } = await given(t);
  const before = { rows: await everyRow(node), blobs: await everyBlob(node), sealed: await everySealed(node) };
  const said: string[] = [];

  const report = await takeBackup(node, folder, (text) => said.push(text));

  assert.deepEqual(report.damaged, []);
  assert.equal(report.newBlobCount, Object.keys(before.blobs).length);
  assert.ok(said.some((text) => /files are new/.test(text)));
  assert.deepEqual(await verifyBackup(folder).then(({ isWhole, isOpen }) => [isWhole, isOpen]), [true, false]);
  const machine = await emptyMachine(t, 'second');
  const restored = await machine.restore(folder);
  assert.deepEqual([restored.blobCount, restored.vaultCount], [report.blobCount, 1]);
  const again = await machine.open(clock.now);
  const after = { rows: await everyRow(again), blobs: await everyBlob(again), sealed: await everySealed(again) };
  assert.ok((before.rows.image ?? []).length === 3 && (before.rows.account ?? []).length > 0);
  assert.deepEqual(after, before);
  // with the node's own secret: the vault opens
  const { digest } = await em.fork().findOneOrFail(TakedownTrace, { kind: 'image', subjectId: String(gone) });
  assert.ok((await buffer(await again.vault.open(digest ?? ''))).length > 100);
  // and ids go on where they were
  const work = again.openWork(null);
  const made = givenModel(work.em, { owner: await work.em.findOneOrFail(Account, { name: 'ada' }) });
  await work.em.flush();
  assert.ok(made.id > 1);
});

test('the next backup into the same folder copies what is new and forgets what is gone', async (t) => {
  const { node, folder, post, ada, kept } = await given(t);
  const first = await takeBackup(node, folder);
  await post(ada, [{}]);
  const { sha256 } = await node.orm.em.fork().findOneOrFail(Image, kept);
  await node.files.remove(sha256 ?? '');

  const second = await takeBackup(node, folder);

  assert.ok(second.newBlobCount > 0 && second.newBlobCount < first.newBlobCount);
  assert.equal(second.vaultCount, 1);
  const here = (await readdir(join(folder, 'files'), { recursive: true })).filter((name) => name.length > 60);
  assert.equal(here.length, second.blobCount);
  assert.ok(!here.some((name) => name.endsWith(sha256 ?? '-')));
  assert.equal((await readdir(folder)).filter((name) => name.startsWith('made-')).length, 1);
});

test('a backup that was cut off is gone on with, and leaves the one before it whole', async (t) => {
  const { node, folder } = await given(t);
  await takeBackup(node, folder);
  const manifest = await readFile(join(folder, 'manifest.json'), 'utf8');
  // what a killed process leaves
  await mkdir(join(folder, 'made-20990101T000000000Z'));
  await writeFile(join(folder, 'made-20990101T000000000Z', 'planned'), 'x');
  await writeFile(join(folder, 'files', 'cut'), 'half');
  assert.equal((await verifyBackup(folder)).isWhole, true);
  assert.equal(await readFile(join(folder, 'manifest.json'), 'utf8'), manifest);

  const second = await takeBackup(node, folder);

  assert.equal(second.newBlobCount, 0);
  assert.deepEqual((await readdir(folder)).sort().filter((name) => name.startsWith('made-')).length, 1);
});

test('only who made a backup can read it, and its secret is in it', async (t) => {
  const { node, folder } = await given(t);
  await takeBackup(node, folder);
  const [made = ''] = (await readdir(folder)).filter((name) => name.startsWith('made-'));
  assert.equal((await readFile(join(folder, made, 'secret.key'), 'utf8')).trim(), node.secretKey);
  for (const path of await readdir(folder, { recursive: true })) {
    const found = await stat(join(folder, path));
    assert.equal(found.mode & 0o077, 0, path);
  }
});

test('what was removed as showing a child is in no backup, also not from the one before', async (t) => {
  const { node, folder, kept, third, clock, em, ...site } = await given(t);
  await takeBackup(node, folder);
  const { sha256 } = await em.fork().findOneOrFail(Image, kept);
  const inFolder = async () => (await readdir(folder, { recursive: true })).join('\n');
  assert.match(await inFolder(), new RegExp(sha256 ?? '-'));
  await carryOut({ ...site, em, clock }, { target: { kind: 'image', id: kept }, outcome: 'remove', category: 'minor' });
  await carryOut({ ...site, em, clock }, { target: { kind: 'image', id: third }, outcome: 'remove', category: 'ncii' });
  assert.equal((await everySealed(node)).length, 3);

  const report = await takeBackup(node, folder);

  assert.equal(report.vaultCount, 2);
  const names = await inFolder();
  assert.ok(!names.includes(sha256 ?? '-') && !names.includes(node.vault.nameOf(sha256 ?? '')));
});

test('a restore is refused over a node, with another secret, or of damaged members, and says what it is', async (t) => {
  const { node, folder, clock } = await given(t);
  await takeBackup(node, folder);
  const machine = await emptyMachine(t, 'second');
  await machine.restore(folder);
  await assert.rejects(machine.restore(folder), /There is a node in .* already\. --force/);
  assert.equal((await machine.restore(folder, { force: true })).newBlobCount, 0);
  const other = await emptyMachine(t, 'other', { SECRET_KEY: 'another-secret-of-at-least-32-characters-it-is' });
  await assert.rejects(other.restore(folder), /SECRET_KEY is not the one of this backup/);

  const [group = ''] = (await readdir(join(folder, 'files'))).sort();
  const [name = ''] = await readdir(join(folder, 'files', group));
  const blob = join(folder, 'files', group, name);
  const bytes = await readFile(blob);
  await writeFile(blob, Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
  assert.deepEqual((await verifyBackup(folder)).damaged, [join('files', group, name)]);
  const third = await emptyMachine(t, 'third');
  await assert.rejects(third.restore(folder), new RegExp(`${name} of this backup is damaged`));
  const without = await third.restore(folder, { skipDamaged: true });
  assert.deepEqual(without.damaged, [join('files', group, name)]);
  await (await third.open(clock.now)).start(['web']);

  const [made = ''] = (await readdir(folder)).filter((one) => one.startsWith('made-'));
  const table =
    (await readdir(join(folder, made))).find((one) => /^(image\.jsonl\.gz|tessera\.sqlite)$/.test(one)) ?? '';
  await appendFile(join(folder, made, table), 'x');
  const fourth = await emptyMachine(t, 'fourth');
  await assert.rejects(fourth.restore(folder), new RegExp(`${table.replaceAll('.', '\\.')} is damaged`));
  await writeFile(join(folder, 'manifest.json'), '{"format":1}');
  await assert.rejects(fourth.restore(folder), /The manifest in .* is damaged, or of another version/);
  await rm(join(folder, 'manifest.json'));
  await assert.rejects(fourth.restore(folder), /There is no whole backup/);
});

test('a restore over a node that runs is refused, and where there is no room it says how much is missing', async (t) => {
  const { node, folder, clock } = await given(t);
  await takeBackup(node, folder);
  const machine = await emptyMachine(t, 'second');
  const full = await openRestore(machine.config);
  full.files.freeBytes = async () => 1_000;
  await assert.rejects(restore(full, folder), /There is no room: \d+ bytes are to come, 1000 are free/);
  await machine.restore(folder);
  const again = await machine.open(clock.now);
  await again.start(['web', 'worker']);
  await assert.rejects(machine.restore(folder, { force: true }), /A node is running on .*\. Stop it first\./);
  assert.ok((await again.orm.em.fork().count(Account)) > 0);
});

test('a file that is not what its hash says is told and not taken for good', async (t) => {
  const { node, folder, third } = await given(t);
  const { sha256 } = await node.orm.em.fork().findOneOrFail(Image, third);
  const path = node.files.localPath(sha256 ?? '') ?? '';
  const bytes = await readFile(path);
  await writeFile(path, Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
  const report = await takeBackup(node, folder);
  assert.deepEqual(report.damaged, [sha256]);
  assert.equal((await verifyBackup(folder)).isWhole, true);
});

test('jobs that were waiting at the backup are done after the restore', async (t) => {
  const { node, folder, clock, em } = await given(t);
  await takeBackup(node, folder);
  const machine = await emptyMachine(t, 'second');
  await machine.restore(folder);
  const again = await machine.open(clock.now);
  assert.equal(await again.orm.em.fork().count(Job, {}), await em.fork().count(Job, {}));
});

test('while people go on, a backup is of one moment: no row of it names a file that is not in it', async (t) => {
  const { node, folder, clock, post, ada } = await given(t);
  let isDone = false;
  const busy = (async () => {
    while (!isDone) await post(ada, [{}]);
  })();
  await takeBackup(node, folder).finally(() => {
    isDone = true;
  });
  await busy;
  const machine = await emptyMachine(t, 'second');
  await machine.restore(folder);
  const again = await machine.open(clock.now);
  const images = await again.orm.em.fork().find(Image, { sha256: { $ne: null } });
  assert.ok(images.length >= 2);
  for (const { sha256 } of images) assert.ok(await again.files.has(sha256 ?? ''));
  assert.ok((await node.orm.em.fork().count(Image)) >= images.length);
});
