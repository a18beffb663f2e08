import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { Image } from '../../src/gallery/model.ts';
import { TakedownTrace } from '../../src/moderation/takedown/trace.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { temporaryFolder } from '../kit/temporary-folder.ts';
import { carryOut } from '../moderation/takedowns.ts';
import { emptyMachine, everyBlob, everyRow, everySealed, takeBackup } from './backups.ts';

// TEST_S3_ENDPOINT names an S3-compatible server; the matrix uses moto, a stand-in
const endpoint = process.env.TEST_S3_ENDPOINT;
const options = { skip: endpoint ? false : 'TEST_S3_ENDPOINT is not set' };

const s3Of = (bucket: string): Record<string, string> => ({
  ...{ S3_ENDPOINT: endpoint ?? '', S3_BUCKET: bucket, S3_ACCESS_KEY_ID: 'key', S3_SECRET_ACCESS_KEY: 'secret' },
});

test(
  'with S3 the vault lies in the bucket, sealed, apart from the blobs, and what is undone comes back from it',
  options,
  async (t) => {
    const site = await painter(t, { env: s3Of(`vault-${randomUUID()}`) });
    const { node, em, visitor, post, ada } = site;
    const { imageIds } = await post(ada, [{}]);
    const [id = 0] = imageIds;
    const { sha256 } = await em.fork().findOneOrFail(Image, id);
    const bytes = await buffer(node.files.open(sha256 ?? ''));

    const takedown = await carryOut(site, {
      target: { kind: 'image', id },
      outcome: 'remove',
      parameters: { block: true },
    });

    assert.equal(await node.files.has(sha256 ?? ''), false);
    assert.ok(!Object.keys(await everyBlob(node)).includes(sha256 ?? ''));
    const [name = ''] = await everySealed(node);
    assert.equal(name, node.vault.nameOf(sha256 ?? ''));
    const sealed = await buffer(node.vaultShelf.open(name));
    assert.ok(sealed.length === bytes.length + 28 && !sealed.includes(bytes.subarray(0, 16)));
    assert.deepEqual(await buffer(await node.vault.open(sha256 ?? '')), bytes);
    assert.deepEqual(await readdir(join(node.dataDir)).then((all) => all.includes('vault')), false);
    // a machine that shares the bucket and not the folder reads the marks too
    await rm(join(node.dataDir, 'taken-down.jsonl'));
    assert.equal((await node.marks.read()).lines.length, 1);
    assert.match(await readFile(join(node.dataDir, 'taken-down.jsonl'), 'utf8'), new RegExp(takedown));

    await carryOut(site, { target: { kind: 'image', id }, outcome: 'undo', parameters: { undoes: takedown } });

    assert.deepEqual(await everySealed(node), []);
    assert.equal((await bytesAt(visitor, `/media/full/${id}.webp`)).status, 200);
    assert.equal(
      (await em.fork().findOneOrFail(TakedownTrace, { takedownId: takedown, kind: 'image' })).restoredAt != null,
      true,
    );
  },
);

test('a broken source leaves nothing in a vault on S3', options, async (t) => {
  const { node } = await painter(t, { env: s3Of(`vault-${randomUUID()}`) });
  const { sha256 } = await node.files.put(Buffer.from('some bytes'));
  await assert.rejects(node.vault.put(node.files.open(sha256), 'ab'.repeat(32)), /not what its SHA-256 says/);
  await assert.rejects(node.vault.open(sha256), /not in the vault any more/);
  assert.deepEqual(await everySealed(node), []);
});

test('a backup of a node on S3 is restored into another bucket, and onto a disk', options, async (t) => {
  const site = await painter(t, { env: s3Of(`from-${randomUUID()}`) });
  const { node, post, ada, clock } = site;
  const { imageIds } = await post(ada, [{}, {}]);
  await carryOut(site, { target: { kind: 'image', id: imageIds[0] ?? 0 }, outcome: 'remove' });
  const base = await temporaryFolder(t);
  const before = { rows: await everyRow(node), blobs: await everyBlob(node), sealed: await everySealed(node) };

  await takeBackup(node, join(base, 'backup'));

  for (const [name, env] of [
    ['bucket', s3Of(`to-${randomUUID()}`)],
    ['disk', {}],
  ] as const) {
    const machine = await emptyMachine(t, name, env);
    await machine.restore(join(base, 'backup'));
    const again = await machine.open(clock.now);
    const after = { rows: await everyRow(again), blobs: await everyBlob(again), sealed: await everySealed(again) };
    assert.deepEqual(after, before, name);
  }
});
