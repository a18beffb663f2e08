import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { generateActorKeys, readPublicKey } from '../../src/federation/signatures/keys.ts';
import type { Here, SignedMessage } from '../../src/federation/signatures/message.ts';
import { signCavage, signRfc9421 } from '../../src/federation/signatures/sign.ts';
import { parseDictionary } from '../../src/federation/signatures/structured-field.ts';
import { type ActorKey, readClaim, verifyClaim } from '../../src/federation/signatures/verify.ts';
import { AppError } from '../../src/kit/errors.ts';
import {
  cavage,
  createdAt,
  here,
  INBOX,
  malloryPair,
  pem,
  recipe,
  rfc9421,
  sha256,
  vicKey,
  vicPair,
} from './signing.ts';

/** Verifies as the gate does; resolves with the keys that were asked for. */
async function verify(message: SignedMessage, key: ActorKey | null = vicKey, at: Here = here) {
  const asked: string[] = [];
  await verifyClaim(readClaim(message, at), async (keyId, how) => {
    asked.push(`${how} ${keyId}`);
    return key;
  });
  return asked;
}

const isUnauthenticated = (error: unknown) => error instanceof AppError && error.kind === 'unauthenticated';

async function refused(message: SignedMessage, key?: ActorKey, at?: Here): Promise<void> {
  await assert.rejects(verify(message, key, at), isUnauthenticated);
}

/** Refused before anybody is asked for a key. */
function refusedAtOnce(message: SignedMessage): void {
  assert.throws(() => readClaim(message, here), isUnauthenticated);
}

test('control: an ordinary Cavage signature is accepted with one look at the key', async () => {
  assert.deepEqual(await verify(cavage()), [`fetch ${vicKey.keyId}`]);
});

test('S01 a request without a signature is refused before any connection', () => {
  refusedAtOnce({ ...cavage(), rawHeaders: ['host', 'node.example', 'date', here.now.toUTCString()] });
});

test('S02 a body that was changed after signing is refused', () => {
  refusedAtOnce({ ...cavage(), body: Buffer.from('{"a":2}') });
});

test('S03 a POST without a digest, or with one that is not signed, is refused', () => {
  refusedAtOnce(cavage({ names: ['(request-target)', 'host', 'date'] }));
  const { digest, ...rest } = recipe().headers;
  assert.ok(digest);
  const without = cavage();
  refusedAtOnce({
    ...without,
    rawHeaders: Object.entries(rest)
      .flat()
      .concat(['signature', signatureOf(without)]),
  });
});

test('S04 digests that are double, weak, unknown or wrong are refused; the name may be in lower case', async () => {
  const right = sha256('{"a":1}');
  const wrong = sha256('other');
  for (const digest of [
    `SHA-256=${wrong},SHA-256=${right}`,
    `SHA-256=${right},SHA-256=${wrong}`,
    'MD5=1B2M2Y8AsgTpgAmY7PhCfg==',
    `SHA-999=${right}`,
    'SHA-256=',
    '',
    `SHA-256=${right},SHA-512=${right}`,
  ]) {
    refusedAtOnce(cavage({ headers: { digest } }));
  }
  await verify(cavage({ headers: { digest: `sha-256=${right}` } }));
  await verify(cavage({ headers: { digest: `SHA-256=${right},MD5=1B2M2Y8AsgTpgAmY7PhCfg==` } }));
});

test('S05 signatures over too little are refused', () => {
  refusedAtOnce(cavage({ names: ['date'] }));
  refusedAtOnce(cavage({ names: ['host', 'date', 'digest'] }));
  refusedAtOnce(cavage({ names: ['(request-target)', 'date', 'digest'] }));
  refusedAtOnce(cavage({ names: ['(request-target)', 'host', 'digest'] }));
});

test('S06 a signature for another inbox, method or query is refused', async () => {
  await refused({ ...cavage({ target: '/users/bob/inbox' }), target: INBOX });
  await refused({ ...cavage({ method: 'GET' }), method: 'POST' });
  await refused({ ...cavage(), target: `${INBOX}?x=1` });
});

test("S07 another server's delivery, relayed byte for byte, is refused", () => {
  refusedAtOnce(cavage({ headers: { host: 'e.example' } }));
  const relayed = cavage({ headers: { host: 'e.example' } });
  refusedAtOnce({ ...relayed, rawHeaders: ['Host', 'node.example', ...relayed.rawHeaders] });
});

