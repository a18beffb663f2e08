import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { AppError, type ErrorKind } from '../../src/kit/errors.ts';
import { isNearbyAddress, isPublicAddress } from '../../src/kit/net/addresses.ts';
import { TimedSet } from '../../src/kit/net/budget.ts';
import { isSharedEnding, registrableDomain } from '../../src/kit/net/domain.ts';
import { hasMediaType, readMediaType } from '../../src/kit/net/media-type.ts';
import { makeNet, type NetOptions } from '../../src/kit/net/net.ts';
import { nearbyReach, publicReach, type Reach } from '../../src/kit/net/target.ts';

const PRIVATE_HOSTS = [
  ...[
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
  ],
  ...['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '192.0.0.8'],
  ...['198.18.0.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255', '[fc00::1]', '[fd12::1]', '[fe80::1]'],
  ...['[ff02::1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::1]', '[2002:7f00:1::]', '[2001::1]', '[2001:db8::1]'],
];

/** Listens on loopback, and closes with the test. */
async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function scratchFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-net-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A client that reaches exactly the given sockets of loopback, and of private addresses nothing else. */
function netFor(ports: readonly number[], more: Partial<NetOptions> & { reach?: Reach } = {}) {
  return makeNet({
    userAgent: 'tessera-test',
    resolve: async () => ['127.0.0.1'],
    reach: {
      allowAddress: (address, port) => isPublicAddress(address) || (address === '127.0.0.1' && ports.includes(port)),
      plainHttp: true,
      anyPort: true,
      localNames: false,
    },
    ...more,
  });
}

async function peer(t: TestContext, listener: RequestListener) {
  const server = createServer(listener);
  const port = await listen(t, server);
  return { port, url: `http://peer.example:${port}`, net: netFor([port]) };
}

async function refuses(promise: Promise<unknown>, ...kinds: ErrorKind[]): Promise<AppError> {
  const error = await promise.then(
    () => assert.fail('this should have been refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof AppError, String(error));
  assert.ok(kinds.includes(error.kind), `${error.kind}: ${error.message}`);
  return error;
}

test('F01 no special address is public, in any spelling that URLs allow', () => {
  for (const host of PRIVATE_HOSTS) {
    const name = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '');
    assert.equal(isPublicAddress(name), false, host);
  }
  for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '172.32.0.1']) {
    assert.equal(isPublicAddress(address), true, address);
  }
  for (const address of ['169.254.169.254', 'fe80::1', '0.0.0.0', '224.0.0.1']) {
    assert.equal(isNearbyAddress(address), false, address);
  }
});

test('F01 a literal private address opens no socket', async (t) => {
  let connections = 0;
  const port = await listen(
    t,
    createTcpServer(() => (connections += 1)),
  );
  const net = makeNet({ userAgent: 'tessera-test', reach: { ...publicReach, plainHttp: true, anyPort: true } });
  for (const host of PRIVATE_HOSTS) {
    await refuses(net.peerFetch(`http://${host}:${port}/`), 'unavailable', 'invalid');
  }
  assert.equal(connections, 0);
});

test('F02 of a name with a private and a public address, the private one is never connected to', async (t) => {
  let connections = 0;
  const port = await listen(
    t,
    createTcpServer(() => (connections += 1)),
  );
  const reach = { ...publicReach, plainHttp: true, anyPort: true };
  const mixed = makeNet({ userAgent: 'x', reach, resolve: async () => ['127.0.0.1', '192.0.2.1', '::1'] });
  await refuses(mixed.peerFetch(`http://mixed.example:${port}/`), 'unavailable');
  const onlyNine = { ...reach, allowAddress: (address: string) => address === '127.0.0.9' };
  const half = makeNet({ userAgent: 'x', reach: onlyNine, resolve: async () => ['127.0.0.1', '127.0.0.9'] });
  await refuses(half.peerFetch(`http://mixed.example:${port}/`), 'unavailable');
  for (const name of ['localhost', 'localhost.', 'peer.localhost', 'printer.local', 'db', 'peer.example.']) {
    await refuses(mixed.peerFetch(`https://${name}/`), 'invalid');
  }
  assert.equal(connections, 0);
});

