import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import http, { type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import Koa from 'koa';
import { DiskFiles } from '../../src/kit/storage/disk.ts';
import { type StoredBytes, safeContentType, sendBytes } from '../../src/kit/web/bytes.ts';
import { contentDisposition, safeFileName } from '../../src/kit/web/download/file-names.ts';
import { parseRange } from '../../src/kit/web/download/ranges.ts';
import { failureOf } from '../../src/kit/web/errors.ts';
import type { State } from '../../src/kit/web/state.ts';
import { temporaryFolder } from './temporary-folder.ts';

const CONTENT = randomBytes(2_000_000);
const MODIFIED = new Date('2026-01-02T03:04:05.678Z');
const ETAG = /^"[0-9a-f]{64}"$/;

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}
type Ask = (headers?: Record<string, string>, method?: string) => Promise<Answer>;

/** A server that has one file. */
async function givenServer(t: TestContext, content: Buffer, over: Partial<StoredBytes> = {}) {
  const files = await DiskFiles.at(await temporaryFolder(t));
  const { sha256, totalBytes } = await files.put(content);
  const app = new Koa<State>();
  app.silent = true;
  app.use(async (ctx) => {
    const bytes = { files, sha256, totalBytes, contentType: 'image/png', fileName: 'a.png', lastModified: MODIFIED };
    try {
      await sendBytes(ctx, { ...bytes, disposition: 'attachment', ...over });
    } catch (error) {
      ctx.status = failureOf(error).status;
      ctx.body = failureOf(error).message;
    }
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask: Ask = async (headers = {}, method = 'GET') => {
    const request = http.request({ port, method, headers, agent: false }).end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
  };
  return { ask, files, sha256, port };
}

/** The parts of a multipart/byteranges answer, as the header of each and its bytes. */
function partsOf({ headers, body }: Answer): { range: string; bytes: Buffer }[] {
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1];
  assert.ok(boundary);
  const text = body.toString('latin1');
  assert.ok(text.endsWith(`\r\n--${boundary}--\r\n`));
  return text
    .split(`\r\n--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const at = part.indexOf('\r\n\r\n');
      const range = /content-range: (.*)/i.exec(part.slice(0, at))?.[1] ?? '';
      return { range, bytes: Buffer.from(part.slice(at + 4), 'latin1') };
    });
}

test('the whole file comes with its length, a strong tag and headers that keep it from running', async (t) => {
  const { ask, sha256 } = await givenServer(t, CONTENT);

  const { status, headers, body } = await ask();

  assert.equal(status, 200);
  assert.ok(body.equals(CONTENT));
  assert.equal(headers['content-length'], '2000000');
  assert.equal(headers['content-type'], 'image/png');
  assert.equal(headers['accept-ranges'], 'bytes');
  assert.equal(headers.etag, `"${sha256}"`);
  assert.match(headers.etag, ETAG);
  assert.equal(headers['last-modified'], 'Fri, 02 Jan 2026 03:04:05 GMT');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(String(headers['content-security-policy']), /default-src 'none'.*; sandbox$/);
  assert.equal(headers['content-disposition'], `attachment; filename*=UTF-8''a.png; filename="a.png"`);
});

test('HEAD tells the same without the bytes, and knows no ranges', async (t) => {
  const { ask } = await givenServer(t, CONTENT);
  const get = await ask();
  const head = await ask({ Range: 'bytes=0-9' }, 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
  const { date: _, connection: __, ...told } = head.headers;
  const { date: ___, connection: ____, ...expected } = get.headers;
  assert.deepEqual(told, expected);
});

for (const [range, start, end] of [
  ['bytes=0-0', 0, 0],
  ['bytes=5-1999999', 5, 1_999_999],
  ['bytes=1999990-', 1_999_990, 1_999_999],
  ['bytes=-10', 1_999_990, 1_999_999],
  ['bytes=-99999999', 0, 1_999_999],
  ['bytes=10-99999999999999999999', 10, 1_999_999],
  ['Bytes = 0-1'.replaceAll(' ', ''), 0, 1],
  ['bytes=5-9, 3000000-', 5, 9],
  ['bytes=0-9, 5-20', 0, 20],
] as const) {
  test(`${range} is one part`, async (t) => {
    const { ask } = await givenServer(t, CONTENT);
    const { status, headers, body } = await ask({ Range: range });
    assert.equal(status, 206);
    assert.equal(headers['content-range'], `bytes ${start}-${end}/2000000`);
    assert.equal(headers['content-length'], String(end - start + 1));
    assert.ok(body.equals(CONTENT.subarray(start, end + 1)));
  });
}

test('several ranges come as parts, in the order in which they were asked for', async (t) => {
  const { ask } = await givenServer(t, CONTENT);
  const answer = await ask({ Range: 'bytes=1000-1999,0-9,-5' });
  assert.equal(answer.status, 206);
  assert.equal(answer.headers['content-length'], String(answer.body.length));
  assert.equal(answer.headers['content-range'], undefined);
  const parts = partsOf(answer);
  assert.deepEqual(
    parts.map(({ range }) => range),
    ['bytes 1000-1999/2000000', 'bytes 0-9/2000000', 'bytes 1999995-1999999/2000000'],
  );
  assert.ok(parts[0]?.bytes.equals(CONTENT.subarray(1000, 2000)));
  assert.ok(parts[1]?.bytes.equals(CONTENT.subarray(0, 10)));
  assert.ok(parts[2]?.bytes.equals(CONTENT.subarray(-5)));
});

test('a range beyond the file is refused with the length of the file', async (t) => {
  const { ask } = await givenServer(t, CONTENT);
  for (const range of ['bytes=2000000-', 'bytes=-0', 'bytes=3000000-3000001,-0']) {
    const { status, headers, body } = await ask({ Range: range });
    assert.equal(status, 416, range);
    assert.equal(headers['content-range'], 'bytes */2000000');
    assert.equal(body.length, 0);
  }
});

test('a range that makes no sense, or too many, gives the whole file', async (t) => {
  const { ask } = await givenServer(t, Buffer.from('twelve bytes'));
  const many = `bytes=${Array.from({ length: 33 }, () => '0-0').join(',')}`;
  for (const range of ['bytes=5-1', 'bytes=a-b', 'bytes=-', 'bytes=', 'items=0-1', 'bytes=0-1,x', 'bytes 0-1', many]) {
    const { status, body } = await ask({ Range: range });
    assert.equal(status, 200, range);
    assert.equal(body.toString(), 'twelve bytes');
  }
});

test('an empty file is sent, and has no ranges', async (t) => {
  const { ask } = await givenServer(t, Buffer.alloc(0));
  const whole = await ask();
  assert.deepEqual([whole.status, whole.headers['content-length'], whole.body.length], [200, '0', 0]);
  const range = await ask({ Range: 'bytes=0-' });
  assert.deepEqual([range.status, range.headers['content-range']], [416, 'bytes */0']);
});

test('conditions are judged in the order of RFC 9110, 13.2.2', async (t) => {
  const { ask, sha256 } = await givenServer(t, CONTENT);
  const tag = `"${sha256}"`;
  const [then, earlier, later] = [
    'Fri, 02 Jan 2026 03:04:05 GMT',
    'Thu, 01 Jan 2026 00:00:00 GMT',
    'Sat, 03 Jan 2026 00:00:00 GMT',
  ];
  const cases: [Record<string, string>, number][] = [
    [{ 'If-None-Match': tag }, 304],
    [{ 'If-None-Match': `W/${tag}` }, 304],
    [{ 'If-None-Match': `"x", ${tag}` }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x"' }, 200],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': then }, 200],
    [{ 'If-Modified-Since': then }, 304],
    [{ 'If-Modified-Since': earlier }, 200],
    [{ 'If-Modified-Since': 'yesterday' }, 200],
    [{ 'If-Match': tag }, 200],
    [{ 'If-Match': '*' }, 200],
    [{ 'If-Match': `W/${tag}` }, 412],
    [{ 'If-Match': '"x"', 'If-None-Match': tag }, 412],
    [{ 'If-Unmodified-Since': earlier }, 412],
    [{ 'If-Unmodified-Since': later }, 200],
    [{ 'If-Match': tag, 'If-Unmodified-Since': earlier }, 200],
    [{ Range: 'bytes=0-9', 'If-Range': tag }, 206],
    [{ Range: 'bytes=0-9', 'If-Range': `W/${tag}` }, 200],
    [{ Range: 'bytes=0-9', 'If-Range': '"x"' }, 200],
    [{ Range: 'bytes=0-9', 'If-Range': then }, 206],
    [{ Range: 'bytes=0-9', 'If-Range': later }, 200],
    [{ Range: 'bytes=0-9', 'If-None-Match': tag }, 304],
    [{ Range: 'bytes=9999999-', 'If-Range': '"x"' }, 200],
  ];
  for (const [headers, status] of cases) {
    const answer = await ask(headers);
    assert.equal(answer.status, status, JSON.stringify(headers));
    assert.equal(answer.headers.etag, tag);
    if (status === 304) assert.deepEqual([answer.body.length, answer.headers['content-type']], [0, undefined]);
  }
});

test('bytes that are gone are said to be gone before anything is sent', async (t) => {
  const { ask, files, sha256 } = await givenServer(t, CONTENT, { cacheControl: 'public, immutable' });
  await files.remove(sha256);
  for (const [headers, method] of [
    [{}, 'GET'],
    [{}, 'HEAD'],
    [{ Range: 'bytes=0-1,5-6' }, 'GET'],
  ] as const) {
    const answer = await ask(headers, method);
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['cache-control'], undefined);
    assert.equal(answer.headers.etag, undefined);
  }
});

test('a client that leaves closes the file', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  const { port, files, sha256 } = await givenServer(t, randomBytes(30_000_000));
  const openTimes = async () => {
    let count = 0;
    for (const fd of await readdir('/proc/self/fd')) {
      if ((await readlink(`/proc/self/fd/${fd}`).catch(() => '')) === files.localPath(sha256)) count += 1;
    }
    return count;
  };
  const ranges = [{}, { Range: 'bytes=0-20000000,20000002-29999999' }];
  for (const headers of ranges) {
    const request = http.request({ port, headers, agent: false }).end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await once(response, 'readable');
    response.pause();
    const deadline = Date.now() + 5000;
    while ((await openTimes()) === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await openTimes(), 1);
    request.destroy();
    while ((await openTimes()) > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await openTimes(), 0);
  }
});

test('any ranges give exactly the bytes that a plain reading of them names, and never more than the file', () => {
  const number = fc.integer({ min: 0, max: 30 });
  const spec = fc.oneof(
    fc
      .tuple(number, number)
      .map(([a, b]) => ({ text: `${Math.min(a, b)}-${Math.max(a, b)}`, from: Math.min(a, b), to: Math.max(a, b) })),
    number.map((a) => ({ text: `${a}-`, from: a, to: Number.POSITIVE_INFINITY })),
    number.map((n) => ({ text: `-${n}`, from: -n, to: Number.POSITIVE_INFINITY })),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 25 }),
      fc.array(spec, { minLength: 1, maxLength: 8 }),
      (totalBytes, specs) => {
        const positions = Array.from({ length: totalBytes }, (_, n) => n);
        const wanted = new Set<number>();
        for (const { text, from, to } of specs) {
          const slice = text.startsWith('-')
            ? from === 0
              ? []
              : positions.slice(from)
            : positions.slice(from, to + 1);
          for (const position of slice) wanted.add(position);
        }

        const spans = parseRange(`bytes=${specs.map(({ text }) => text).join(', ')}`, totalBytes);

        assert.ok(spans);
        const served = spans.flatMap(({ start, end }) => positions.slice(start, end + 1));
        assert.deepEqual(
          [...served].sort((a, b) => a - b),
          [...wanted].sort((a, b) => a - b),
        );
        assert.ok(spans.every(({ start, end }) => 0 <= start && start <= end && end < totalBytes));
      },
    ),
    { numRuns: 3000 },
  );
});

test('nothing that a header can hold throws', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.nat(), (text, totalBytes) => {
      parseRange(`bytes=${text}`, totalBytes);
      parseRange(text, totalBytes);
    }),
    { numRuns: 3000 },
  );
});

test('uploaded bytes never leave as something that a browser runs or a peer believes', () => {
  for (const type of [
    'text/html',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/xml',
    'application/javascript',
    'application/json',
    'application/ld+json',
    'application/activity+json',
    'application/pdf',
    'text/css',
    '',
    'x',
    'image/png, text/html',
    'constructor',
  ]) {
    assert.equal(safeContentType(type), 'application/octet-stream', type);
  }
  assert.equal(safeContentType('IMAGE/PNG; charset=x'), 'image/png');
  assert.equal(safeContentType('text/plain'), 'text/plain; charset=utf-8');
});

test('the name for saving is safe in both of its forms', () => {
  const cases: [string, string][] = [
    ['model.safetensors', `attachment; filename*=UTF-8''model.safetensors; filename="model.safetensors"`],
    ['żółw 猫.png', `attachment; filename*=UTF-8''%C5%BC%C3%B3%C5%82w%20%E7%8C%AB.png; filename="___w _.png"`],
    [`a"b'c(d)*.png`, `attachment; filename*=UTF-8''a_b%27c%28d%29_.png; filename="a_b'c(d)_.png"`],
    ['50%41.png', `attachment; filename*=UTF-8''50%2541.png; filename="50_41.png"`],
    [
      'a\r\nSet-Cookie: x=1.png',
      `attachment; filename*=UTF-8''aSet-Cookie_%20x%3D1.png; filename="aSet-Cookie_ x=1.png"`,
    ],
    ['evil\u202Egnp.exe', `attachment; filename*=UTF-8''evilgnp.exe; filename="evilgnp.exe"`],
    ['../../etc/passwd', `attachment; filename*=UTF-8''_.._etc_passwd; filename="_.._etc_passwd"`],
    ['..\\boot.ini', `attachment; filename*=UTF-8''_boot.ini; filename="_boot.ini"`],
    ['CON.png', `attachment; filename*=UTF-8''_CON.png; filename="_CON.png"`],
    ['.htaccess', `attachment; filename*=UTF-8''htaccess; filename="htaccess"`],
    ['\uD800.png', `attachment; filename*=UTF-8''%EF%BF%BD.png; filename="_.png"`],
    ['', `attachment; filename*=UTF-8''download; filename="download"`],
  ];
  for (const [name, header] of cases) assert.equal(contentDisposition('attachment', name), header);
  const long = safeFileName(`${'猫'.repeat(500)}.safetensors`);
  assert.ok(Buffer.byteLength(long) <= 200 && long.endsWith('.safetensors'), long);
});

test('any name makes a header that Node sends, and one name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      const header = contentDisposition('inline', name);
      http.validateHeaderValue('Content-Disposition', header);
      assert.match(header, /^inline; filename\*=UTF-8''[\w!#$&+.^`|~%-]+; filename="[^"\\%]+"$/);
      assert.equal(safeFileName(safeFileName(name)), safeFileName(name));
    }),
    { numRuns: 2000 },
  );
});
