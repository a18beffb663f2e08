import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { scanWithClamd } from '../../../src/catalogue/files/clamd.ts';

/**
 * A stand-in for clamd, constructed from clamd(8): it reads INSTREAM, looks for one word and answers. No real clamd ran.
 */
async function clamdStandIn(t: TestContext, { limitBytes = Number.POSITIVE_INFINITY, isSilent = false, at = '' } = {}) {
  const seen: { bytes: Buffer } = { bytes: Buffer.alloc(0) };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let input = Buffer.alloc(0);
    let content = Buffer.alloc(0);
    let isOpen = false;
    let isAnswered = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (isAnswered) return;
      input = Buffer.concat([input, bytes]);
      if (!isOpen && input.length >= 10) {
        assert.equal(input.toString('latin1', 0, 10), 'zINSTREAM\0');
        input = input.subarray(10);
        isOpen = true;
      }
      while (isOpen && input.length >= 4 && input.length >= 4 + input.readUInt32BE(0)) {
        const length = input.readUInt32BE(0);
        if (length === 0) {
          seen.bytes = content;
          if (!isSilent) socket.end(content.includes('EICAR') ? 'stream: Eicar-Test FOUND\0' : 'stream: OK\0');
          isAnswered = true;
          return;
        }
        content = Buffer.concat([content, input.subarray(4, 4 + length)]);
        input = input.subarray(4 + length);
        if (content.length > limitBytes) {
          socket.end('INSTREAM size limit exceeded. ERROR\0');
          isAnswered = true;
          return;
        }
      }
    });
  });
  await new Promise<void>((resolve) => (at ? server.listen(at, resolve) : server.listen(0, '127.0.0.1', resolve)));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = at || `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, seen };
}

const pieces = (...texts: readonly string[]) => Readable.from(texts.map((text) => Buffer.from(text)));

test('a clean file is clean, and clamd saw every byte', async (t) => {
  const { address, seen } = await clamdStandIn(t);
  assert.deepEqual(await scanWithClamd(address, pieces('one', '', 'two')), { result: 'clean' });
  assert.equal(seen.bytes.toString(), 'onetwo');
});

test('an infected file is named', async (t) => {
  const { address } = await clamdStandIn(t);
  assert.deepEqual(await scanWithClamd(`tcp://${address}`, pieces('xxEI', 'CARxx')), {
    result: 'infected',
    name: 'Eicar-Test',
  });
});

test('a path is the address of a socket on this machine', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-clamd-'));
  t.after(() => rm(folder, { recursive: true }));
  const { address } = await clamdStandIn(t, { at: join(folder, 'clamd.ctl') });
  assert.deepEqual(await scanWithClamd(address, pieces('ok')), { result: 'clean' });
});

test('a file that clamd thinks too long is an error, never clean', async (t) => {
  const { address } = await clamdStandIn(t, { limitBytes: 100_000 });
  const endless = Readable.from(
    (function* () {
      for (let piece = 0; piece < 2_000; piece += 1) yield Buffer.alloc(10_000);
    })(),
  );

  const found = await scanWithClamd(address, endless);

  assert.equal(found.result, 'error');
  assert.equal(endless.destroyed, true);
});

test('no clamd, a silent one, a stopped scan and a broken source are errors', async (t) => {
  const silent = await clamdStandIn(t, { isSilent: true });
  assert.equal((await scanWithClamd('/nonexistent/clamd.ctl', pieces('a'))).result, 'error');
  assert.equal((await scanWithClamd(silent.address, pieces('a'), { idleTimeoutMs: 50 })).result, 'error');
  assert.equal((await scanWithClamd(silent.address, pieces('a'), { signal: AbortSignal.timeout(50) })).result, 'error');
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('a');
      throw new Error('the disk went away');
    })(),
  );
  assert.deepEqual(await scanWithClamd(silent.address, broken), {
    result: 'error',
    message: 'clamd did not answer: the disk went away',
  });
});
