import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import Koa from 'koa';
import { failureOf } from '../../src/kit/web/errors.ts';
import { type MultipartLimits, readMultipart } from '../../src/kit/web/multipart.ts';
import type { State } from '../../src/kit/web/state.ts';
import { temporaryFolder } from './temporary-folder.ts';

interface Told {
  status: number;
  body: {
    fields: unknown;
    files: { field: string; fileName: string; totalBytes: number; content: string }[];
    error?: string;
  };
}

/** A server that tells what it read, and never discards by itself. */
async function givenServer(t: TestContext, limits: Partial<MultipartLimits> = {}) {
  const folder = await temporaryFolder(t);
  const app = new Koa<State>();
  app.silent = true;
  const handled: Promise<unknown>[] = [];
  app.use(async (ctx) => {
    const reading = readMultipart(ctx, { folder, maxFiles: 2, maxFileBytes: 1_000_000, ...limits });
    handled.push(reading.catch(() => undefined));
    try {
      const { fields, files } = await reading;
      const contents = files.map(async ({ path, ...file }) => ({ ...file, content: await readFile(path, 'base64') }));
      ctx.body = { fields, files: await Promise.all(contents) };
    } catch (error) {
      ctx.status = failureOf(error).status;
      ctx.body = { error: failureOf(error).message };
    }
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const send = async (body: Uint8Array | string, contentType = 'multipart/form-data; boundary=B'): Promise<Told> => {
    const request = http.request({ port, method: 'POST', headers: { 'Content-Type': contentType }, agent: false });
    request.on('error', () => undefined); // a refusal may close the connection before the body is through
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: response.statusCode ?? 0, body: (await json(response)) as Told['body'] };
  };
  return { folder, port, send, handled };
}

const part = (head: string, content: Uint8Array | string): Buffer =>
  Buffer.concat([
    Buffer.from(`--B\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
const form = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, Buffer.from('--B--\r\n')]);

test('fields and files arrive as they were sent, in their order', async (t) => {
  const { send } = await givenServer(t);
  const [large, small] = [randomBytes(900_000), Buffer.from('second')];

  const { status, body } = await send(
    form(
      part('name="title"', 'Żółw\r\nand more'),
      part('name="image"; filename="../żółw.png"', large),
      part('name="image"; filename="b.png"', small),
      part('name="tags[]"', 'one'),
      part('name="level"', '1'),
      part('name="level"', '2'),
      part('name="none"; filename=""', ''),
    ),
  );

  assert.equal(status, 200);
  assert.deepEqual(body.fields, { title: 'Żółw\nand more', tags: ['one'], level: ['1', '2'] });
  assert.deepEqual(body.files, [
    { field: 'image', fileName: 'żółw.png', totalBytes: 900_000, content: large.toString('base64') },
    { field: 'image', fileName: 'b.png', totalBytes: 6, content: small.toString('base64') },
  ]);
});

for (const [what, limits, body, status, message] of [
  ['a file over the limit', {}, form(part('name="a"; filename="a"', Buffer.alloc(1_000_001))), 413, /at most 1 MB/],
  [
    'a large file of one byte over the limit',
    { maxFileBytes: 10_000_000 },
    form(part('name="a"; filename="a"', Buffer.alloc(10_000_001))),
    413,
    /at most 10 MB/,
  ],
  [
    'a file far over the limit',
    {},
    form(part('name="a"; filename="a"', Buffer.alloc(20_000_000))),
    413,
    /at most 1 MB/,
  ],
  [
    'more files than allowed',
    { maxFiles: 1 },
    form(part('name="a"; filename="a"', 'x'), part('name="a"; filename="b"', 'x')),
    413,
    /at most 1 at a time/,
  ],
  [
    'more fields than allowed',
    { maxFields: 1 },
    form(part('name="a"', 'x'), part('name="b"', 'x')),
    413,
    /too many fields/,
  ],
  [
    'a field over the limit',
    { maxFieldBytes: 10 },
    form(part('name="a"; filename="a"', 'x'), part('name="b"', 'x'.repeat(11))),
    413,
    /field b is too long/,
  ],
  ['a form without its end', {}, Buffer.concat([part('name="a"; filename="a"', 'x'.repeat(5000))]), 400, /./],
  ['a form that breaks off in a header', {}, Buffer.from('--B\r\nContent-Dispo'), 400, /./],
  ['bytes that are no form', {}, randomBytes(5000), 400, /./],
  ['text that is not UTF-8', {}, form(part('name="a"', Buffer.from([0xff, 0xfe]))), 400, /broken characters/],
] as const) {
  test(`${what} is refused and leaves nothing`, async (t) => {
    const { send, folder } = await givenServer(t, limits);
    const told = await send(body);
    assert.equal(told.status, status);
    assert.match(told.body.error ?? '', message);
    assert.deepEqual(await readdir(folder), []);
  });
}

test('what is no form with files is refused', async (t) => {
  const { send } = await givenServer(t);
  for (const type of [
    'text/plain',
    'multipart/form-data',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=',
  ]) {
    const told = await send(form(part('name="a"', 'x')), type);
    assert.equal(told.status, 400, type);
  }
});

test('a sender that goes away in the middle leaves nothing', async (t) => {
  const { port, folder, handled } = await givenServer(t);
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 900000\r\n\r\n',
  );
  socket.write(part('name="a"; filename="a"', Buffer.alloc(300_000)));
  const deadline = Date.now() + 5000;
  while ((await readdir(folder)).length === 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await readdir(folder)).length, 1);

  socket.destroy();
  while (handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await handled[0], undefined);

  assert.deepEqual(await readdir(folder), []);
});

test('a prototype cannot be sent as a field', async (t) => {
  const { send } = await givenServer(t);
  const { body } = await send(form(part('name="__proto__"', 'x'), part('name="constructor"', 'y')));
  assert.deepEqual(body.fields, { constructor: 'y' });
});
