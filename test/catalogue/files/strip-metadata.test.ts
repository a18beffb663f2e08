import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSafetensors } from '../../../src/catalogue/files/safetensors.ts';
import { stripMetadata } from '../../../src/catalogue/files/strip-metadata.ts';
import { kohyaLoraSdxl, safetensorsFile, withHeader } from '../../factories/safetensors.ts';

async function strip(file: Buffer, pieceBytes = 1_000): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(file.length / pieceBytes) }, (_, index) =>
    file.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  const out: Buffer[] = [];
  await pipeline(Readable.from(pieces), stripMetadata(file.length), async (stream) => {
    for await (const bytes of stream) out.push(bytes);
  });
  return Buffer.concat(out);
}

const tensorHash = (file: Buffer) =>
  createHash('sha256')
    .update(file.subarray(8 + Number(file.readBigUInt64LE(0))))
    .digest('hex');

test('captions, folders and paths go; tensors and AutoV3 stay', async () => {
  const file = kohyaLoraSdxl({
    metadata: { ss_sd_model_name: 'C:\\Users\\Ann\\base.safetensors', ss_vae_name: '/home/ann/v.pt' },
  });

  const stripped = await strip(file);

  const { metadata, tensors } = parseSafetensors(stripped, stripped.length);
  assert.deepEqual(tensors, parseSafetensors(file, file.length).tensors);
  assert.equal(tensorHash(stripped), tensorHash(file));
  assert.ok(!stripped.equals(file));
  assert.equal(metadata.has('ss_tag_frequency') || metadata.has('ss_dataset_dirs'), false);
  assert.deepEqual([metadata.get('ss_sd_model_name'), metadata.get('ss_vae_name')], ['base.safetensors', 'v.pt']);
  assert.equal(metadata.get('ss_network_dim'), '8');
  assert.equal(stripped.includes('Ann'), false);
  assert.equal((8 + Number(stripped.readBigUInt64LE(0))) % 8, 0);
});

test('the pieces in which a file comes make no difference', async () => {
  const file = safetensorsFile({ tensors: { __proto__x: [3], 7: [2] }, metadata: { ss_datasets: 'x', kept: 'y' } });
  const whole = await strip(file, file.length);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: file.length }), async (pieceBytes) => {
      assert.ok((await strip(file, pieceBytes)).equals(whole));
    }),
    { numRuns: 50 },
  );
});

test('a file without anything private keeps its tensors', async () => {
  const file = withHeader({ a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } }, Buffer.from('abcd'));
  assert.equal((await strip(file)).subarray(-4).toString(), 'abcd');
});

test('an unsound or short file fails and is not passed on', async () => {
  await assert.rejects(strip(Buffer.from('hello')), { kind: 'invalid' });
  await assert.rejects(strip(Buffer.alloc(0)), { kind: 'invalid' });
  await assert.rejects(strip(withHeader('{"a":1}')), { kind: 'invalid' });
  await assert.rejects(strip(Buffer.alloc(100, 0xff)), { kind: 'invalid' });
});