test('S09 dates that are old, early, absent or nonsense are refused, also behind an x-date', async () => {
  const at = (hours: number) => new Date(here.now.getTime() + hours * 3_600_000).toUTCString();
  for (const date of [at(-13), at(2), 'yesterday', '', here.now.toISOString(), '1763640000']) {
    refusedAtOnce(cavage({ headers: { date } }));
  }
  const { date, ...undated } = recipe().headers;
  assert.ok(date);
  refusedAtOnce({ ...cavage(), rawHeaders: [...Object.entries(undated).flat(), 'signature', signatureOf(cavage())] });
  const names = ['(request-target)', 'host', 'x-date', 'digest'];
  refusedAtOnce(cavage({ names, headers: { 'x-date': at(-1) } }));
  await verify(cavage({ headers: { date: at(-1) } }));
});

test('S10 expired and future signatures are refused; (created) may stand for Date', async () => {
  refusedAtOnce(cavage({ parameters: { expires: createdAt - 1 } }));
  refusedAtOnce(cavage({ parameters: { created: createdAt + 7200 } }));
  const names = ['(request-target)', 'host', '(created)', 'digest'];
  await verify(cavage({ names, algorithm: 'hs2019', parameters: { created: createdAt } }));
  refusedAtOnce(cavage({ names, algorithm: 'hs2019', parameters: { created: createdAt - 13 * 3600 } }));
});

test('S16 a key id on this node, or one that is no URL, is refused without asking ourselves', () => {
  for (const keyId of [
    'https://node.example/users/alice#main-key',
    'http://node.example/actor#main-key',
    'https://NODE.example/users/alice',
    'https://x@v.example/key',
    'file:///etc/passwd',
    'vic',
  ]) {
    refusedAtOnce(cavage({ keyId }));
  }
});

test('S17 algorithms are RSA with SHA-256 or nothing', async () => {
  const byPem = (text: string) => createHmac('sha256', vicKey.publicKey).update(text).digest();
  refusedAtOnce(cavage({ algorithm: 'hmac-sha256', makeSignature: byPem }));
  refusedAtOnce(cavage({ algorithm: 'none' }));
  const sha1 = (text: string) => sign('sha1', Buffer.from(text), vicPair.privateKey);
  refusedAtOnce(cavage({ algorithm: 'rsa-sha1', makeSignature: sha1 }));
  await refused(cavage({ algorithm: 'hs2019', makeSignature: byPem }));
  await refused(cavage({ algorithm: 'hs2019', makeSignature: sha1 }));
  await verify(cavage({ algorithm: null }));
  await verify(cavage({ algorithm: 'hs2019' }));
});

test('S18 keys that are weak, huge, slow or of another kind are refused in bounded time', async () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const slow = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 0x10001 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = slow.publicKey.export({ format: 'jwk' });
  const before = process.cpuUsage();
  const texts = [
    pem(weak.publicKey),
    pem(ec.publicKey),
    spkiOfRsa(Buffer.alloc(2048, 0xff), Buffer.from([1, 0, 1])),
    spkiOfRsa(Buffer.alloc(64, 0xff), Buffer.from([1, 0, 1])),
    spkiOfRsa(Buffer.from(jwk.n ?? '', 'base64url'), Buffer.alloc(256, 0x7f)),
    `${pem(slow.publicKey)}${'\n'.repeat(1_000_000)}x`,
    vicPair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
    '',
  ];
  for (const publicKey of texts) {
    await refused(cavage(), { ...vicKey, publicKey });
    assert.throws(() => readPublicKey(publicKey), isUnauthenticated);
  }
  assert.ok(process.cpuUsage(before).user / 1000 < 500);
});

test('S20 a rotated key is accepted after one refetch, and a wrong signature costs no more than that', async () => {
  const asked: string[] = [];
  const claim = readClaim(cavage(), here);
  const old = { ...vicKey, publicKey: pem(malloryPair.publicKey) };
  const found = await verifyClaim(claim, async (_keyId, how) => {
    asked.push(how);
    return how === 'refetch' ? vicKey : old;
  });
  assert.equal(found, vicKey);
  assert.deepEqual(asked, ['fetch', 'refetch']);
  await assert.rejects(
    verifyClaim(claim, async (_keyId, how) => {
      asked.push(how);
      return old;
    }),
    isUnauthenticated,
  );
  assert.deepEqual(asked.slice(2), ['fetch', 'refetch']);
});

