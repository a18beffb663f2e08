import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Browser } from '../accounts/browser.ts';
import { emptyShelf, furnishedShelf, keysOf } from './shelf.ts';

test('pages of any site may read every answer, refusals too, and ask first', async (t) => {
  const { ask } = await emptyShelf(t);
  for (const path of ['/api/v1/models', '/api/v1/models/999', '/api/v1/nothing', '/api/download/models/999']) {
    assert.equal((await ask(path)).headers.get('access-control-allow-origin'), '*', path);
  }
  const before = await ask('/api/v1/model-versions/by-hash', {
    method: 'OPTIONS',
    headers: { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' },
  });
  assert.equal(before.status, 204);
  assert.match(before.headers.get('access-control-allow-methods') ?? '', /POST/);
  assert.match(before.headers.get('access-control-allow-headers') ?? '', /Authorization/);
  assert.match(before.headers.get('access-control-expose-headers') ?? '', /Content-Disposition.*RateLimit/);
  // credentials are never let in: with them the browser would refuse the star
  assert.equal(before.headers.get('access-control-allow-credentials'), null);
  const post = await ask('/api/v1/model-versions/by-hash/ids', {
    ...{ method: 'POST', body: [], headers: { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' } },
  });
  assert.equal(post.status, 200);
  assert.equal((await ask('/models')).headers.get('access-control-allow-origin'), null);
});

test('a cookie says nothing to the API, so that no page of another site asks in somebody’s name', async (t) => {
  const { address, ada, node, ask } = await furnishedShelf(t);
  await node.orm.em.fork().nativeUpdate('Account', { id: ada.id }, { levels: 31 });
  const browser = new Browser(address);
  await browser.signIn('ada');
  assert.equal((await browser.get('/api/v1/me')).status, 401);
  const { items } = JSON.parse((await browser.get('/api/v1/models?nsfw=true')).text);
  assert.deepEqual(items.length, (await ask('/api/v1/models?nsfw=true')).json.items.length);
});

test('an address that is not there answers in JSON', async (t) => {
  const { ask } = await emptyShelf(t);
  const { status, json } = await ask('/api/v1/unicorns');
  assert.equal(status, 404);
  assert.deepEqual(keysOf(json), ['error']);
});

test('a slash too many before the address of a program leads to the one without it, on this node', async (t) => {
  const { address } = await emptyShelf(t);
  const ask = async (path: string) => {
    const { status, headers } = await fetch(`${address.origin}${path}`, { redirect: 'manual' });
    return [status, headers.get('location')];
  };
  assert.deepEqual(await ask('//api/v1/models?limit=1&token=a'), [308, '/api/v1/models?limit=1&token=a']);
  assert.deepEqual(await ask('///api/download/models/1'), [308, '/api/download/models/1']);
  assert.deepEqual(await ask('//elsewhere.example/api/v1/models'), [404, null]);
});

test('each answer says what is left of the limit, and the last one when to come again', async (t) => {
  const { ask } = await emptyShelf(t);
  const first = await ask('/api/v1/enums');
  assert.equal(first.headers.get('ratelimit-policy'), '"api";q=600;w=60');
  assert.match(first.headers.get('ratelimit') ?? '', /^"api";r=599;t=1$/);
  for (let n = 0; n < 600; n += 1) {
    const { status } = await ask('/api/v1/enums');
    if (status === 429) break;
  }
  const over = await ask('/api/v1/enums');
  assert.equal(over.status, 429);
  assert.deepEqual(keysOf(over.json), ['error']);
  assert.equal(over.headers.get('retry-after'), '1');
});

test('a token in the address reaches no line of the log', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const { ask, ada, tokenOf } = await emptyShelf(t, { log });
  const token = await tokenOf(ada);
  const { json } = await ask(`/api/v1/models?limit=1&token=${token}`);
  await ask(`/api/download/models/999?token=${token}`);
  await ask(`/api/v1/unicorns?token=${token}`);
  assert.ok(json);
  assert.ok(lines.some((line) => line.includes('/api/v1/models')));
  assert.ok(!lines.some((line) => line.includes(token)));
});

test('HEAD answers as GET does, without a body', async (t) => {
  const { ask } = await furnishedShelf(t);
  const { status, text, headers } = await ask('/api/v1/models', { method: 'HEAD' });
  assert.deepEqual([status, text], [200, '']);
  assert.match(headers.get('content-type') ?? '', /json/);
});