test('F03 the socket goes to the address that was checked, however the name resolves later', async (t) => {
  let answers = 0;
  const server = createServer((_request, response) => response.end('checked'));
  const port = await listen(t, server);
  const net = netFor([port], {
    resolve: async () => (++answers === 1 ? ['127.0.0.1'] : ['127.0.0.2']),
  });
  const reply = await net.peerFetch(`http://rebind.example:${port}/`);
  assert.equal(reply.body.toString(), 'checked');
  assert.equal(answers, 1);
  await refuses(net.peerFetch(`http://rebind.example:${port}/`), 'unavailable');
});

test('F04 redirects to private hosts, other schemes, with credentials, in loops and a fourth hop are refused', async (t) => {
  let secretReads = 0;
  const secretPort = await listen(
    t,
    createServer((_request, response) => {
      secretReads += 1;
      response.end('secret');
    }),
  );
  const { url, net } = await peer(t, (request, response) => {
    const target = decodeURIComponent(request.url?.slice(2) ?? '');
    const hops = /^hop(\d+)$/.exec(target)?.[1];
    if (hops === '0') return response.end('arrived');
    response.writeHead(302, { location: hops ? `/?hop${Number(hops) - 1}` : target }).end();
  });
  const to = (target: string) => net.peerFetch(`${url}/?${encodeURIComponent(target)}`);
  await refuses(to(`http://127.0.0.1:${secretPort}/`), 'unavailable');
  for (const target of ['file:///etc/passwd', 'data:text/plain,x', 'unix:/run/x', 'gopher://peer.example/']) {
    await refuses(to(target), 'invalid', 'unavailable');
  }
  await refuses(to(`http://user:word@peer.example/`), 'invalid');
  await refuses(to('hop4'), 'unavailable');
  assert.equal((await to('hop3')).body.toString(), 'arrived');
  assert.equal(secretReads, 0);
});

test('F04 a redirect from https to http is refused, and https verifies the certificate', async (t) => {
  const folder = scratchFolder(t);
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=peer.example', '-addext', 'subjectAltName=DNS:peer.example'];
  const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', [...make, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  } catch {
    return t.skip('openssl is not installed');
  }
  const ca = readFileSync(cert, 'utf8');
  const plainPort = await listen(
    t,
    createServer((_request, response) => response.end('plain')),
  );
  const port = await listen(
    t,
    createHttpsServer({ key: readFileSync(key), cert: ca }, (request, response) => {
      if (request.url === '/down') response.writeHead(301, { location: `http://peer.example:${plainPort}/` }).end();
      else response.end('secure');
    }),
  );
  const trusting = netFor([port, plainPort], { ca });
  assert.equal((await trusting.peerFetch(`https://peer.example:${port}/`)).body.toString(), 'secure');
  await refuses(trusting.peerFetch(`https://peer.example:${port}/down`), 'unavailable');
  await refuses(trusting.peerFetch(`https://other.example:${port}/`), 'unavailable');
  await refuses(netFor([port]).peerFetch(`https://peer.example:${port}/`), 'unavailable');
});

test('F04 a redirect to another origin does not carry the signature or the token along', async (t) => {
  let seen: NodeJS.Dict<string | string[]> = {};
  const otherPort = await listen(
    t,
    createServer((request, response) => {
      seen = request.headers;
      response.end();
    }),
  );
  const port = await listen(
    t,
    createServer((_request, response) =>
      response.writeHead(302, { location: `http://other.example:${otherPort}/` }).end(),
    ),
  );
  const headers = { signature: 'sig', authorization: 'Bearer x', accept: 'application/activity+json' };
  await netFor([port, otherPort]).peerFetch(`http://peer.example:${port}/`, { headers });
  assert.equal(seen.signature, undefined);
  assert.equal(seen.authorization, undefined);
  assert.equal(seen.accept, 'application/activity+json');
});

test('F06 UNIX sockets, other ports, userinfo, plain http and other schemes are refused', async () => {
  const net = makeNet({ userAgent: 'x', resolve: async () => assert.fail('not even a lookup') });
  const urls = [
    ...[
      'http://unix:/run/docker.sock:/x',
      'https://peer.example:22/',
      'https://peer.example:25/',
      'ftp://peer.example/',
    ],
    ...['https://peer.example:6379/', 'https://vic@peer.example/', 'http://peer.example/', 'https://', 'nonsense', ''],
    `https://peer.example/${'a'.repeat(3000)}`,
  ];
  for (const url of urls) await refuses(net.peerFetch(url), 'invalid');
});

