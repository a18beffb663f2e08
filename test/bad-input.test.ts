import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { ENTITIES } from '../src/entities.ts';
import { rows } from '../src/kit/database/sql.ts';
import { embedTexts } from '../src/kit/storage/carriers/embed.ts';
import { type Answer, textOf } from './accounts/browser.ts';
import { type Publisher, publisher } from './catalogue/publisher.ts';
import { kohyaLoraSd1, safetensorsFile, withHeader } from './factories/safetensors.ts';
import { A1111, picture, sendFiles } from './gallery/painter.ts';

// What strangers send, over HTTP to a whole node: each is answered with a sentence, and the tables and folders are then
// as they were before. What the node keeps of its own work (jobs done, events, who was seen when, the allowance of the
// day) is not compared.

const OWN_WORK = new Set([
  ...['job', 'recorded_event', 'session', 'setting', 'base_model'],
  ...['credit_account', 'credit_posting', 'credit_entry'],
]);

/** Rows of every table and files of every folder that hold what people sent. */
async function kept({ node }: Pick<Publisher, 'node'>): Promise<Record<string, unknown>> {
  const em = node.orm.em.fork();
  const tables = ENTITIES.map(({ meta }) => node.orm.getMetadata().get(meta.className).tableName);
  const counts: Record<string, unknown> = {};
  for (const table of tables.filter((name) => !OWN_WORK.has(name)).sort()) {
    const [row] = await rows<{ n: unknown }>(em, `select count(*) as n from "${table}"`);
    counts[table] = Number(row?.n);
  }
  const list = async (folder: string) => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  };
  return {
    counts,
    uploads: await list(node.uploadsDir),
    blobs: await list(join(node.dataDir, 'files')),
  };
}

