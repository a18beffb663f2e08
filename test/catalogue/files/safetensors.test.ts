import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memoryBytes } from '../../../src/catalogue/files/bytes.ts';
import { inspectBytes } from '../../../src/catalogue/files/inspect.ts';
import { DTYPE_BITS, parseSafetensors } from '../../../src/catalogue/files/safetensors.ts';
import { AppError } from '../../../src/kit/errors.ts';
import { checkpointSdxl, kohyaLoraSd1, safetensorsFile, withHeader } from '../../factories/safetensors.ts';

const tensor = (begin: number, end: number, shape = [end - begin], dtype = 'U8') => ({
  ...{ dtype, shape },
  data_offsets: [begin, end],
});
const parse = (file: Uint8Array) => parseSafetensors(file, file.length);
const refuses = (file: Uint8Array, message: RegExp) =>
  assert.throws(
    () => parse(file),
    (error) => error instanceof AppError && error.kind === 'invalid' && message.test(error.message),
  );

test('a sound file is read: tensors in the order of the buffer, metadata as texts', () => {
  const file = withHeader(
    { __metadata__: { note: 'ä' }, b: tensor(4, 8), a: tensor(0, 4, [2], 'F16') },
    Buffer.alloc(8),
  );

  const { tensors, metadata, dataStartBytes } = parse(file);

  assert.deepEqual(
    tensors.map(({ name, dtype, begin }) => [name, dtype, begin]),
    [
      ['a', 'F16', 0],
      ['b', 'U8', 4],
    ],
  );
  assert.equal(metadata.get('note'), 'ä');
  assert.equal(dataStartBytes, file.length - 8);
});

test('every number type of the format is known with its size', () => {
  for (const [dtype, bits] of Object.entries(DTYPE_BITS)) {
    const file = withHeader({ a: tensor(0, bits, [8], dtype) }, Buffer.alloc(bits));
    assert.equal(parse(file).tensors[0]?.dtype, dtype);
  }
});

test('empty tensors, scalars and a tensor called __proto__ are sound', () => {
  const header =
    '{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]}}';
  assert.deepEqual(
    parse(withHeader(header, Buffer.alloc(4))).tensors.map(({ name }) => name),
    ['__proto__', 'e'],
  );
});

const four = Buffer.alloc(4);
const rejected: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['an empty file', Buffer.alloc(0), /empty/],
  ['a file of five bytes', Buffer.from('12345'), /too short|not a safetensors/],
  [
    'a key that is there twice',
    withHeader(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
      four,
    ),
    /“a” twice/,
  ],
  [
    'a key that is there twice by an escape',
    withHeader(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
      four,
    ),
    /“a” twice/,
  ],
  [
    'a field of a tensor that is there twice',
    withHeader('{"a":{"dtype":"U8","dtype":"F32","shape":[4],"data_offsets":[0,4]}}', four),
    /“dtype” twice/,
  ],
  ['a metadata field that is there twice', withHeader('{"__metadata__":{"x":"1","x":"2"}}'), /“x” twice/],
  ['a hole', withHeader({ a: tensor(0, 1), b: tensor(2, 4) }, four), /hole of 1 bytes before “b”/],
  ['a hole at the start', withHeader({ a: tensor(1, 4) }, four), /hole/],
  ['an overlap', withHeader({ a: tensor(0, 3), b: tensor(2, 4) }, four), /“b” overlaps/],
  ['bytes after the last tensor', withHeader({ a: tensor(0, 3) }, four), /1 bytes after the last tensor/],
  ['a buffer that is cut short', withHeader({ a: tensor(0, 8) }, four), /cut short/],
  ['a size that is not that of the shape', withHeader({ a: tensor(0, 4, [3], 'F32') }, four), /needs 12 bytes/],
  [
    'a shape that overflows 64 bits',
    withHeader({ a: tensor(0, 4, [2 ** 52, 2 ** 52, 2 ** 52], 'F32') }, four),
    /needs \d{40,} bytes/,
  ],
  [
    'a shape whose product wraps to the size',
    withHeader({ a: tensor(0, 4, [2 ** 32, 2 ** 32], 'U8') }, four),
    /needs 18446744073709551616/,
  ],
  ['half a byte', withHeader({ a: tensor(0, 1, [3], 'F4') }, four.subarray(0, 1)), /whole bytes/],
  ['a negative side', withHeader({ a: tensor(0, 4, [-4]) }, four), /whole numbers/],
  ['a broken side', withHeader({ a: tensor(0, 4, [0.5]) }, four), /whole numbers/],
  ['an infinite side', withHeader('{"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,4]}}', four), /not finite/],
  [
    'an infinite number anywhere',
    withHeader('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":-1e999}', four),
    /not finite/,
  ],
  ['NaN', withHeader('{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,4]}}', four), /not valid JSON/],
  [
    'an offset beyond 2^53',
    withHeader('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,99999999999999999999]}}', four),
    /where its bytes are/,
  ],
  [
    'an end before the beginning',
    withHeader({ a: { dtype: 'U8', shape: [0], data_offsets: [4, 0] } }, four),
    /ends before it begins/,
  ],
  [
    'three offsets',
    withHeader({ a: { dtype: 'U8', shape: [4], data_offsets: [0, 4, 4] } }, four),
    /where its bytes are/,
  ],
  ['an unknown number type', withHeader({ a: tensor(0, 4, [4], 'Q4') }, four), /unknown number type “Q4”/],
  ['the number type constructor', withHeader({ a: tensor(0, 4, [4], 'constructor') }, four), /unknown number type/],
  ['an unknown field', withHeader({ a: { ...tensor(0, 4), extra: 1 } }, four), /unknown field “extra”/],
  ['six dimensions', withHeader({ a: tensor(0, 4, [1, 1, 1, 1, 1, 4]) }, four), /6 dimensions/],
  ['a name of 257 characters', withHeader({ ['n'.repeat(257)]: tensor(0, 4) }, four), /longer than 256/],
  [
    '20,001 tensors',
    withHeader(Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [i, tensor(0, 0)]))),
    /20001 tensors/,
  ],
  ['metadata that is not text', withHeader({ __metadata__: { steps: 5 } }), /“steps” is not a text/],
  ['metadata that is a list', withHeader({ __metadata__: [] }), /not a JSON object/],
  ['a header that is a list', withHeader('[]'), /does not begin with “{”|not a safetensors/],
  ['a header that does not end', withHeader('{"a":'), /JSON/],
  ['a header with more after it', withHeader('{} {}'), /after its end/],
  ['deep nesting', withHeader(`{"a":${'['.repeat(50_000)}`), /nested too deeply/],
  ['half a surrogate', withHeader('{"__metadata__":{"a":"\\ud800"}}'), /broken escape/],
  ['a raw control character', withHeader('{"__metadata__":{"a":"\n"}}'), /control character/],
  ['invalid UTF-8', withInvalidUtf8(), /not valid UTF-8/],
  [
    'a header that claims more than the file',
    claiming(5_000n),
    /ends inside its header: it has \d+ bytes, the header alone says 5000/,
  ],
  ['a header that claims 17 MiB', claiming(17n << 20n), /16 MiB/],
  ['a header that claims less than it has', claiming(20n), /JSON|text/],
];

