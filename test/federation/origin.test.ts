import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { fetchDocument, isActivityPub } from '../../src/federation/fetch-document.ts';
import { parsePeerJson } from '../../src/federation/json.ts';
import { fromDigestMultibase, fromMultibase, toDigestMultibase, toMultibase } from '../../src/federation/multibase.ts';
import { normalise } from '../../src/federation/normalise.ts';
import {
  isOwnId,
  isSameOrigin,
  mayDelete,
  mayUpdate,
  readId,
  readLink,
  standingOf,
} from '../../src/federation/origin.ts';
import { AppError } from '../../src/kit/errors.ts';
import { makeNet } from '../../src/kit/net/net.ts';

const OWN = 'https://node.example';
const VIC = 'https://v.example/users/vic';
const MALLORY = 'https://e.example/users/mallory';

test('O25 look-alikes of another host or of this node share no origin with it', () => {
  const lookAlikes = [
    ...[
      'https://v.example@e.example/',
      'https://v.example./',
      'https://v.example:443/',
      'HTTPS://V.EXAMPLE/',
      '//v.example',
    ],
    ...['https://ｖ.example/', 'https://v。example/', 'https://ⅴ.example/', 'http://v.example/', 'https:/v.example/'],
    ...[
      'https://v.example\t/',
      ' https://v.example/',
      'https://v.example/a/../b',
      'https://v.example/%2e%2e/',
      'javascript:1',
    ],
    ...['https://v.example\\@e.example/', `https://v.example/${'a'.repeat(3000)}`, '', 'v.example', null, 1, {}],
  ];
  for (const value of lookAlikes) {
    assert.equal(isSameOrigin(value, VIC), false, String(value));
    assert.equal(isOwnId(typeof value === 'string' ? value.replace('v.example', 'node.example') : value, OWN), false);
  }
  for (const id of ['https://node.example.evil.test/', 'https://nodeXexample/', 'https://node.example:8443/']) {
    assert.equal(isOwnId(id, OWN), false, id);
  }
  assert.equal(isOwnId('https://node.example/users/alice', OWN), true);
  assert.equal(isSameOrigin('https://v.example/notes/1#likes', VIC), true);
  assert.equal(readId('https://v.example')?.origin, 'https://v.example');
  assert.equal(isSameOrigin('https://xn--v-5fa.example/', 'https://v.example/'), false);
});

test('O02 O04 inline objects of another host, and inline actors of any, count as references only', () => {
  const at = (value: object) => standingOf(normalise(value as never), MALLORY, OWN);
  assert.equal(at({ id: 'https://v.example/notes/1', type: 'Note', attributedTo: VIC }), 'reference');
  assert.equal(at({ id: VIC, type: 'Person', publicKey: { id: `${VIC}#main-key` } }), 'reference');
  assert.equal(at({ id: MALLORY, type: 'Person' }), 'reference');
  assert.equal(at({ id: 'https://e.example/notes/1', type: 'Note', attributedTo: MALLORY }), 'inline');
  assert.equal(at({ id: 'https://e.example/notes/1', type: 'Note', attributedTo: VIC }), 'refused');
  assert.equal(at({ type: 'Note', attributedTo: MALLORY }), 'refused');
  assert.equal(standingOf('https://v.example/notes/1', MALLORY, OWN), 'reference');
  assert.equal(standingOf('javascript:alert(1)', MALLORY, OWN), 'refused');
});

test('O13 O16 an inline activity whose actor is somebody else is refused or only a reference', () => {
  const at = (value: object) => standingOf(normalise(value as never), MALLORY, OWN);
  assert.equal(at({ id: 'https://v.example/follows/1', type: 'Follow', actor: VIC, object: OWN }), 'reference');
  assert.equal(at({ id: 'https://e.example/follows/1', type: 'Follow', actor: VIC, object: OWN }), 'refused');
  assert.equal(at({ id: `${OWN}/follows/1`, type: 'Follow', actor: `${OWN}/users/alice` }), 'reference');
});

test('O06 O09 O10 an object is changed by its owner, and deleted by its host, judged by what is stored', () => {
  const vicsNote = { id: 'https://v.example/notes/1', ownerId: VIC };
  const alices = { id: `${OWN}/models/42`, ownerId: `${OWN}/users/alice` };
  assert.equal(mayUpdate(vicsNote, VIC, OWN), true);
  assert.equal(mayUpdate(vicsNote, 'https://v.example/users/moderator', OWN), false);
  assert.equal(mayUpdate(vicsNote, MALLORY, OWN), false);
  assert.equal(mayDelete(vicsNote, 'https://v.example/users/moderator', OWN), true);
  assert.equal(mayDelete(vicsNote, MALLORY, OWN), false);
  assert.equal(mayUpdate(alices, `${OWN}/users/alice`, OWN), false, 'our own things are not changed through the inbox');
  assert.equal(mayDelete(alices, `${OWN}/users/alice`, OWN), false);
});

