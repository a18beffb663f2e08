import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdtemp, readdir, rename, rmdir, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { AppError } from '../../src/kit/errors.ts';
import { DiskFiles } from '../../src/kit/storage/disk.ts';
import { childProgram } from '../child.ts';
import { temporaryFolder } from './temporary-folder.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const yesterday = () => new Date(Date.now() - DAY_MS);
const says = (kind: string, message: RegExp) => (error: unknown) =>
  error instanceof AppError && error.kind === kind && message.test(error.message);

test('a process killed in the middle of a put leaves no half blob under a name', async (t) => {
  for (const afterMs of [0, 5, 15, 30, 60]) {
    const root = await temporaryFolder(t);
    const { path, execArgv } = childProgram(import.meta.url, './storage-endless-put');
    const child = spawn(process.execPath, [...execArgv, path, root], { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = '';
    child.stdout.on('data', (chunk: Buffer) => {
      acknowledged += chunk.toString();
    });
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    child.kill('SIGKILL');
    await once(child, 'close');

    const files = await DiskFiles.at(root);
    const stored = new Set<string>();
    for await (const { sha256, totalBytes } of files.list()) {
      const bytes = await buffer(files.open(sha256));
      assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
      assert.equal(totalBytes, 4_000_000);
      stored.add(sha256);
    }
    for (const sha256 of acknowledged.split('\n').slice(0, -1)) assert.ok(stored.has(sha256), `${sha256} was promised`);
  }
});

test('what a killed process left is cleared at the next start, and what another is writing is not', async (t) => {
  const root = await temporaryFolder(t);
  await DiskFiles.at(root);
  const [dead, alive] = [join(root, 'tmp/dead'), join(root, 'tmp/alive')];
  await writeFile(dead, 'half');
  await utimes(dead, yesterday(), yesterday());
  await writeFile(alive, 'half');

  await DiskFiles.at(root);

  assert.deepEqual(await readdir(join(root, 'tmp')), ['alive']);
});

test('a blob that a sweep had set aside when its process died is back after the next start', async (t) => {
  const root = await temporaryFolder(t);
  const files = await DiskFiles.at(root);
  const { sha256 } = await files.put(Buffer.from('in use after all'));
  await rename(files.localPath(sha256), join(root, 'tmp', sha256));
  await utimes(join(root, 'tmp', sha256), yesterday(), yesterday());

  await DiskFiles.at(root);

  assert.equal((await buffer(files.open(sha256))).toString(), 'in use after all');
  assert.deepEqual(await readdir(join(root, 'tmp')), []);
});

test('a put that races with the sweep of the same blob always wins', async (t) => {
  const files = await DiskFiles.at(await temporaryFolder(t));
  const bytes = Buffer.from('forgotten, and then wanted again');
  const { sha256 } = await files.put(bytes);
  for (let round = 0; round < 200; round += 1) {
    await utimes(files.localPath(sha256), yesterday(), yesterday());
    await Promise.all([
      files.remove(sha256, { unlessPutSince: new Date(Date.now() - DAY_MS / 2) }),
      files.remove(sha256, { unlessPutSince: new Date(Date.now() - DAY_MS / 2) }),
      files.put(bytes),
    ]);
    assert.ok(await files.has(sha256), `round ${round}`);
  }
});

test('a blob that lost bytes on the disk is mended by the next put', async (t) => {
  const files = await DiskFiles.at(await temporaryFolder(t));
  const bytes = randomBytes(50_000);
  const { sha256 } = await files.put(bytes);
  await truncate(files.localPath(sha256), 100);

  await files.put(bytes);

  assert.ok((await buffer(files.open(sha256))).equals(bytes));
});

test('a full disk is said so, and leaves nothing', async (t) => {
  const disk = await smallDisk(t);
  if (!disk) return t.skip('mounting a tmpfs is not permitted here');
  const files = await DiskFiles.at(disk);
  const kept = await files.put(randomBytes(500_000));
  const stream = Readable.from([randomBytes(900_000), randomBytes(900_000), randomBytes(900_000)], {
    objectMode: false,
  });

  await assert.rejects(files.put(stream), says('unavailable', /disk is full/));
  await assert.rejects(files.put(randomBytes(3_000_000)), says('unavailable', /disk is full/));

  assert.deepEqual(await readdir(join(disk, 'tmp')), []);
  assert.equal((await buffer(files.open(kept.sha256))).length, 500_000);
  await files.put(randomBytes(400_000)); // room is back
});

test('a disk that may not be written is said so', async (t) => {
  const disk = await smallDisk(t);
  if (!disk) return t.skip('mounting a tmpfs is not permitted here');
  const files = await DiskFiles.at(disk);
  execFileSync('mount', ['-o', 'remount,ro', disk]);

  await assert.rejects(files.put(Buffer.from('x')), says('unavailable', /may not use its file store/));
});

test('a file on another disk is copied when it cannot be linked', async (t) => {
  const disk = await smallDisk(t);
  if (!disk) return t.skip('mounting a tmpfs is not permitted here');
  const files = await DiskFiles.at(await temporaryFolder(t));
  const path = join(disk, 'upload');
  await writeFile(path, 'from another disk');

  const { sha256 } = await files.put({ path, move: true });

  assert.equal((await buffer(files.open(sha256))).toString(), 'from another disk');
  await assert.rejects(access(path), { code: 'ENOENT' });
});

/** A file system of 2 MiB; null where we may not mount one. */
async function smallDisk(t: TestContext): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    await rmdir(folder);
    return null;
  }
  t.after(async () => {
    execFileSync('umount', [folder]);
    await rmdir(folder);
  });
  return folder;
}
