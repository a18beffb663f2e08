import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { AppError } from '../../src/kit/errors.ts';
import { type OperatorSocket, type OperatorSocketOptions, openOperatorSocket } from '../../src/kit/net/socket.ts';
import { until } from './queue-setup.ts';

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What the other side of a socket does. */
type Peer = (socket: WebSocket, request: IncomingMessage) => void;

async function peer(t: TestContext, act: Peer): Promise<number> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) =>
    act(
      socket.on('error', () => {}),
      request,
    ),
  );
  return listen(t, server);
}

interface Heard {
  readonly texts: string[];
  readonly bytes: Buffer[];
  closed: number;
}

/** A socket to this port by the name engine.test, and what came of it. */
async function open(
  t: TestContext,
  port: number,
  more: Partial<OperatorSocketOptions> & { readonly address?: string; readonly names?: readonly string[] } = {},
): Promise<{ readonly socket: OperatorSocket; readonly heard: Heard }> {
  const heard: Heard = { texts: [], bytes: [], closed: 0 };
  const { address = `http://engine.test:${port}/ws?id=1`, names = ['127.0.0.1'], ...options } = more;
  const socket = await openOperatorSocket(
    new URL(address),
    {
      ...{ hosts: [`engine.test:${port}`], maxBytes: 1_000, timeoutMs: 5_000 },
      onText: (text) => heard.texts.push(text),
      onBytes: (bytes) => heard.bytes.push(bytes),
      onClose: () => {
        heard.closed += 1;
      },
      ...options,
    },
    { resolve: async () => names },
  );
  t.after(() => socket.close());
  return { socket, heard };
}

const refused = (kind: string) => (error: unknown) => error instanceof AppError && error.kind === kind;

test('texts and bytes come and go, with the headers and the address that were asked for', async (t) => {
  const asked: (string | undefined)[] = [];
  const port = await peer(t, (socket, { url, headers }) => {
    asked.push(url, headers.host, headers.authorization);
    socket.on('message', (data) => {
      socket.send(`heard ${data}`);
      socket.send(Buffer.from([0, 1, 255]));
    });
  });
  const { socket, heard } = await open(t, port, { headers: { authorization: 'Bearer of-the-operator' } });
  socket.send('prompt');
  await until('both came', () => heard.bytes.length === 1);
  assert.deepEqual(heard.texts, ['heard prompt']);
  assert.deepEqual([...(heard.bytes[0] ?? [])], [0, 1, 255]);
  assert.deepEqual(asked, ['/ws?id=1', `engine.test:${port}`, 'Bearer of-the-operator']);
});

test('a host that no setting names is refused before its name is asked for: another, another port, its address', async (t) => {
  let connections = 0;
  const port = await peer(t, () => {
    connections += 1;
  });
  const asked: string[] = [];
  const options = { hosts: [`engine.test:${port}`], maxBytes: 1_000, timeoutMs: 1_000 };
  const silent = { onText: () => {}, onBytes: () => {}, onClose: () => {} };
  const resolve = async (name: string) => {
    asked.push(name);
    return ['127.0.0.1'];
  };
  for (const host of [
    `evil.test:${port}`,
    `engine.test:${port + 1}`,
    'engine.test',
    `127.0.0.1:${port}`,
    `engine.test@evil.test:${port}`,
  ]) {
    const address = new URL(`ws://${host}/ws`);
    await assert.rejects(openOperatorSocket(address, { ...options, ...silent }, { resolve }), refused('invalid'), host);
  }
  assert.deepEqual(asked, []);
  assert.equal(connections, 0);
});

test('a name without an address, and one whose lookup fails or takes for ever, is unavailable', async (t) => {
  const port = await peer(t, () => {});
  await assert.rejects(open(t, port, { names: [] }), refused('unavailable'));
  const options = { hosts: [`engine.test:${port}`], maxBytes: 1_000, timeoutMs: 100 };
  const silent = { onText: () => {}, onBytes: () => {}, onClose: () => {} };
  for (const resolve of [() => Promise.reject(new Error('SERVFAIL')), () => new Promise<string[]>(() => {})]) {
    const address = new URL(`ws://engine.test:${port}/`);
    await assert.rejects(openOperatorSocket(address, { ...options, ...silent }, { resolve }), refused('unavailable'));
  }
});

