import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memoryBytes } from '../../../src/catalogue/files/bytes.ts';
import { parseGguf } from '../../../src/catalogue/files/gguf.ts';
import { inspectBytes } from '../../../src/catalogue/files/inspect.ts';
import { GGUF_ARCHITECTURES, GGUF_TEXT_ENCODERS } from '../../../src/catalogue/files/metadata-table.ts';
import { AppError } from '../../../src/kit/errors.ts';

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const field = (key: string, value: string) => Buffer.concat([text(key), u32(8), text(value)]);
const tensor = (name: string, dims: readonly (number | bigint)[], type: number, offset: number) =>
  Buffer.concat([text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)]);

function gguf(fields: readonly Buffer[], tensors: readonly Buffer[], dataBytes: number, version = 3): Buffer {
  const counts = [u64(tensors.length), u64(fields.length)];
  const header = Buffer.concat([Buffer.from('GGUF'), u32(version), ...counts, ...fields, ...tensors]);
  return Buffer.concat([header, Buffer.alloc(((32 - (header.length % 32)) % 32) + dataBytes)]);
}

const sound = (architecture: string) =>
  gguf(
    [
      field('general.architecture', architecture),
      field('general.name', 'Small'),
      Buffer.concat([text('tokens'), u32(9), u32(8), u64(3), text('a'), text('b'), text('c')]),
      Buffer.concat([text('numbers'), u32(9), u32(9), u64(1), u32(4), u64(2), u32(1), u32(2)]),
      Buffer.concat([text('flag'), u32(7), Buffer.from([1])]),
    ],
    [tensor('w', [256, 2], 12, 0), tensor('norm', [4], 0, 288)],
    304,
  );

for (const [architecture, baseModel] of GGUF_ARCHITECTURES) {
  test(`a GGUF file of architecture ${architecture} is a checkpoint of ${baseModel}`, async () => {
    const { format, refusal, detection } = await inspectBytes(memoryBytes(sound(architecture)), 'm.gguf');
    assert.deepEqual([format, refusal], ['GGUF', null]);
    assert.deepEqual(detection?.baseModel, { value: baseModel, from: 'general.architecture' });
    assert.equal(detection?.type?.value, 'Checkpoint');
    assert.deepEqual(detection?.precision, { value: 'Q4_K', from: 'tensor types' });
    assert.equal(detection?.title?.value, 'Small');
  });
}

for (const architecture of GGUF_TEXT_ENCODERS) {
  test(`a GGUF file of architecture ${architecture} is a text encoder, not a model of images`, async () => {
    const { detection } = await inspectBytes(memoryBytes(sound(architecture)), 'm.gguf');
    assert.deepEqual([detection?.type?.value, detection?.baseModel], ['Other', null]);
  });
}

test('an unknown architecture is said', async () => {
  const { detection } = await inspectBytes(memoryBytes(sound('mamba')), 'm');
  assert.match(detection?.warnings[0] ?? '', /“mamba”/);
});

const refused: readonly (readonly [string, Buffer, RegExp])[] = [
  ['version 1', gguf([], [], 0, 1), /version 1/],
  ['two million fields', Buffer.concat([Buffer.from('GGUF'), u32(3), u64(0), u64(2_000_000)]), /2000000 fields/],
  ['2^63 tensors', Buffer.concat([Buffer.from('GGUF'), u32(3), u64(1n << 63n), u64(0)]), /tensors/],
  [
    'a list of 2^40 items',
    gguf([Buffer.concat([text('a'), u32(9), u32(0), u64(1n << 40n)])], [], 0),
    /items in one list/,
  ],
  [
    'lists within lists',
    gguf([Buffer.concat([text('a'), ...Array.from({ length: 6 }, () => [u32(9), u64(1)]).flat()])], [], 64),
    /unknown type|too deeply|items/,
  ],
  [
    'a text longer than the file',
    gguf([Buffer.concat([text('a'), u32(8), u64(1n << 50n)])], [], 0),
    /more than the file/,
  ],
  ['an unknown value type', gguf([Buffer.concat([text('a'), u32(13)])], [], 0), /unknown type 13/],
  ['an unknown number type', gguf([], [tensor('w', [4], 4, 0)], 64), /unknown number type 4/],
  ['a broken block', gguf([], [tensor('w', [100], 12, 0)], 500), /whole blocks/],
  ['a tensor beyond the file', gguf([], [tensor('w', [1_000], 0, 0)], 100), /cut short/],
  ['a size that overflows', gguf([], [tensor('w', [1n << 62n, 1n << 62n], 0, 0)], 100), /cut short/],
  ['a tensor that is not aligned', gguf([], [tensor('w', [1], 0, 7)], 100), /not aligned/],
  ['a tensor that is there twice', gguf([], [tensor('w', [1], 0, 0), tensor('w', [1], 0, 0)], 100), /twice/],
  ['a field that is there twice', gguf([field('k', 'a'), field('k', 'b')], [], 0), /twice/],
  ['a file that ends in its header', sound('flux').subarray(0, 90), /ends inside/],
  ['invalid UTF-8', gguf([Buffer.concat([u64(1), Buffer.from([0xff]), u32(7), Buffer.from([0])])], [], 0), /UTF-8/],
  ['an alignment of zero', gguf([Buffer.concat([text('general.alignment'), u32(4), u32(0)])], [], 0), /alignment/],
];

for (const [what, file, message] of refused) {
  test(`${what} is refused`, async () => {
    const { refusal } = await inspectBytes(memoryBytes(file), 'm.gguf');
    assert.match(refusal ?? 'taken', message);
  });
}

test('a long header is asked for in pieces', () => {
  const file = sound('flux');
  assert.equal(parseGguf(file.subarray(0, 60), file.length), null);
  assert.equal(parseGguf(file, file.length)?.tensorCount, 2);
});

test('whatever the bytes are, they are read or refused with a sentence', () => {
  const file = sound('sdxl');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(file.length),
      (changes, cutBytes) => {
        const changed = Buffer.from(file);
        for (const [at, byte] of changes) changed[at] = byte;
        try {
          parseGguf(changed.subarray(0, cutBytes), cutBytes);
        } catch (error) {
          assert.ok(error instanceof AppError && error.kind === 'invalid', String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
