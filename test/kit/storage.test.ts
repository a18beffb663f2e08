import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { AppError } from '../../src/kit/errors.ts';
import { DiskFiles } from '../../src/kit/storage/disk.ts';
import { assertFreeSpace, blobKey, type Files } from '../../src/kit/storage/files.ts';
import { S3Files } from '../../src/kit/storage/s3.ts';
import { copyObject, sweepS3Leftovers } from '../../src/kit/storage/s3-parts.ts';
import { removeUnreferenced } from '../../src/kit/storage/sweep.ts';
import { temporaryFolder } from './temporary-folder.ts';

// One contract for every store. TEST_S3_ENDPOINT names an S3-compatible server; the matrix uses moto, a stand-in.

const s3Endpoint = process.env.TEST_S3_ENDPOINT;
const MANY_PARTS = randomBytes(20 * 1024 * 1024);

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const isError = (kind: string) => (error: unknown) => error instanceof AppError && error.kind === kind;

async function listed(files: Files): Promise<string[]> {
  const sha256s: string[] = [];
  for await (const blob of files.list()) sha256s.push(blob.sha256);
  return sha256s;
}

async function diskFiles(t: TestContext): Promise<Files> {
  return DiskFiles.at(await temporaryFolder(t));
}

const s3Config = (endpoint: string) => ({
  endpoint: new URL(endpoint),
  region: 'us-east-1',
  bucket: `test-${randomUUID()}`,
  accessKeyId: 'key',
  secretAccessKey: 'secret',
});

async function s3FilesAndClient(t: TestContext) {
  const { bucket: Bucket, ...config } = s3Config(s3Endpoint ?? '');
  const files = await S3Files.at({ ...config, bucket: Bucket });
  t.after(() => files.close());
  const s3 = new S3Client({
    endpoint: config.endpoint.href,
    region: config.region,
    forcePathStyle: true,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
  });
  t.after(() => s3.destroy());
  return { files, s3, Bucket };
}

const s3Files = async (t: TestContext): Promise<Files> => (await s3FilesAndClient(t)).files;

/** Chunks of odd sizes, as a socket gives them. */
async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7 + 3) % 150_000) {
    yield bytes.subarray(at, at + size);
  }
}

function contract(open: (t: TestContext) => Promise<Files>): void {
  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from('x')],
    ['a few kilobytes', randomBytes(70_001)],
    ['many parts', MANY_PARTS],
  ] as const) {
    test(`${what} from a stream, a buffer and a file is one and the same blob`, async (t) => {
      const files = await open(t);
      const path = join(await temporaryFolder(t), 'upload');
      await writeFile(path, bytes);
      const sha256 = sha256Of(bytes);

      const first = await files.put(Readable.from(inChunks(bytes), { objectMode: false }));
      const second = await files.put(bytes);
      const third = await files.put({ path, sha256 });

      assert.deepEqual(first, { sha256, totalBytes: bytes.length, isNew: true });
      assert.deepEqual(second, { sha256, totalBytes: bytes.length, isNew: false });
      assert.deepEqual(third, { sha256, totalBytes: bytes.length, isNew: false });
      assert.ok((await buffer(files.open(sha256))).equals(bytes));
      assert.equal((await files.stat(sha256))?.totalBytes, bytes.length);
      assert.equal((await listed(files)).length, 1);
      await access(path); // without `move` the file is still its owner's
    });
  }

  test('a range is read with both ends included', async (t) => {
    const files = await open(t);
    const bytes = randomBytes(3_000_000);
    const { sha256 } = await files.put(bytes);

    for (const [start, end] of [
      [0, 0],
      [5, 2_500_000],
      [2_999_999, 2_999_999],
      [100, undefined],
    ] as const) {
      const read = await buffer(files.open(sha256, { start, ...(end !== undefined && { end }) }));
      assert.ok(read.equals(bytes.subarray(start, (end ?? bytes.length) + 1)), `${start}-${end}`);
    }
  });

  test('a file that may be moved is gone afterwards, and stays when it is not what its hash says', async (t) => {
    const files = await open(t);
    const folder = await temporaryFolder(t);
    const bytes = randomBytes(10_000);
    const path = join(folder, 'upload');
    await writeFile(path, bytes);

    await assert.rejects(files.put({ path, sha256: sha256Of(Buffer.from('other')), move: true }), isError('invalid'));
    assert.ok((await readFile(path)).equals(bytes));
    assert.deepEqual(await listed(files), []);

    const put = await files.put({ path, sha256: sha256Of(bytes), trustSha256: true, move: true });
    assert.deepEqual(put, { sha256: sha256Of(bytes), totalBytes: bytes.length, isNew: true });
    await assert.rejects(access(path));
    assert.ok((await buffer(files.open(put.sha256))).equals(bytes));
  });

  test('twenty puts of the same bytes at once give one blob', async (t) => {
    const files = await open(t);
    const bytes = randomBytes(300_000);

    const puts = await Promise.all(
      Array.from({ length: 20 }, () => files.put(Readable.from(inChunks(bytes), { objectMode: false }))),
    );

    assert.ok(puts.some(({ isNew }) => isNew));
    assert.equal((await listed(files)).length, 1);
    assert.ok((await buffer(files.open(sha256Of(bytes)))).equals(bytes));
  });

  test('a source that breaks off passes its own error on and leaves nothing', async (t) => {
    const files = await open(t);
    const breaksAfter = async function* (bytes: Uint8Array) {
      yield* inChunks(bytes);
      throw new AppError('too_large', 'That is too much.');
    };

    for (const bytes of [Buffer.alloc(10), MANY_PARTS]) {
      await assert.rejects(files.put(Readable.from(breaksAfter(bytes), { objectMode: false })), isError('too_large'));
    }
    assert.deepEqual(await listed(files), []);
  });

  test('what is not there is said to be not there', async (t) => {
    const files = await open(t);
    const sha256 = sha256Of(Buffer.from('never stored'));

    assert.equal(await files.stat(sha256), null);
    assert.equal(await files.has(sha256), false);
    assert.equal(await files.remove(sha256), true);
    await assert.rejects(buffer(files.open(sha256)), isError('not_found'));
  });

  test('only a SHA-256 in lower-case hex is a key', async (t) => {
    const files = await open(t);
    for (const key of ['', '..', 'a'.repeat(63), 'A'.repeat(64), `../${'a'.repeat(61)}`, `${'a'.repeat(64)}\n`]) {
      assert.throws(() => files.open(key), isError('malformed'), key);
      assert.throws(() => files.localPath(key), isError('malformed'), key);
      await assert.rejects(files.stat(key), isError('malformed'), key);
      await assert.rejects(files.remove(key), isError('malformed'), key);
    }
  });

  test('a sweep removes what no row names and what is old enough, and nothing else', async (t) => {
    const files = await open(t);
    const used = await files.put(Buffer.from('used'));
    const unused = await files.put(Buffer.from('not used any more'));
    const inUse = async () => new Set([used.sha256]);
    const anHourAgo = new Date(Date.now() - 3_600_000);
    const soon = new Date(Date.now() + 60_000);

    assert.deepEqual(await removeUnreferenced(files, inUse, anHourAgo), { removedBlobs: 0, removedBytes: 0 });
    assert.deepEqual(await removeUnreferenced(files, inUse, soon), {
      removedBlobs: 1,
      removedBytes: unused.totalBytes,
    });
    assert.equal(await files.has(used.sha256), true);
    assert.equal(await files.has(unused.sha256), false);
  });

  test('a reader that leaves in the middle disturbs no one', async (t) => {
    const files = await open(t);
    const { sha256 } = await files.put(MANY_PARTS);
    for (let n = 0; n < 5; n += 1) {
      for await (const _ of files.open(sha256)) break;
    }
    assert.ok((await buffer(files.open(sha256))).equals(MANY_PARTS));
  });
}