test('S21 RFC 9421 with RSA and with Ed25519 is accepted', async () => {
  await verify(rfc9421());
  const keys = await generateActorKeys();
  await verify(
    rfc9421({
      parameters: `;created=${createdAt};keyid="${vicKey.keyId}"`,
      makeSignature: (text) => sign(null, Buffer.from(text), keys.ed25519PrivatePem),
    }),
    { ...vicKey, publicKey: keys.ed25519PublicMultibase },
  );
});

test('S22 RFC 9421 that covers too little, is old, or is broken is refused', async () => {
  const method = ['@method', 'POST'] as const;
  const target = ['@target-uri', `https://node.example${INBOX}`] as const;
  const digest = ['content-digest', `sha-256=:${sha256('{"a":1}')}:`] as const;
  const key = `;keyid="${vicKey.keyId}"`;
  refusedAtOnce(rfc9421({ components: [method, target] }));
  refusedAtOnce(rfc9421({ contentDigest: null }));
  refusedAtOnce(rfc9421({ contentDigest: `sha-256=:${sha256('other')}:` }));
  refusedAtOnce(rfc9421({ components: [target, digest] }));
  await refused(rfc9421({ components: [method, ['@target-uri', 'https://node.example/users/bob/inbox'], digest] }));
  await refused(rfc9421({ components: [method, ['@target-uri', `https://e.example${INBOX}`], digest] }));
  refusedAtOnce(rfc9421({ parameters: key }));
  refusedAtOnce(rfc9421({ parameters: `;created=${createdAt - 13 * 3600}${key}` }));
  refusedAtOnce(rfc9421({ parameters: `;created=${createdAt + 7200}${key}` }));
  refusedAtOnce(rfc9421({ parameters: `;created=${createdAt};expires=${createdAt - 5}${key}` }));
  refusedAtOnce(rfc9421({ parameters: `;created="${createdAt}"${key}` }));
  refusedAtOnce(rfc9421({ parameters: `;created=${createdAt};flavour="sweet"${key}` }));
  refusedAtOnce(rfc9421({ parameters: `;created=${createdAt}${key};alg="hmac-sha256"` }));
  refusedAtOnce(rfc9421({ parameters: `;created=${createdAt}` }));
  refusedAtOnce(rfc9421({ components: [method, target, digest, ['@planet', 'earth']] }));
  refusedAtOnce(rfc9421({ components: [method, target, digest, ['x-absent', '']] }));
  refusedAtOnce(rfc9421({ components: [method, target, ['"content-digest";sf', digest[1]]] }));
  refusedAtOnce(rfc9421({ components: [method, target, digest, method] }));
  for (const input of [
    'sig1=(',
    'sig1=("@method"',
    'sig1',
    '=()',
    'sig1=("@method" 5);created=1',
    'a=b,',
    '\u00e9=()',
  ]) {
    refusedAtOnce(rfc9421({ input }));
  }
  await verify(rfc9421({ components: [method, ['@authority', 'node.example'], ['@path', INBOX], digest] }));
  refusedAtOnce(
    rfc9421({ target: `${INBOX}?a=1`, components: [method, ['@authority', 'node.example'], ['@path', INBOX], digest] }),
  );
});

test('S23 a broken RFC 9421 signature beside a good Cavage one is refused', () => {
  const good = cavage();
  for (const input of ['nonsense', 'sig1=("@method");created=1', '']) {
    refusedAtOnce({ ...good, rawHeaders: [...good.rawHeaders, 'Signature-Input', input] });
  }
});

test('S24 signature headers that are huge, repeated or name absent headers are refused', () => {
  refusedAtOnce(cavage({ parameters: { junk: 'x'.repeat(65_536) } }));
  const many = Array.from({ length: 1000 }, (_, n) => `x-${n}`);
  refusedAtOnce(cavage({ names: [...recipe().names, ...many] }));
  refusedAtOnce(cavage({ names: [...recipe().names, 'x-absent'] }));
  refusedAtOnce(cavage({ names: [...recipe().names, 'date'] }));
  const good = cavage();
  refusedAtOnce({ ...good, rawHeaders: [...good.rawHeaders, 'Signature', signatureOf(good)] });
  refusedAtOnce({ ...good, rawHeaders: [...good.rawHeaders, 'Date', here.now.toUTCString()] });
  const before = process.cpuUsage();
  assert.throws(() => parseDictionary(`${'a'.repeat(65_536)}=()`), isUnauthenticated);
  assert.ok(process.cpuUsage(before).user / 1000 < 50);
});

