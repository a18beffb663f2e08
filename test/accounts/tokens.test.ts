import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scopeOfPage } from '../../src/accounts/access/guard.ts';
import { ApiToken } from '../../src/accounts/access/model.ts';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { PERMISSION } from '../../src/accounts/permissions.ts';
import { permissionsWithin, requireScope } from '../../src/accounts/scopes.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Browser } from './browser.ts';

test('a token is shown once, kept as a hash, and signs requests until it is deleted', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.signIn('ada');

  const made = await browser.post('/settings/tokens', { label: 'cli', scopes: ['read', 'generate'], days: '30' });
  const secret = /tessera_[\w-]{43}/.exec(made.text)?.[0] ?? '';
  assert.doesNotMatch((await browser.get('/settings/tokens')).text, /tessera_[\w-]{43}/);
  const row = await em.findOneOrFail(ApiToken, { label: 'cli' });
  assert.ok(!JSON.stringify(row).includes(secret));
  const program = new Browser(browser.address);
  const headers = { authorization: `Bearer ${secret}` };
  assert.equal((await program.get('/', headers)).status, 200);

  await browser.post(`/settings/tokens/${row.id}/delete`);
  assert.equal((await program.get('/', headers)).status, 401);
});

test('a form without scopes or with made-up ones makes no token', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.signIn('ada');

  assert.equal((await browser.post('/settings/tokens', { label: 'cli', days: '30' })).status, 422);
  assert.equal((await browser.post('/settings/tokens', { label: 'cli', scopes: ['root'] })).status, 422);
  assert.equal(await em.count(ApiToken), 0);
});

test('a token changes no settings, however much it may do otherwise', async (t) => {
  const { em, start, workAs } = await testNode(t);
  const owner = await givenMember(em, 'owner', { role: 'owner' });
  const browser = new Browser(await start('web'));
  const { secret } = await createToken(workAs(null), owner, { label: 'all', scopes: ['all'], expiresAt: null });
  const headers = { authorization: `Bearer ${secret}` };

  for (const path of ['/settings/account', '/settings/tokens', '/admin/accounts', '/admin/mail']) {
    assert.equal((await browser.get(path, headers)).status, 403, path);
  }
  assert.equal((await browser.post('/settings/tokens', { label: 'x', scopes: 'all' }, headers)).status, 403);
});

test('by the forms of pages a token changes no more than its scopes say', async (t) => {
  const { em, start, workAs } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const eve = await givenMember(em, 'eve');
  const browser = new Browser(await start('web'));
  const headersFor = async (...scopes: string[]) => {
    const { secret } = await createToken(workAs(null), ada, { label: 'x', scopes, expiresAt: null });
    return { authorization: `Bearer ${secret}` };
  };
  const read = await headersFor('read', 'generate');
  const paths = [`/accounts/${eve.id}/follow`, '/collections', '/reports', '/posts/1/removal', '/hidden'];
  for (const path of [...paths, '/models/1/likes', '/images/1/edit', '/versions/1/files', '/upload']) {
    const { status, text } = await browser.post(path, {}, read);
    assert.equal(status, 403, path);
    assert.match(text, /This token lacks the scope write:/);
  }
  const social = await headersFor('write:social');
  assert.equal((await browser.post(`/accounts/${eve.id}/follow`, {}, social)).status, 302);
  assert.equal((await browser.post('/images/1/edit', {}, social)).status, 403);
  assert.equal(scopeOfPage('/models/1/comments'), 'write:social');
  assert.equal(scopeOfPage('/models/1/versions'), 'write:models');
});

test('a token ends when it says, and a token in the address counts under /api/ only', async (t) => {
  const { em, start, workAs, clock } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const browser = new Browser(await start('web'));
  const expiresAt = new Date(clock.now().getTime() + 86_400_000);
  const { secret } = await createToken(workAs(null), ada, { label: 'cli', scopes: ['read'], expiresAt });

  assert.equal((await browser.get(`/settings/people?token=${secret}`)).status, 302);
  assert.equal((await browser.get('/api/nothing?token=wrong')).status, 401);
  assert.equal((await browser.get(`/api/nothing?token=${secret}`)).status, 404);
  clock.pass(2 * 86_400_000);
  assert.equal((await browser.get(`/api/nothing?token=${secret}`)).status, 401);
});

test('scopes cut permissions down and never add any', () => {
  const all = Object.values(PERMISSION).reduce<number>((sum, bit) => sum | bit, 0);
  assert.equal(permissionsWithin(all, null), all);
  assert.equal(permissionsWithin(all, new Set(['all'])), all);
  assert.equal(permissionsWithin(all, new Set(['read'])), 0);
  assert.equal(permissionsWithin(all, new Set(['write:models', 'generate'])), PERMISSION.publish | PERMISSION.generate);
  assert.equal(permissionsWithin(PERMISSION.publish, new Set(['admin', 'moderate', 'all'])), PERMISSION.publish);
  assert.equal(permissionsWithin(PERMISSION.publish, new Set(['admin'])), 0);
});

test('a service that needs a scope refuses visitors and tokens without it', () => {
  const viewer = { id: 1, name: 'ada', permissions: 0, levels: 1 };
  assert.throws(() => requireScope(null, 'read'), { kind: 'unauthenticated' });
  assert.throws(() => requireScope({ ...viewer, scopes: new Set(['read']) }, 'write:models'), { kind: 'forbidden' });
  assert.equal(requireScope({ ...viewer, scopes: null }, 'admin').id, 1);
});