test('O31 only http and https links without a user name are shown', () => {
  for (const link of [
    'javascript:alert(1)',
    'data:text/html,x',
    ' vbscript:x',
    'https://v.example@e.example/',
    'x',
    1,
  ]) {
    assert.equal(readLink(link), null, String(link));
  }
  assert.equal(readLink('https://v.example/a b'), 'https://v.example/a%20b');
});

test('F09 only ActivityPub content types are read as documents', () => {
  for (const type of ['text/html', 'image/png', 'application/json', 'application/ld+json', undefined]) {
    assert.equal(isActivityPub(type), false, type);
  }
  for (const profile of ['"https://example.org"', '"https://www.w3.org/ns/activitystreams.evil"']) {
    assert.equal(isActivityPub(`application/ld+json; profile=${profile}`), false);
  }
  assert.equal(isActivityPub('application/activity+json; charset=utf-8'), true);
  assert.equal(isActivityPub('application/ld+json; profile="https://www.w3.org/ns/activitystreams"'), true);
});

/** A peer on loopback that serves the given answers. */
async function peerWith(t: TestContext, answers: (origin: string) => Record<string, [type: string, body: object]>) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const [type, body] = answers(origin)[request.url ?? ''] ?? ['text/plain', null];
    response.writeHead(body === null ? 404 : 200, { 'content-type': type }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const origin = `http://v.example:${port}`;
  const net = makeNet({
    userAgent: 'test',
    resolve: async () => ['127.0.0.1'],
    reach: { allowAddress: (_address, to) => to === port, plainHttp: true, anyPort: true, localNames: false },
  });
  return { origin, requests, fetcher: { net, ownOrigin: 'http://node.example' } };
}

test('S14 F09 a fetched document is taken only as ActivityPub and only under its own address', async (t) => {
  const AP = 'application/activity+json';
  const { origin, requests, fetcher } = await peerWith(t, (self) => ({
    '/good': [AP, { id: `${self}/good`, type: 'Note', content: 'x' }],
    '/alias': [AP, { id: `${self}/good`, type: 'Note' }],
    '/thief': [AP, { id: 'http://w.example/users/vic', type: 'Person' }],
    '/loop': [AP, { id: `${self}/alias`, type: 'Note' }],
    '/image': ['image/png', { id: `${self}/image`, type: 'Person' }],
    '/html': ['text/html', { id: `${self}/html`, type: 'Person' }],
    '/nameless': [AP, { type: 'Note' }],
  }));
  assert.equal((await fetchDocument(fetcher, `${origin}/good#main-key`))?.object.id, `${origin}/good`);
  const alias = await fetchDocument(fetcher, `${origin}/alias`);
  assert.deepEqual(alias?.object.content, ['x'], 'the named address was asked');
  assert.equal(await fetchDocument(fetcher, `${origin}/missing`), null);
  for (const path of ['/thief', '/loop', '/image', '/html', '/nameless']) {
    await assert.rejects(fetchDocument(fetcher, origin + path), (error) => error instanceof AppError, path);
  }
  const before = requests.length;
  await assert.rejects(fetchDocument(fetcher, 'http://node.example/users/alice'), AppError);
  assert.equal(requests.length, before, 'we do not ask ourselves');
});

test('the normaliser gives one shape to all spellings, and drops what only JSON-LD tools would follow', () => {
  const object = normalise({
    '@context': 'https://e.example/evil',
    '@id': 'https://e.example/1',
    '@type': ['as:Note'],
    'as:name': 'Ink',
    to: 'https://www.w3.org/ns/activitystreams#Public',
    cc: ['Public', 'as:Public', { id: 'https://e.example/followers', type: 'Collection' }, null],
    _meta: { privateKey: 'x', collection: ['https://node.example/users/alice/outbox'] },
    '@graph': [{ id: 'x' }],
    '@included': [],
    '@reverse': {},
    proof: {},
    attachment: { type: 'Image', _meta: 1, '@context': {}, generation: { _x: [1], steps: 28 } },
    items: { '@list': ['a', 'b'] },
    content: { '@value': 'text', '@language': 'en' },
  });
  assert.deepEqual(object, {
    id: 'https://e.example/1',
    type: 'Note',
    name: ['Ink'],
    to: ['as:Public'],
    cc: ['as:Public', 'as:Public', 'https://e.example/followers'],
    attachment: [{ type: 'Image', generation: [{ _x: [1], steps: 28 }] }],
    items: ['a', 'b'],
    content: ['text'],
  });
});

test('parsing agrees with JSON.parse on all honest JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!/__proto__|constructor|prototype|\\u0000|\\ud[89a-f]/i.test(text));
      assert.deepEqual(parsePeerJson(Buffer.from(text)), JSON.parse(text));
    }),
  );
});

test('multibase keeps every byte, and knows the digest of FEP-1311', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(fromMultibase(toMultibase(Buffer.from(bytes))), Buffer.from(bytes));
    }),
  );
  const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  assert.equal(toDigestMultibase(sha256), 'zQmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n'); // the CID of no bytes
  assert.equal(fromDigestMultibase(toDigestMultibase(sha256)), sha256);
  assert.equal(fromDigestMultibase('zNonsense0'), null);
});