test('a name is looked up once, and nothing but what was found is connected to', async (t) => {
  const port = await peer(t, () => {});
  const answers = [['127.0.0.1'], ['127.0.0.2']];
  let lookups = 0;
  const socket = await openOperatorSocket(
    new URL(`ws://engine.test:${port}/`),
    {
      ...{ hosts: [`engine.test:${port}`], maxBytes: 1_000, timeoutMs: 5_000 },
      ...{ onText: () => {}, onBytes: () => {}, onClose: () => {} },
    },
    { resolve: async () => answers[lookups++] ?? [] },
  );
  t.after(() => socket.close());
  assert.equal(lookups, 1);
});

test('a redirect is not followed, and an answer that is no socket is unavailable', async (t) => {
  let wasReached = false;
  const other = await peer(t, () => {
    wasReached = true;
  });
  const server = createServer((_, answer) => answer.end('a page'));
  server.on('upgrade', (_, socket) => {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${other}/\r\nContent-Length: 0\r\n\r\n`);
  });
  const redirecting = await listen(t, server);
  await assert.rejects(open(t, redirecting), refused('unavailable'));
  assert.equal(wasReached, false);
  const plain = await listen(
    t,
    createServer((_, answer) => answer.end('a page')),
  );
  await assert.rejects(open(t, plain), refused('unavailable'));
});

test('one that is not there, hangs up or keeps silent before it is open is unavailable', async (t) => {
  const gone = createTcpServer();
  const port = await listen(t, gone);
  gone.close();
  await assert.rejects(open(t, port), refused('unavailable'));
  const rude = await listen(
    t,
    createTcpServer((socket) => socket.destroy()),
  );
  await assert.rejects(open(t, rude), refused('unavailable'));
  const silent = await listen(
    t,
    createTcpServer(() => {}),
  );
  await assert.rejects(open(t, silent, { timeoutMs: 100 }), refused('unavailable'));
});

test('a message may have just so many bytes; a longer one is not read and ends the connection, once', async (t) => {
  const port = await peer(t, (socket) => {
    socket.send('x'.repeat(1_000));
    socket.send('x'.repeat(1_001));
    socket.send('after it');
  });
  const { heard } = await open(t, port);
  await until('it closed', () => heard.closed > 0);
  assert.deepEqual(
    heard.texts.map(({ length }) => length),
    [1_000],
  );
  assert.equal(heard.closed, 1);
});

test('a message in parts is counted as a whole', async (t) => {
  const port = await peer(t, (socket) => {
    for (let n = 0; n < 5; n += 1) socket.send('x'.repeat(400), { fin: n === 4 });
  });
  const { heard } = await open(t, port);
  await until('it closed', () => heard.closed > 0);
  assert.deepEqual(heard.texts, []);
});

test('text that is no UTF-8 ends the connection', async (t) => {
  const port = await peer(t, (socket) => socket.send(Buffer.from([0xff, 0xfe]), { binary: false }));
  const { heard } = await open(t, port);
  await until('it closed', () => heard.closed > 0);
  assert.deepEqual(heard.texts, []);
});

test('nothing is inflated, also when the other side offers it', async (t) => {
  const extensions: (string | undefined)[] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on('connection', (socket, { headers }) => {
    extensions.push(headers['sec-websocket-extensions'], socket.extensions);
    socket.send('x'.repeat(900));
  });
  const { heard } = await open(t, await listen(t, server));
  await until('it came', () => heard.texts.length === 1);
  assert.deepEqual(extensions, [undefined, '']);
});

test('its end is told once, whoever ended it, and what is sent afterwards goes nowhere', async (t) => {
  let theirs: WebSocket | null = null;
  const port = await peer(t, (socket) => {
    theirs = socket;
  });
  const first = await open(t, port);
  await until('it is there', () => theirs !== null);
  (theirs as WebSocket | null)?.close();
  await until('we know', () => first.heard.closed === 1);
  first.socket.send('too late');
  first.socket.close();

  const second = await open(t, port);
  second.socket.close();
  second.socket.close();
  await until('we know', () => second.heard.closed > 0);
  assert.deepEqual([first.heard.closed, second.heard.closed], [1, 1]);
});