test('S28 a signature holds for the path as it was sent, and for no spelling beside it', async () => {
  for (const target of ['/users/Alice/inbox', '/users/%61lice/inbox', '//users/alice/inbox', '/users/./alice/inbox']) {
    await verify(cavage({ target })); // whoever routes this must find nobody there
    await refused({ ...cavage({ target }), target: INBOX });
  }
});

test('what this node signs, it also verifies, over a real socket', async (t) => {
  const keys = await generateActorKeys();
  const now = new Date();
  const inbox = await new Promise<{ port: number; received: Promise<SignedMessage> }>((ready) => {
    const server = createServer();
    const received = new Promise<SignedMessage>((resolve) => {
      server.on('request', async (incoming, response) => {
        const body = Buffer.concat(await incoming.toArray());
        response.end();
        resolve({ method: incoming.method ?? '', target: incoming.url ?? '', rawHeaders: incoming.rawHeaders, body });
      });
    });
    t.after(() => server.close());
    server.listen(0, '127.0.0.1', () => ready({ port: (server.address() as AddressInfo).port, received }));
  });
  const url = new URL(`http://127.0.0.1:${inbox.port}/inbox?page=1`);
  const body = Buffer.from('{"type":"Follow"}');
  const key = {
    keyId: 'https://v.example/users/vic#main-key',
    type: 'rsa' as const,
    privateKeyPem: keys.rsaPrivatePem,
  };
  const headers = signCavage({ method: 'POST', url, body, now }, key);
  request(url, { method: 'POST', headers }).end(body);
  const actorKey = { ...vicKey, publicKey: keys.rsaPublicPem };
  await verify(await inbox.received, actorKey, { origin: url.origin, now });

  for (const [type, privateKeyPem, publicKey] of [
    ['rsa', keys.rsaPrivatePem, keys.rsaPublicPem],
    ['ed25519', keys.ed25519PrivatePem, keys.ed25519PublicMultibase],
  ] as const) {
    const signed = signRfc9421({ method: 'POST', url, body, now }, { ...key, type, privateKeyPem });
    const rawHeaders = ['host', url.host, ...Object.entries(signed).flat()];
    const message = { method: 'POST', target: '/inbox?page=1', rawHeaders, body };
    await verify(message, { ...vicKey, publicKey }, { origin: url.origin, now });
    await refused({ ...message, target: '/inbox' }, { ...vicKey, publicKey }, { origin: url.origin, now });
  }
  const get = signCavage({ method: 'GET', url, body: null, now }, key);
  assert.equal(get.digest, undefined);
  await verify(
    { method: 'GET', target: '/inbox?page=1', rawHeaders: Object.entries(get).flat(), body: Buffer.alloc(0) },
    actorKey,
    { origin: url.origin, now },
  );
});

test('no text in the signature headers makes the verifier fail otherwise than by refusing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.boolean(), (signature, input, modern) => {
      const rawHeaders = [...Object.entries(recipe().headers).flat(), 'signature', signature];
      if (modern) rawHeaders.push('signature-input', `sig1=${input}`);
      try {
        readClaim({ ...cavage(), rawHeaders }, here);
      } catch (error) {
        assert.ok(isUnauthenticated(error), String(error));
      }
    }),
    { numRuns: 100 },
  );
});

function signatureOf({ rawHeaders }: SignedMessage): string {
  return rawHeaders[rawHeaders.indexOf('signature') + 1] ?? '';
}

/** A SubjectPublicKeyInfo around any modulus and exponent, also ones that nobody would generate. */
function spkiOfRsa(modulus: Buffer, exponent: Buffer): string {
  const der = (tag: number, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    const length =
      content.length < 128
        ? Buffer.from([content.length])
        : Buffer.from([0x82, content.length >> 8, content.length & 255]);
    return Buffer.concat([Buffer.from([tag]), length, content]);
  };
  const positive = (number: Buffer) => der(0x02, Buffer.from([0]), number);
  const rsaEncryption = Buffer.from('300d06092a864886f70d0101010500', 'hex');
  const key = der(0x03, Buffer.from([0]), der(0x30, positive(modulus), positive(exponent)));
  const base64 =
    der(0x30, rsaEncryption, key)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${base64.join('\n')}\n-----END PUBLIC KEY-----\n`;
}
