import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { memoryBytes } from '../../../src/catalogue/files/bytes.ts';
import { inspectBytes } from '../../../src/catalogue/files/inspect.ts';
import { scanPickle } from '../../../src/catalogue/files/pickle.ts';

const latin = (text: string) => Buffer.from(text, 'latin1');
const scan = (bytes: Buffer) => scanPickle(memoryBytes(bytes));

/** What `torch.save({'a': tensor}, zip)` writes, opcode by opcode: constructed from Lib/pickle.py, protocol 2. */
const STATE_DICT = latin(
  '\x80\x02}q\x00X\x01\x00\x00\x00aq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03' +
    'ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x04tq\x07QK\x00K\x04\x85q\x08K\x01\x85q\t' +
    '\x89ccollections\nOrderedDict\nq\n)Rq\x0btq\x0cRq\rs.',
);
const EVIL = latin('\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.');

interface Part {
  readonly name: string;
  readonly bytes: Buffer;
  readonly localName?: string;
  readonly isDeflated?: boolean;
  readonly flags?: number;
}

function zip(parts: readonly Part[], tail: Buffer = Buffer.alloc(0)): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, bytes, localName = name, isDeflated = false, flags = 0 } of parts) {
    const packed = isDeflated ? deflateRawSync(bytes) : bytes;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(isDeflated ? 8 : 0, 4);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    const local = Buffer.concat([latin('PK\x03\x04'), common, Buffer.from(localName), packed]);
    local.writeUInt16LE(localName.length, 26);
    const entry = Buffer.concat([latin('PK\x01\x02\x00\x00'), common, Buffer.alloc(14), Buffer.from(name)]);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    locals.push(local);
    central.push(entry);
    at += local.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(Buffer.concat(central).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, ...central, end, tail]);
}

const archive = (program: Buffer, more: readonly Part[] = []): Buffer =>
  zip([
    { name: 'archive/data.pkl', bytes: program },
    { name: 'archive/version', bytes: latin('3\n') },
    { name: 'archive/data/0', bytes: Buffer.alloc(16) },
    ...more,
  ]);

test('a state dict of PyTorch is a success and its imports are listed', async () => {
  for (const file of [STATE_DICT, archive(STATE_DICT)]) {
    const found = await scan(file);
    assert.equal(found.result, 'Success', found.message);
    assert.deepEqual(found.imports, [
      'collections.OrderedDict',
      'torch.FloatStorage',
      'torch._utils._rebuild_tensor_v2',
    ]);
  }
});

test('the old format of PyTorch is five pickles, then numbers that are nobody’s program', async () => {
  const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
  const small = latin('\x80\x02M\xe9\x03.');
  const file = Buffer.concat([magic, small, latin('\x80\x02}.'), STATE_DICT, latin('\x80\x02].'), EVIL]);
  assert.equal((await scan(file)).result, 'Success');

  const fifth = Buffer.concat([magic, small, latin('\x80\x02}.'), STATE_DICT, EVIL]);
  assert.deepEqual((await scan(fifth)).forbiddenImports, ['os.system']);
});