test('F07 a large, endless or compressed flood is cut at the cap with bounded memory', {
  timeout: 20_000,
}, async (t) => {
  const bomb = gzipSync(Buffer.alloc(100_000_000));
  const { url, net } = await peer(t, (request, response) => {
    if (request.url === '/declared') return response.writeHead(200, { 'content-length': '200000000' }).write('x');
    if (request.url === '/gzip') return response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    if (request.url === '/double')
      return response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(bomb));
    if (request.url === '/fine') return response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('small'));
    const chunk = Buffer.alloc(65_536);
    const pump = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', pump);
    };
    pump();
  });
  assert.equal((await net.peerFetch(`${url}/fine`)).body.toString(), 'small');
  const before = process.memoryUsage().rss;
  for (const path of ['/declared', '/gzip', '/endless']) await refuses(net.peerFetch(url + path), 'too_large');
  await refuses(net.peerFetch(`${url}/double`), 'unavailable');
  assert.ok(process.memoryUsage().rss - before < 20_000_000, 'memory grew with the body');
});

test('F07 media goes to a file with a cap, and a file that is cut off is removed', async (t) => {
  const { url, net } = await peer(t, (_request, response) => response.end(Buffer.alloc(3_000_000, 7)));
  const folder = scratchFolder(t);
  const whole = await net.peerFetch(url, { saveTo: join(folder, 'whole'), maxBytes: 5_000_000 });
  assert.equal(whole.totalBytes, 3_000_000);
  assert.equal(statSync(join(folder, 'whole')).size, 3_000_000);
  await refuses(net.peerFetch(url, { saveTo: join(folder, 'cut'), maxBytes: 1_000_000 }), 'too_large');
  assert.throws(() => statSync(join(folder, 'cut')));
});

test('F08 slow headers, a slow body and silence end at the total deadline', async (t) => {
  const port = await listen(
    t,
    createTcpServer((socket) => {
      socket.once('data', (data) => {
        if (String(data).startsWith('GET /silent')) return;
        const text = String(data).startsWith('GET /body') ? 'HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n' : '';
        socket.write(text);
        const drip = setInterval(() => socket.write('H'), 50);
        socket.once('close', () => clearInterval(drip));
      });
    }),
  );
  const net = netFor([port], { requestsPerDomain: 60 });
  const startedAt = performance.now();
  const paths = ['/silent', '/body', '/headers'].flatMap((path) => Array<string>(20).fill(path));
  await Promise.all(
    paths.map((path) =>
      refuses(net.peerFetch(`http://slow.example:${port}${path}`, { timeoutMs: 400 }), 'unavailable'),
    ),
  );
  assert.ok(performance.now() - startedAt < 2_000);
});

test('F08 a hanging name lookup ends at the deadline too', async () => {
  const net = makeNet({ userAgent: 'x', resolve: () => new Promise(() => {}) });
  await refuses(net.peerFetch('https://peer.example/', { timeoutMs: 100 }), 'unavailable');
});

test('F08 F16 one domain with a thousand names shares a budget, and other peers are not held up', async (t) => {
  let atOnce = 0;
  let most = 0;
  const { port } = await peer(t, () => {});
  const slowPort = await listen(
    t,
    createServer((_request, response) => {
      most = Math.max(most, ++atOnce);
      setTimeout(() => {
        atOnce -= 1;
        response.end();
      }, 20);
    }),
  );
  const goodPort = await listen(
    t,
    createServer((_request, response) => response.end('good')),
  );
  const net = netFor([port, slowPort, goodPort], { requestsPerDomain: 3 });
  const swarm = Array.from({ length: 30 }, (_, n) => net.peerFetch(`http://a${n}.wild.example:${slowPort}/`));
  // listened to from the first moment: on a busy machine they fail before the swarm is through
  const hanging = Array.from({ length: 3 }, () =>
    refuses(net.peerFetch(`http://dead.test:${port}/`, { timeoutMs: 600 }), 'unavailable'),
  );
  assert.equal((await net.peerFetch(`http://good.example.org:${goodPort}/`)).body.toString(), 'good');
  await Promise.all(swarm);
  assert.ok(most <= 3, `${most} at once`);
  await Promise.all(hanging);
});

