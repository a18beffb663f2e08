import assert from 'node:assert/strict';
import { createPublicKey, verify, webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { rows } from '../../src/kit/database/sql.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { PushSubscription } from '../../src/notifications/model.ts';
import { encryptPush, isRecipient, MOST_PUSH_BYTES } from '../../src/notifications/push/encrypt.ts';
import { painter } from '../gallery/painter.ts';
import { openReceiver } from './receiver.ts';

const { subtle } = webcrypto;
const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');

test('a message is encrypted as in the example of RFC 8291, appendix A', () => {
  const body = encryptPush(
    Buffer.from('When I grow up, I want to be a watermelon'),
    {
      p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
      auth: 'BTBZMqHH6r4Tts7J_aSIgg',
    },
    { salt: bytes('DGv6ra1nlYgDCS1FRnbzlw'), privateKey: bytes('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw') },
  );
  assert.equal(
    body.toString('base64url'),
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  );
  assert.throws(() => encryptPush(Buffer.alloc(MOST_PUSH_BYTES + 1), { p256dh: '', auth: '' }), RangeError);
  assert.equal(
    isRecipient({ p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: 'BTBZMqHH6r4Tts7J_aSIgg' }),
    false,
  );
});

/** A browser's side, by WebCrypto: what a message says that came for it (RFC 8291, 3.4; RFC 8188, 2). */
async function makeBrowser() {
  const keys = (await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, [
    'deriveBits',
  ])) as webcrypto.CryptoKeyPair;
  const point = Buffer.from(await subtle.exportKey('raw', keys.publicKey));
  const auth = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  const derive = async (salt: Buffer, secret: Buffer, info: Buffer, length: number) => {
    const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
    return Buffer.from(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, length * 8));
  };
  const read = async (body: Buffer): Promise<Record<string, string>> => {
    const [salt, theirs] = [body.subarray(0, 16), body.subarray(21, 21 + body.readUInt8(20))];
    const their = await subtle.importKey('raw', theirs, { name: 'ECDH', namedCurve: 'P-256' }, false, []);
    const shared = Buffer.from(await subtle.deriveBits({ name: 'ECDH', public: their }, keys.privateKey, 256));
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), point, theirs]);
    const material = await derive(auth, shared, info, 32);
    const cek = await derive(salt, material, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
    const iv = await derive(salt, material, Buffer.from('Content-Encoding: nonce\0'), 12);
    const key = await subtle.importKey('raw', cek, 'AES-GCM', false, ['decrypt']);
    const plain = Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv }, key, body.subarray(21 + theirs.length)));
    assert.equal(plain.at(-1), 2, 'the last record');
    return JSON.parse(plain.subarray(0, -1).toString()) as Record<string, string>;
  };
  return { keys: { p256dh: point.toString('base64url'), auth: auth.toString('base64url') }, read };
}

/** Who sent it, as a push service checks it (RFC 8292, 2 to 4). */
function readVapid(authorization: string): { claims: Record<string, unknown>; key: string } {
  const [, token = '', key = ''] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(authorization) ?? [];
  const [head = '', body = '', signature = ''] = token.split('.');
  const point = bytes(key);
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const publicKey = createPublicKey({ format: 'jwk', key: jwk });
  const isGood = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    bytes(signature),
  );
  assert.ok(isGood);
  assert.deepEqual(JSON.parse(bytes(head).toString()), { typ: 'JWT', alg: 'ES256' });
  return { claims: JSON.parse(bytes(body).toString()) as Record<string, unknown>, key };
}

test('a browser that asked for it is told while nobody looks: encrypted, by who can show who they are, and no more once it is gone', async (t) => {
  const receiver = await openReceiver(t);
  const { browser, ada, other, em, clock, settle, post } = await painter(t, {
    ...receiver.options,
    env: { PUBLIC_URL: 'https://node.example' },
  });
  const { browser: bob, account: bobAccount } = await other('bob');
  const it = await makeBrowser();
  const subscribe = (endpoint: string, keys = it.keys) =>
    browser
      .postJson('/settings/notifications/browsers', { endpoint, keys, expirationTime: null, label: 'Firefox' })
      .catch(() => null);
  await subscribe('http://push.example/1');
  await subscribe(receiver.url('/1'), { p256dh: 'AAAA', auth: it.keys.auth });
  assert.equal(await em.fork().count(PushSubscription, {}), 0);
  for (const path of ['/1', '/2']) await subscribe(receiver.url(path));
  // an address of the inner network is taken, and never asked
  await subscribe(receiver.url('/3', 'inside.example'));
  assert.match((await browser.get('/settings/notifications')).text, /Firefox/);
  const publicKey = /data-key="([\w-]+)"/.exec((await browser.get('/settings/notifications')).text)?.[1];

  const { imageIds } = await post(ada, [{}]);
  await bob.post(`/images/${imageIds[0]}/likes`, { on: '1' });
  await settle();
  assert.equal(receiver.received.length, 0, 'likes are not for a phone until somebody says so');
  await bob.post(`/images/${imageIds[0]}/comments`, { text: 'A secret between us' });
  await settle();
  assert.deepEqual(receiver.received.map(({ path }) => path).sort(), ['/1', '/2']);
  const [first] = receiver.received;
  assert.ok(first);
  assert.equal(first.headers['content-encoding'], 'aes128gcm');
  assert.match(first.headers.ttl ?? '', /^\d+$/);
  assert.match(first.headers.topic ?? '', /^[\w-]{1,32}$/);
  const { claims, key } = readVapid(first.headers.authorization ?? '');
  assert.equal(key, publicKey);
  assert.equal(claims.aud, new URL(receiver.url('/')).origin);
  assert.equal(claims.sub, 'https://node.example/');
  assert.ok(Number(claims.exp) * 1_000 > clock.now().getTime());
  const message = await it.read(first.body);
  assert.equal(message.body, 'bob commented on your picture');
  assert.match(message.url ?? '', /^\/notifications\/\d+$/);
  assert.ok(!first.body.includes('bob'));

  // what is read is not sent, and a browser that is gone is forgotten
  receiver.answer = 410;
  receiver.received.length = 0;
  await bob.post(`/images/${imageIds[0]}/comments`, { text: 'Once more' });
  await settle();
  assert.equal(receiver.received.length, 2);
  const left = await em.fork().find(PushSubscription, {});
  assert.deepEqual(
    left.map(({ endpoint }) => new URL(endpoint).hostname),
    ['inside.example'],
  );
  assert.equal((await bob.post(`/settings/notifications/browsers/${left[0]?.id}/removal`)).status, 404, 'not his');
  assert.equal((await browser.post(`/settings/notifications/browsers/${left[0]?.id}/removal`)).status, 302);
  assert.ok(bobAccount);
  const waiting = await rows<{ last_error: string }>(
    em.fork(),
    `select last_error from job where last_error is not null`,
  );
  assert.ok(waiting.every((row) => /cannot be reached/.test(row.last_error)));
  assert.equal(await em.fork().count(Job, { state: 'failed' }), 0);
});