const plain = (html: string): string =>
  textOf(html)
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replace(/&#x?[0-9a-f]+;/gi, ' ');

/** Sends a file by tus, waits until it was looked into, and takes away the word on why it was refused. */
async function sendModel(all: Publisher, bytes: Uint8Array, name: string): Promise<string> {
  const location = await all.tus().send(bytes, name);
  await all.settle();
  const page = plain((await all.browser.get('/upload')).text);
  const removed = await all.browser.post(`/uploads/${location.split('/').at(-1)}/remove`);
  assert.ok(removed.status < 400, `removing the refused upload: ${removed.status}`);
  return page;
}

const lora = kohyaLoraSd1();
const models: readonly [what: string, bytes: Buffer, message: RegExp][] = [
  [
    'a truncated safetensors file',
    lora.subarray(0, lora.length - 1_000),
    /cut short: its tensors need \d+ bytes, but only \d+ are there/,
  ],
  [
    'a header that promises more than its tensors have',
    withHeader({ a: { dtype: 'F32', shape: [4], data_offsets: [0, 400] } }, new Uint8Array(16)),
    /The tensor “a” needs 16 bytes for its shape, but has 400/,
  ],
  [
    'a header that says that it is longer than the file',
    Buffer.concat([Buffer.from('ffffff7f00000000', 'hex'), Buffer.from('{"a":')]),
    /The header says it has 2147483647 bytes; 16 MiB is the most/,
  ],
  ['a zip renamed .safetensors', zipWithOneFile(), /not a safetensors file: it is a ZIP archive/],
];
for (const [what, bytes, message] of models) {
  test(`${what} is refused with a reason, and no row, blob or part of a file stays`, async (t) => {
    const all = await publisher(t);
    const before = await kept(all);

    const page = await sendModel(all, bytes, 'brass.safetensors');

    assert.match(page, message);
    assert.deepEqual(await kept(all), before);
  });
}

const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>';
const images: readonly [what: string, bytes: () => Buffer | Promise<Buffer>, message: RegExp, status: number][] = [
  ['a PNG of 60,000 × 60,000 pixels', () => hugePng(60_000), /too many pixels/, 413],
  ['an SVG named .png', () => Buffer.from(svg), /not an image that we know/, 422],
  ['a PNG that was cut off', async () => (await picture()).subarray(0, 900), /damaged/, 422],
  ['an empty file', () => Buffer.alloc(0), /not an image that we know|empty|Choose a picture/, 422],
];
for (const [what, make, message, status] of images) {
  test(`${what} is refused with a reason, and no row, blob or part of a file stays`, async (t) => {
    const all = await publisher(t);
    const before = await kept(all);

    const answer = await sendFiles(all.browser, '/upload/images', [{ bytes: await make(), name: 'a.png' }]);
    await all.settle();

    assert.equal(answer.status, status);
    assert.match(plain(answer.text), message);
    assert.deepEqual(await kept(all), before);
  });
}

test('a prompt of 3 MB in the form is refused with a reason, and one in a picture does not hurt its page', async (t) => {
  const all = await publisher(t);
  const prompt = 'masterpiece, '.repeat(3_000_000 / 13);
  const before = await kept(all);

  const refused = await all.browser.post('/generate', { prompt });
  assert.equal(refused.status, 413);
  assert.match(plain(refused.text), /more than 1000 kB of text/);
  assert.deepEqual(await kept(all), before);

  const bytes = embedTexts(await picture(), { parameters: `${prompt}\n${A1111.split('\n').slice(1).join('\n')}` });
  const taken = await sendFiles(all.browser, '/upload/images', [{ bytes, name: 'long.png' }]);
  assert.equal(taken.status, 302, plain(taken.text).slice(0, 500));
  await all.settle();
  const editor = await all.browser.get(taken.location);
  assert.equal(editor.status, 200);
  assert.ok(editor.text.length < 1_000_000, `${editor.text.length} characters of page`);
});

test('text that is not UTF-8 is refused with a reason, in forms of both kinds and in names of files', async (t) => {
  const all = await publisher(t);
  const before = await kept(all);
  const cookie = [...all.browser.cookies].map((pair) => pair.join('=')).join('; ');
  const send = (path: string, type: string, body: Uint8Array) =>
    fetch(new URL(path, all.address), {
      method: 'POST',
      headers: { cookie, 'content-type': type, 'sec-fetch-site': 'same-origin', accept: 'text/html' },
      body: new Uint8Array(body),
    });

  const raw = await send('/generate', 'application/x-www-form-urlencoded', Buffer.from('prompt=\xff\xfe', 'latin1'));
  const escaped = await send('/generate', 'application/x-www-form-urlencoded', Buffer.from('prompt=%ff%fe'));
  const part = '--x\r\ncontent-disposition: form-data; name="version"\r\n\r\n\xff\xfe\r\n--x--\r\n';
  const multipart = await send('/upload/images', 'multipart/form-data; boundary=x', Buffer.from(part, 'latin1'));
  const name = await all.tus().create(8, new Uint8Array([0xff, 0xfe, 0x41]));

  for (const answer of [raw, escaped]) {
    assert.equal(answer.status, 400);
    assert.match(plain(await answer.text()), /not valid UTF-8/);
  }
  assert.equal(multipart.status, 400);
  assert.match(plain(await multipart.text()), /broken characters/);
  assert.equal(name.status, 422);

  // PostgreSQL holds no NUL, and SQLite cuts a text at it
  const nul = '--x\r\ncontent-disposition: form-data; name="version"\r\n\r\n1\0\r\n--x--\r\n';
  for (const [path, type, body] of [
    ['/collections', 'application/x-www-form-urlencoded', 'name=a%00b&visibility=public'],
    ['/collections', 'application/json', '{"name":"a\\u0000b","visibility":"public"}'],
    ['/upload/images', 'multipart/form-data; boundary=x', nul],
  ] as const) {
    const answer = await send(path, type, Buffer.from(body));
    assert.equal(answer.status, 400, type);
    assert.match(plain(await answer.text()), /A text holds a NUL/);
  }
  assert.deepEqual(await kept(all), before);
});

test('a duplicate model file is told where it is already, and is stored once', async (t) => {
  const all = await publisher(t);
  const location = await all.tus().send(lora, 'brass.safetensors');
  const form = new FormData();
  form.append('upload', location);
  assert.equal((await all.browser.postForm('/upload', form)).status, 302);
  await all.settle();
  const before = await kept(all);

  const page = await sendModel(all, lora, 'again.safetensors');

  assert.match(page, /here already/);
  assert.deepEqual(await kept(all), before);
});

test('the same picture twice in a post is taken once', async (t) => {
  const all = await publisher(t);
  const bytes = await picture();
  const file = { bytes, name: 'a.png' };

  const answer = await sendFiles(all.browser, '/upload/images', [file, { ...file, name: 'b.png' }]);
  await all.settle();

  assert.match(plain(answer.text), /b\.png/);
  const { counts, uploads } = (await kept(all)) as { counts: Record<string, number>; uploads: string[] };
  assert.equal(counts.image, 1);
  assert.deepEqual(uploads, []);
});

test('a full disk is told as such, and leaves neither rows nor parts of files', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-full-'));
  if (!mountSmall(t, folder)) {
    await rmdir(folder);
    return;
  }
  // the mount must go after the node: hooks run in their order, and the node's own one comes first
  const all = await publisher(t, { env: { DATA_DIR: folder, ...databaseIn(await elsewhere(t)) } });
  unmountAtEnd(t, folder);
  const before = await kept(all);

  const model = safetensorsFile({ tensors: { weight: [12_000_000] }, isBlank: true });
  const { location, status } = await all.tus().create(model.length, 'big.safetensors');
  if (status === 201) {
    const patched = await all.tus().patch(location, 0, model);
    assert.ok([503, 507].includes(patched.status), `${patched.status} ${patched.text}`);
    assert.match(patched.text, /disk|space|full/i);
    await all.browser.post(`/uploads/${location.split('/').at(-1)}/remove`);
  } else assert.ok([503, 507].includes(status), String(status));
  const noise = await picture({ width: 3_000, height: 3_000 });
  const answer: Answer = await sendFiles(all.browser, '/upload/images', [{ bytes: noise, name: 'noise.png' }]);
  await all.settle();

  assert.equal(answer.status, 503, plain(answer.text).slice(0, 300));
  assert.match(plain(answer.text), /disk|space|full/i);
  assert.deepEqual(await kept(all), before);
});

