import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { blake3, crc32 } from 'hash-wasm';
import { Hashing, storedHashes } from '../../../src/catalogue/files/hash.ts';
import { kohyaLoraSdxl, withHeader } from '../../factories/safetensors.ts';

async function given(t: TestContext, bytes: Uint8Array) {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-hash-'));
  const path = join(folder, 'upload');
  await writeFile(path, bytes);
  t.after(() => rm(folder, { recursive: true }));
  return path;
}

// One for the whole file, as a node has one for its life: starting the threads from source takes most of a second
const hashing = new Hashing();
after(() => hashing.close());

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').toUpperCase();

test('the known answers of spec/civitai-api.md 2.4 hold', async (t) => {
  const path = await given(t, Buffer.from('hello world'));

  const found = await hashing.hash(path);

  assert.equal(found.crc32, '85114A0D');
  assert.equal(found.sha256, 'B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9');
  assert.equal(found.blake3, 'D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24');
  assert.equal(found.autoV2, 'B94D27B993');
  assert.equal(found.autoV1, null);
  assert.equal(found.autoV3, null);
});

test('a large file has every hash, each over its own span', async (t) => {
  const header = Buffer.from(JSON.stringify({ a: { dtype: 'U8', shape: [3_000_000], data_offsets: [0, 3_000_000] } }));
  const bytes = withHeader(header.toString(), randomBytes(3_000_000));
  const path = await given(t, bytes);

  const found = await hashing.hash(path);

  const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
  assert.equal(found.totalBytes, bytes.length);
  assert.equal(found.sha256, sha256(bytes));
  assert.equal(found.autoV1, sha256(bytes.subarray(1_048_576, 1_048_576 + 65_536)).slice(0, 8));
  assert.equal(found.tensorSha256, sha256(bytes.subarray(dataStart)));
  assert.equal(found.autoV3, found.tensorSha256?.slice(0, 12));
  assert.equal(found.blake3, (await blake3(bytes)).toUpperCase());
  assert.equal(
    found.crc32,
    Buffer.from(await crc32(bytes), 'hex')
      .reverse()
      .toString('hex')
      .toUpperCase(),
  );
  assert.equal(storedHashes(found).sha256, found.sha256.toLowerCase());
});

test('AutoV1 begins at two MiB exactly', async (t) => {
  const bytes = randomBytes(2 * 1024 * 1024);
  const below = await given(t, bytes.subarray(1));
  const at = await given(t, bytes);

  assert.equal((await hashing.hash(below)).autoV1, null);
  assert.equal((await hashing.hash(at)).autoV1?.length, 8);
});

test('a header that is longer than the file, or than 16 MiB, gives no AutoV3', async (t) => {
  const long = Buffer.concat([Buffer.alloc(8), Buffer.from('{}'), Buffer.alloc(100)]);
  long.writeBigUInt64LE(5_000n);
  const path = await given(t, long);
  assert.equal((await hashing.hash(path)).autoV3, null);

  long.writeBigUInt64LE(BigInt(16 * 1024 * 1024 + 1));
  await writeFile(path, long);
  assert.equal((await hashing.hash(path)).tensorSha256, null);
});

test('an upload is hashed while it arrives, in any pieces', async (t) => {
  const bytes = kohyaLoraSdxl();
  const path = await given(t, new Uint8Array());
  const session = hashing.open(path);

  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at < 200 ? at + 3 : at + 7_919);
    await appendFile(path, bytes.subarray(at, next));
    session.advance(next);
    at = next;
  }

  assert.equal((await session.finish(bytes.length)).sha256, sha256(bytes));
});

test('after a restart in the middle of an upload the hash is the same', async (t) => {
  const bytes = kohyaLoraSdxl();
  const half = bytes.length >> 1;
  const path = await given(t, bytes.subarray(0, half));
  const before = new Hashing();
  before.open(path).advance(half);
  await before.close();

  const again = new Hashing();
  t.after(() => again.close());
  const session = again.open(path);
  session.advance(half);
  await appendFile(path, bytes.subarray(half));

  assert.equal((await session.finish(bytes.length)).sha256, sha256(bytes));
});

test('several files at a time do not mix', async (t) => {
  const path = await given(t, randomBytes(3_000_000));
  const other = await given(t, randomBytes(2_500_000));

  const [a, b, c] = await Promise.all([hashing.hash(path), hashing.hash(other), hashing.hash(path)]);

  assert.deepEqual(a, c);
  assert.notEqual(a.blake3, b.blake3);
});

test('progress goes up to the size of the file', async (t) => {
  const path = await given(t, Buffer.alloc(80 * 1024 * 1024));
  const seen: number[] = [];

  await hashing.hash(path, { onProgress: (doneBytes) => seen.push(doneBytes) });

  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  assert.equal(seen.at(-1), 80 * 1024 * 1024);
});

test('an aborted hash rejects at once and the next one works', async (t) => {
  const path = await given(t, Buffer.alloc(64 * 1024 * 1024));
  const controller = new AbortController();
  const hash = hashing.hash(path, { signal: controller.signal });
  setTimeout(() => controller.abort(), 5);

  await assert.rejects(hash, { kind: 'unavailable' });
  assert.equal((await hashing.hash(path)).totalBytes, 64 * 1024 * 1024);
});

test('a file that is gone or shorter than promised is unavailable, not a wrong hash', async (t) => {
  const path = await given(t, Buffer.alloc(1000));

  await assert.rejects(hashing.hash(`${path}-gone`), { kind: 'unavailable' });
  await assert.rejects(hashing.open(path).finish(2000), { kind: 'unavailable' });
});

test('an empty file has hashes and no kind', async (t) => {
  const path = await given(t, new Uint8Array());

  const found = await hashing.hash(path);

  assert.equal(found.sniffed.format, 'empty');
  assert.equal(found.sha256, sha256(new Uint8Array()));
  assert.equal(found.crc32, '00000000');
});
