import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Upload } from '../../src/catalogue/uploads/model.ts';
import { publisher } from './publisher.ts';

/** A disk of so many MB for the uploads of one node; null where this user may not mount. */
async function smallDisk(t: TestContext, folder: string, megabytes: number): Promise<boolean> {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return false;
  }
  t.after(() => execFileSync('umount', ['-l', folder]));
  return true;
}

test('a disk that fills up in the middle of an upload gives a message and leaves nothing', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-full-'));
  const { tus, node, em } = await publisher(t, { env: { DATA_DIR: dataDir } });
  const isSmall = await smallDisk(t, node.uploads.receiving.folder, 8);
  // after the node has closed and the disk is off
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  if (!isSmall) return t.skip('mounting a tmpfs needs root');

  const early = await tus().create(20_000_000, 'too-large.safetensors');
  // two that fit by themselves, and not together
  const first = await tus().create(7_000_000, 'a.safetensors');
  const second = await tus().create(7_000_000, 'b.safetensors');
  await tus().patch(first.location, 0, new Uint8Array(6_000_000));
  const answer = await tus().patch(second.location, 0, new Uint8Array(7_000_000));

  assert.equal(early.status, 503);
  assert.match(early.text, /almost out of disk space/);
  assert.equal(answer.status, 503);
  assert.match(answer.text, /disk of this node is full/);
  assert.equal((await tus().head(second.location)).status, 404);
  assert.equal(await em.count(Upload), 1);
  assert.equal((await readdir(node.uploads.receiving.folder)).length, 1);
});