function withInvalidUtf8(): Buffer {
  const file = withHeader({ __metadata__: { note: '####' } });
  file[file.indexOf('####')] = 0xff;
  return file;
}

function claiming(headerBytes: bigint): Buffer {
  const file = Buffer.from(kohyaLoraSd1());
  file.writeBigUInt64LE(headerBytes);
  return headerBytes === 5_000n ? file.subarray(0, 4_000) : file;
}

for (const [what, file, message] of rejected) {
  test(`${what} is refused`, () => refuses(file, message));
}

const disguised: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a ZIP archive', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(60, 1)]), /it is a ZIP archive/],
  ['a pickle', Buffer.from('\x80\x02}q\x00.', 'latin1'), /it is a Python pickle/],
  ['a web page', Buffer.from('<!DOCTYPE html><html><body>Not found</body></html>'), /it is a web page/],
  ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\n'), /Git LFS pointer/],
  ['a PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), /it is a PNG image/],
  ['a GGUF file', Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(60)]), /it is a GGUF file/],
];
for (const [what, bytes, message] of disguised) {
  test(`${what} renamed to .safetensors is named for what it is`, async () => {
    const { refusal } = await inspectBytes(memoryBytes(bytes), 'model.safetensors');
    assert.match(refusal ?? '', message);
  });
}

test('a length that begins like a gzip file or a Windows program is still a length', () => {
  for (const headerBytes of [0x8b1f, 0x5a4d]) {
    const json = JSON.stringify({ a: tensor(0, 4) });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(headerBytes));
    assert.equal(parse(Buffer.concat([length, Buffer.from(json.padEnd(headerBytes)), four])).tensors.length, 1);
  }
});

test('whatever the header holds, it is read or refused with a sentence', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), fc.uint8Array({ maxLength: 64 }), (json, buffer) => {
      readOrRefuse(withHeader(json, buffer));
    }),
  );
});

test('a real file with some bytes changed, or cut anywhere, is read or refused with a sentence', () => {
  const files = [
    kohyaLoraSd1({ rank: 1 }),
    checkpointSdxl(),
    safetensorsFile({ tensors: { a: [2, 2] }, metadata: { k: 'v' } }),
  ].map((file) => file.subarray(0, 6_000));
  const change = fc.tuple(fc.nat(5_999), fc.nat(255));
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(change, { maxLength: 4 }),
      fc.nat(6_000),
      (file, changes, cutBytes) => {
        const changed = Buffer.from(file.subarray(0, cutBytes));
        for (const [at, byte] of changes) if (at < changed.length) changed[at] = byte;
        readOrRefuse(changed);
      },
    ),
    { numRuns: 300 },
  );
});

test('the largest header that is taken is read in bounded time', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => [`${index}`.padStart(256, 'x'), tensor(0, 0)]);
  const note = 'y'.repeat(9 * 1024 * 1024);
  const file = withHeader({ __metadata__: { note }, ...Object.fromEntries(names) });
  const startedAt = performance.now();

  assert.equal(parse(file).tensors.length, 20_000);

  assert.ok(performance.now() - startedAt < 5_000);
});

function readOrRefuse(file: Uint8Array): void {
  try {
    parse(file);
  } catch (error) {
    assert.ok(error instanceof AppError && error.kind === 'invalid' && error.message.length < 400, String(error));
  }
}