const SMALL_DISK_MB = 16;

/** SQLite stays off the full disk, so that what is tried is where files go. */
const databaseIn = (folder: string): Record<string, string> =>
  process.env.TEST_DATABASE_URL ? {} : { DATABASE_URL: `sqlite:${join(folder, 'tessera.sqlite')}` };

async function elsewhere(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-full-db-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function mountSmall(t: TestContext, folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_MB}m`, 'tmpfs', folder], { stdio: 'pipe' });
    return true;
  } catch {
    t.skip('mounting a small tmpfs is not permitted here');
    return false;
  }
}

function unmountAtEnd(t: TestContext, folder: string): void {
  t.after(async () => {
    execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
    await rmdir(folder);
  });
}

/** A few hundred kilobytes that unfold to 3.6 gigapixels of grey. */
function hugePng(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1; // one bit a pixel, grey
  const rowsOfPixels = Buffer.alloc((1 + side / 8) * 1_000);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rowsOfPixels)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A true archive with one stored file. */
function zipWithOneFile(): Buffer {
  const [name, data] = [Buffer.from('data.pkl'), Buffer.from('hello')];
  const local = Buffer.alloc(30);
  local.write('PK\x03\x04', 0, 'latin1');
  local.writeUInt32LE(crc32(data), 14);
  local.writeUInt32LE(data.length, 18);
  local.writeUInt32LE(data.length, 22);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.write('PK\x01\x02', 0, 'latin1');
  central.writeUInt32LE(crc32(data), 16);
  central.writeUInt32LE(data.length, 20);
  central.writeUInt32LE(data.length, 24);
  central.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + name.length, 12);
  end.writeUInt32LE(local.length + name.length + data.length, 16);
  return Buffer.concat([local, name, data, central, name, end]);
}