const dangers: readonly (readonly [string, Buffer, RegExp])[] = [
  ['GLOBAL', EVIL, /not allowed: os\.system/],
  ['GLOBAL in an archive', archive(EVIL), /os\.system/],
  ['GLOBAL in a deflated archive', zip([{ name: 'x/data.pkl', bytes: EVIL, isDeflated: true }]), /os\.system/],
  ['INST', latin('(S"id"\nios\nsystem\n.'), /os\.system/],
  ['STACK_GLOBAL', latin('\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.'), /os\.system/],
  [
    'STACK_GLOBAL by MEMOIZE and BINGET',
    latin('\x80\x04\x8c\x02os\x94\x8c\x06system\x940\x30h\x00h\x01\x93)R.'),
    /os\.system/,
  ],
  [
    'STACK_GLOBAL by BINPUT and LONG_BINGET',
    latin('\x80\x04\x8c\x02osq\x05\x8c\x06systemq\x0700j\x05\x00\x00\x00h\x07\x93)R.'),
    /os\.system/,
  ],
  [
    'STACK_GLOBAL by PUT and GET',
    latin('\x80\x04X\x02\x00\x00\x00osp5\nX\x06\x00\x00\x00systemp7\n00g5\ng7\n\x93)R.'),
    /os\.system/,
  ],
  [
    'STACK_GLOBAL whose decoy stands nearer',
    latin('\x80\x04\x8c\x02os\x8c\x06system\x8c\x0bcollections0\x8c\x0bOrderedDict0\x93)R.'),
    /os\.system/,
  ],
  ['STACK_GLOBAL after DUP', latin('\x80\x04\x8c\x02os2\x93.'), /os\.os/],
  ['a name made of bytes', latin('\x80\x04C\x02os\x8c\x06system\x93.'), /imports a name that it computes/],
  ['a name with escapes', latin('\x80\x04V\\u006fs\nX\x06\x00\x00\x00system\x93.'), /computes/],
  ['importlib', latin('\x80\x02cimportlib\nimport_module\nX\x02\x00\x00\x00os\x85R.'), /importlib\.import_module/],
  ['torch’s own loader', latin('\x80\x02ctorch.storage\n_load_from_bytes\nC\x00\x85R.'), /_load_from_bytes/],
  [
    'a dotted way round the list',
    latin('\x80\x04\x8c\x05torch\x8c\x18FloatStorage.__init__.os\x93.'),
    /FloatStorage\.__init__/,
  ],
  ['two spaces in a name', latin('\x80\x02ccollections OrderedDict\n\n.'), /not allowed/],
  ['an extension code', latin('\x80\x02\x82\x01.'), /unusual opcode 0x82/],
  ['an unknown opcode', latin('\x80\x02\xff.'), /unusual opcode/],
  ['a stack that is too short', latin('\x80\x02R.'), /takes more than it has/],
  ['a memo that was never kept', latin('\x80\x02h\x01.'), /never kept/],
  ['a pickle without an end', latin('\x80\x02}'), /cut short/],
  ['a length beyond the file', latin('\x80\x02X\xff\xff\xff\xff.'), /cut short/],
  ['a second pickle behind the first', Buffer.concat([STATE_DICT, EVIL]), /follow the end/],
  ['an empty file', Buffer.alloc(0), /cut short/],
  [
    'a second pickle in the archive',
    archive(STATE_DICT, [{ name: 'archive/other.pkl', bytes: EVIL }]),
    /other than tensors: archive\/other\.pkl/,
  ],
  ['an archive in the archive', archive(STATE_DICT, [{ name: 'archive/more.zip', bytes: zip([]) }]), /more\.zip/],
  ['TorchScript', archive(STATE_DICT, [{ name: 'archive/code/__torch__.py', bytes: EVIL }]), /other than tensors/],
  ['two programs', archive(STATE_DICT, [{ name: 'b/data.pkl', bytes: STATE_DICT }]), /exactly one data\.pkl/],
  ['no program', zip([{ name: 'a/data/0', bytes: EVIL }]), /exactly one/],
  [
    'two entries of one name',
    zip([
      { name: 'a/data.pkl', bytes: STATE_DICT },
      { name: 'a/data.pkl', bytes: EVIL },
    ]),
    /two entries/,
  ],
  [
    'another name in the local header',
    zip([{ name: 'a/data.pkl', bytes: STATE_DICT, localName: 'a/data.pkx' }]),
    /contradicts itself/,
  ],
  ['an encrypted entry', zip([{ name: 'a/data.pkl', bytes: STATE_DICT, flags: 1 }]), /encrypted/],
  ['bytes after the archive', zip([{ name: 'a/data.pkl', bytes: STATE_DICT }], latin('more')), /bytes after its end/],
  ['an archive that is cut short', archive(STATE_DICT).subarray(0, 100), /cut short/],
];

for (const [what, file, message] of dangers) {
  test(`${what} is a danger`, async () => {
    const found = await scan(file);
    assert.equal(found.result, 'Danger');
    assert.match(found.message, message);
  });
}

test('a deflated bomb is refused by what it says and by what it does', async () => {
  const honest = zip([{ name: 'a/data.pkl', bytes: Buffer.alloc(65 * 1024 * 1024), isDeflated: true }]);
  assert.match((await scan(honest)).message, /too large/);
  const liar = Buffer.from(honest);
  liar.writeUInt32LE(1_000, liar.indexOf('PK\x01\x02') + 24);
  assert.match((await scan(liar)).message, /cannot be unpacked/);
});

test('a pickle is inspected by name or by bytes, and is no refusal: the owner decides', async () => {
  const byName = await inspectBytes(memoryBytes(archive(EVIL)), 'model.ckpt');
  assert.deepEqual([byName.format, byName.refusal, byName.pickle?.result], ['PickleTensor', null, 'Danger']);
  const byBytes = await inspectBytes(memoryBytes(STATE_DICT), 'model');
  assert.equal(byBytes.pickle?.result, 'Success');
});

test('whatever the bytes are, the answer is success or danger', async () => {
  const opcodes = fc.constantFrom(
    ...latin('().0123FIJKLMNPQRSTUVX]abcdeghijlopqrstu}\x80\x81\x85\x86\x87\x8a\x8c\x8f\x90\x91\x93\x94\x95'),
  );
  const program = fc.array(fc.oneof(opcodes, fc.nat(255)), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(program, async (bytes) => {
      assert.match((await scan(Buffer.from([...bytes, 0x2e]))).result, /^(Success|Danger)$/);
    }),
    { numRuns: 500 },
  );
});

test('a changed archive is never a success that imports what is not on the list', async () => {
  const file = archive(STATE_DICT);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 5 }), async (changes) => {
      const changed = Buffer.from(file);
      for (const [at, byte] of changes) changed[at] = byte;
      const found = await scan(changed);
      assert.equal(found.result === 'Success' && found.forbiddenImports.length > 0, false);
    }),
    { numRuns: 300 },
  );
});

test('a program that only grows its stack ends in bounded time', async () => {
  const startedAt = performance.now();
  assert.equal((await scan(Buffer.alloc(20 * 1024 * 1024, 'N'))).result, 'Danger');
  assert.equal((await scan(Buffer.alloc(20 * 1024 * 1024, 'N0'))).result, 'Danger');
  assert.ok(performance.now() - startedAt < 10_000);
});