test('a budget belongs to the name that somebody registered, and an ending that many share is told from a name', () => {
  const owners = {
    'a.b.co.uk': 'b.co.uk',
    'a.b.example.com': 'example.com',
    'n7.abc.de': 'abc.de',
    '10.0.0.1': '10.0.0.1',
  };
  // names that a free host gives out share its budget
  for (const [host, owner] of Object.entries({ ...owners, 'x.github.io': 'github.io', localhost: 'localhost' })) {
    assert.equal(registrableDomain(host), owner);
  }
  const endings = ['com', 'co.uk', 'github.io', 'masto.host', 'k12.ca.us', 'xn--55qx5d.cn', 'foo.ck', 'co.uk:8443'];
  for (const host of endings) assert.equal(isSharedEnding(host), true, host);
  const names = ['b.co.uk', 'x.github.io', 'abc.de', 'www.ck', 'peer.example', '127.0.0.1:3000', 'xn--mnchen-3ya.de'];
  for (const host of names) assert.equal(isSharedEnding(host), false, host);
});

test('a host that failed is left alone until the memory fades, when the caller asks for that', async (t) => {
  let now = 0;
  let requests = 0;
  const port = await listen(
    t,
    createServer((_request, response) => {
      requests += 1;
      response.writeHead(404).end();
    }),
  );
  const net = netFor([port], { failures: new TimedSet(() => now) });
  const ask = () => net.peerFetch(`http://peer.example:${port}/key`, { forgetFailureAfterMs: 1000 });
  assert.equal((await ask()).status, 404);
  await refuses(ask(), 'unavailable');
  now = 2000;
  assert.equal((await ask()).status, 404);
  assert.equal(requests, 2);
});

test('F09 the content type is compared whole and without regard to case', () => {
  assert.equal(hasMediaType('Application/Activity+JSON; charset=utf-8', ['application/activity+json']), true);
  assert.equal(hasMediaType('text/html', ['application/activity+json']), false);
  assert.equal(hasMediaType('image/png', ['image/*']), true);
  assert.equal(readMediaType('a/b; profile="x y"').parameters.get('profile'), 'x y');
});

test('a POST carries its body and method and is not redirected', async (t) => {
  const seen: string[] = [];
  const { url, net } = await peer(t, (request, response) => {
    request.on('data', (chunk) => seen.push(`${request.method} ${chunk}`));
    request.on('end', () => response.writeHead(307, { location: '/elsewhere' }).end());
  });
  const reply = await net.peerFetch(`${url}/inbox`, { method: 'POST', body: '{"a":1}' });
  assert.equal(reply.status, 307);
  assert.deepEqual(seen, ['POST {"a":1}']);
});

test('the door for operators opens only for hosts that were named, and follows no redirect', async (t) => {
  const { port } = await peer(t, (_request, response) =>
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  );
  const net = makeNet({ userAgent: 'x' });
  const hosts = [`127.0.0.1:${port}`];
  assert.equal((await net.operatorFetch(`http://127.0.0.1:${port}/`, { hosts })).status, 302);
  await refuses(net.operatorFetch(`http://localhost:${port}/`, { hosts }), 'invalid');
  await refuses(net.operatorFetch('file:///etc/passwd', { hosts: [''] }), 'invalid');
});

test('with private addresses allowed, loopback over http works and cloud metadata stays shut', async (t) => {
  const { port } = await peer(t, (_request, response) => response.end('near'));
  const net = makeNet({ userAgent: 'x', reach: nearbyReach });
  assert.equal((await net.peerFetch(`http://127.0.0.1:${port}/`)).body.toString(), 'near');
  assert.equal((await net.peerFetch(`http://localhost:${port}/`)).body.toString(), 'near');
  await refuses(net.peerFetch('http://169.254.169.254/latest/meta-data', { timeoutMs: 500 }), 'unavailable');
});