suite('on disk', () => {
  contract(diskFiles);

  test('names the file for programs that read files', async (t) => {
    const files = await diskFiles(t);
    const { sha256 } = await files.put(Buffer.from('for the engine'));
    assert.equal(await readFile(files.localPath(sha256) ?? '', 'utf8'), 'for the engine');
    assert.match(files.localPath(sha256) ?? '', new RegExp(`/${blobKey(sha256)}$`));
  });

  test('uploads stop before the disk is full', async (t) => {
    const files = await diskFiles(t);
    const free = await files.freeBytes();
    await assertFreeSpace(files, 1, 1);
    await assert.rejects(assertFreeSpace(files, 1_000_000, free), isError('unavailable'));
  });
});

suite('on S3', { skip: s3Endpoint ? false : 'TEST_S3_ENDPOINT is not set' }, () => {
  contract(s3Files);

  test('neither a finished nor a broken put leaves temporary objects or parts', async (t) => {
    const { files, s3, Bucket } = await s3FilesAndClient(t);
    const breaks = async function* () {
      yield* inChunks(MANY_PARTS);
      throw new Error('the sender is gone');
    };
    await files.put(Readable.from(inChunks(MANY_PARTS), { objectMode: false }));
    await assert.rejects(files.put(Readable.from(breaks(), { objectMode: false })), /the sender is gone/);

    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    assert.deepEqual(
      Contents.map(({ Key }) => Key),
      [blobKey(sha256Of(MANY_PARTS))],
    );
    assert.deepEqual(Uploads, []);
  });

  test('an object that is too large for one copy is copied in parts', async (t) => {
    const { files, s3, Bucket } = await s3FilesAndClient(t);
    const { sha256, totalBytes } = await files.put(MANY_PARTS);
    const other = 'f'.repeat(64);
    await copyObject(s3, Bucket, blobKey(sha256), blobKey(other), totalBytes, 6 * 1024 * 1024);
    assert.ok((await buffer(files.open(other))).equals(MANY_PARTS));
  });

  test('what a killed process left is cleared, and what is young is not', async (t) => {
    const { s3, Bucket } = await s3FilesAndClient(t);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'tmp/half', Body: 'x' }));
    await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'tmp/parts' }));
    const objects = async () => (await s3.send(new ListObjectsV2Command({ Bucket }))).Contents?.length ?? 0;
    const uploads = async () => (await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.length ?? 0;

    // Only of objects: moto dates every unfinished upload 2010.
    await sweepS3Leftovers(s3, Bucket, new Date(Date.now() - 3_600_000));
    assert.equal(await objects(), 1);
    await sweepS3Leftovers(s3, Bucket, new Date(Date.now() + 60_000));
    assert.deepEqual([await objects(), await uploads()], [0, 0]);
  });
});

test('a store that is not there is said so at the start', async () => {
  await assert.rejects(S3Files.at(s3Config('http://127.0.0.1:9')), isError('unavailable'));
});
