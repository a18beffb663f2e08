import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ApiToken } from '../../src/accounts/access/model.ts';
import { OAuthClient, OAuthGrant, OAuthSecret } from '../../src/api/oauth/model.ts';
import { isRedirectUri, matchesRedirect } from '../../src/api/oauth/redirects.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { emptyShelf, type Json, ORIGIN, type Shelf } from './shelf.ts';

const VERIFIER = 'v'.repeat(64);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
const REDIRECT = 'https://app.example/back?from=node';

const post = async (
  { address }: Pick<Shelf, 'address'>,
  path: string,
  fields: Record<string, string>,
  headers = {},
) => {
  const answer = await fetch(new URL(path, address), { method: 'POST', body: new URLSearchParams(fields), headers });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: text === '' ? null : (JSON.parse(text) as Json) };
};

const register = ({ ask }: Pick<Shelf, 'ask'>, more: object = {}) =>
  ask('/oauth/register', {
    method: 'POST',
    body: { client_name: 'Shelf app', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', ...more },
  });

const queryOf = (clientId: string, more: Record<string, string> = {}) => ({
  ...{ response_type: 'code', client_id: clientId, redirect_uri: REDIRECT, scope: 'read write:social', state: 's 1' },
  ...{ code_challenge: CHALLENGE, code_challenge_method: 'S256', ...more },
});

/** The person allows; returns the code. */
async function allowed(browser: Browser, clientId: string, more: Record<string, string> = {}): Promise<string> {
  const { status, location } = await browser.post('/oauth/authorize', { ...queryOf(clientId, more), act: 'allow' });
  assert.equal(status, 303);
  return new URL(location).searchParams.get('code') ?? '';
}

const exchange = (site: Shelf, clientId: string, code: string, more: Record<string, string> = {}) =>
  post(site, '/oauth/token', {
    ...{ grant_type: 'authorization_code', client_id: clientId, code, redirect_uri: REDIRECT, code_verifier: VERIFIER },
    ...more,
  });
const refresh = (site: Shelf, clientId: string, token: string, more: Record<string, string> = {}) =>
  post(site, '/oauth/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: token, ...more });

test('an app registers, is allowed by a person, works, and is disconnected', async (t) => {
  const site = await emptyShelf(t);
  const { address, ask, em } = site;
  const { json: meta, headers } = await ask('/.well-known/oauth-authorization-server');
  assert.deepEqual([meta.issuer, meta.code_challenge_methods_supported], [ORIGIN, ['S256']]);
  assert.equal(headers.get('access-control-allow-origin'), '*');
  assert.ok(meta.scopes_supported.includes('train') && !meta.scopes_supported.includes('admin'));

  const made = await register(site);
  assert.equal(made.status, 201);
  const clientId = made.json.client_id as string;
  assert.equal(made.json.client_secret, undefined);

  const browser = new Browser(address);
  const start = `/oauth/authorize?${new URLSearchParams(queryOf(clientId))}`;
  const signIn = await browser.get(start);
  assert.equal(signIn.status, 302);
  // after signing in the person is back where the app sent them
  const back = await browser.post(signIn.location, { name: 'ada', password: 'correct horse battery' });
  assert.equal(back.location, start);
  const consent = await browser.get(back.location);
  assert.match(textOf(consent.text), /Shelf app.*See what you see\..*Follow, like and comment\..*app\.example/);
  assert.match(consent.headers.get('content-security-policy') ?? '', /form-action 'self' https:\/\/app\.example;/);
  assert.match(consent.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);

  const no = await browser.post('/oauth/authorize', { ...queryOf(clientId), act: 'deny' });
  assert.equal(new URL(no.location).searchParams.get('error'), 'access_denied');
  assert.equal(await em.count(OAuthGrant), 0);
  const yes = await browser.post('/oauth/authorize', { ...queryOf(clientId), act: 'allow' });
  const url = new URL(yes.location);
  assert.deepEqual(
    ['from', 'state', 'iss'].map((name) => url.searchParams.get(name)),
    ['node', 's 1', ORIGIN],
  );
  const { json: tokens, status, headers: its } = await exchange(site, clientId, url.searchParams.get('code') ?? '');
  assert.equal(status, 200);
  assert.deepEqual([tokens.token_type, tokens.expires_in, tokens.scope], ['Bearer', 3_600, 'read write:social']);
  assert.equal(its.get('cache-control'), 'no-store');
  assert.equal((await ask('/api/v1/me', { token: tokens.access_token })).json.username, 'ada');
  const model = await ask('/api/v1/models', { method: 'POST', body: {}, token: tokens.access_token });
  assert.deepEqual([model.status, model.json.error], [403, 'This token lacks the scope write:models.']);

  // nothing of what was given out is in a table
  const kept = JSON.stringify([await em.find(ApiToken, {}), await em.find(OAuthSecret, {})]);
  for (const secret of [tokens.access_token, tokens.refresh_token]) assert.ok(!kept.includes(secret));

  site.clock.pass(3_601_000);
  assert.equal((await ask('/api/v1/me', { token: tokens.access_token })).status, 401);
  const { json: fresh } = await refresh(site, clientId, tokens.refresh_token);
  assert.equal((await ask('/api/v1/me', { token: fresh.access_token })).status, 200);
  assert.equal((await ask('/api/v1/me', { token: tokens.access_token })).status, 401);

  assert.doesNotMatch((await browser.get('/settings/tokens')).text, /Shelf app/);
  const page = (await browser.get('/settings/apps')).text;
  assert.match(textOf(page), /Shelf app answers go to app\.example/);
  const removal = /\/settings\/apps\/[\w-]+\/removal/.exec(page)?.[0] ?? '';
  await givenMember(em, 'eve');
  const eve = new Browser(address);
  await eve.signIn('eve');
  assert.equal((await eve.post(removal)).status, 404);
  assert.equal((await browser.post(removal)).status, 302);
  assert.equal((await ask('/api/v1/me', { token: fresh.access_token })).status, 401);
  assert.equal((await refresh(site, clientId, fresh.refresh_token)).json.error, 'invalid_grant');
  assert.deepEqual([await em.count(ApiToken), await em.count(OAuthGrant), await em.count(OAuthSecret)], [0, 0, 0]);
});

test('what is stolen is worth nothing: codes, refresh tokens and requests that are not the app’s', async (t) => {
  const site = await emptyShelf(t);
  const { address, ask, em, clock } = site;
  const clientId = (await register(site)).json.client_id as string;
  const otherId = (await register(site)).json.client_id as string;
  const browser = new Browser(address);
  await browser.signIn('ada');
  const grants = () => em.fork().count(OAuthGrant);

  // a code: once, for its client, its redirect and its verifier alone, and for a minute
  const code = await allowed(browser, clientId);
  assert.equal((await exchange(site, otherId, code)).json.error, 'invalid_grant');
  const { json: first } = await exchange(site, clientId, code);
  assert.ok(first.access_token);
  assert.equal((await exchange(site, clientId, code)).json.error, 'invalid_grant');
  // used twice: what the first use brought is taken back
  assert.equal((await ask('/api/v1/me', { token: first.access_token })).status, 401);
  assert.equal(await grants(), 0);
  for (const wrong of [
    { code_verifier: 'w'.repeat(64) },
    { redirect_uri: 'https://app.example/back' },
    { redirect_uri: 'https://evil.example/' },
  ]) {
    const burnt = await allowed(browser, clientId);
    assert.equal((await exchange(site, clientId, burnt, wrong)).json.error, 'invalid_grant');
    assert.equal((await exchange(site, clientId, burnt)).json.error, 'invalid_grant', 'the code is burnt');
  }
  const plain = await allowed(browser, clientId);
  assert.equal((await exchange(site, clientId, plain, { code_verifier: '' })).json.error, 'invalid_request');
  const late = await allowed(browser, clientId);
  clock.pass(61_000);
  assert.equal((await exchange(site, clientId, late)).json.error, 'invalid_grant');

  // a refresh token: rotates, and its second use ends everything
  const { json: one } = await exchange(site, clientId, await allowed(browser, clientId));
  assert.equal((await refresh(site, otherId, one.refresh_token)).json.error, 'invalid_grant');
  const { json: two } = await refresh(site, clientId, one.refresh_token);
  assert.notEqual(two.refresh_token, one.refresh_token);
  assert.equal((await refresh(site, clientId, one.refresh_token)).json.error, 'invalid_grant');
  assert.equal((await refresh(site, clientId, two.refresh_token)).json.error, 'invalid_grant');
  assert.equal((await ask('/api/v1/me', { token: two.access_token })).status, 401);
  const twice = await exchange(site, clientId, await allowed(browser, clientId));
  const race = await Promise.all([1, 2, 3].map(() => refresh(site, clientId, twice.json.refresh_token)));
  assert.ok(race.filter(({ status }) => status === 200).length <= 1);

  // revocation, by either token, and of nobody else's
  const { json: mine } = await exchange(site, clientId, await allowed(browser, clientId));
  assert.equal((await post(site, '/oauth/revoke', { client_id: otherId, token: mine.access_token })).status, 200);
  assert.equal((await ask('/api/v1/me', { token: mine.access_token })).status, 200);
  assert.equal((await post(site, '/oauth/revoke', { client_id: clientId, token: mine.refresh_token })).status, 200);
  assert.equal((await ask('/api/v1/me', { token: mine.access_token })).status, 401);

  // nobody is led away from here: what is wrong is told to the person
  for (const more of [
    { redirect_uri: 'https://evil.example/' },
    { redirect_uri: `${REDIRECT}&more=1` },
    { redirect_uri: 'https://app.example.evil.example/back?from=node' },
    { client_id: otherId.replace(/.$/, 'x') },
    { response_type: 'token' },
    { code_challenge_method: 'plain' },
    { code_challenge: '' },
    { scope: 'read admin' },
    { scope: 'all' },
  ]) {
    const query = queryOf(clientId, more);
    for (const answer of [
      await browser.get(`/oauth/authorize?${new URLSearchParams(query)}`),
      await browser.post('/oauth/authorize', { ...query, act: 'allow' }),
    ]) {
      assert.equal(answer.status, 422, JSON.stringify(more));
      assert.equal(answer.location, '');
    }
  }
  // neither another site nor a token says yes in a person's name
  const foreign = { 'sec-fetch-site': 'cross-site' };
  assert.equal((await browser.post('/oauth/authorize', { ...queryOf(clientId), act: 'allow' }, foreign)).status, 403);
  const { json: app } = await exchange(site, clientId, await allowed(browser, clientId));
  const bearer = { authorization: `Bearer ${app.access_token}` };
  const asApp = new Browser(address);
  assert.equal((await asApp.post('/oauth/authorize', { ...queryOf(clientId), act: 'allow' }, bearer)).status, 403);
  assert.equal((await asApp.get('/settings/apps', bearer)).status, 403);
  // a new password shuts every app out
  await em.nativeDelete(ApiToken, { kind: 'app' });
  assert.equal(await grants(), 0);
});

test('only what can be an app’s address is registered, and a secret proves who has one', async (t) => {
  for (const good of [
    ...['https://app.example/back', 'http://127.0.0.1/back', 'http://[::1]:9000/', 'http://localhost:3000/cb'],
    'com.example.app:/back',
  ])
    assert.ok(isRedirectUri(good), good);
  for (const bad of [
    ...[
      'http://app.example/',
      'javascript:alert(1)',
      'data:text/html,x',
      'https://a.example/#x',
      'https://u:p@a.example/',
    ],
    ...['https://a.example/\n', 'file:///etc/passwd', '/back', 'https://a.example\\@b.example/', 'app:/back', ''],
  ])
    assert.ok(!isRedirectUri(bad), bad);
  assert.ok(matchesRedirect('http://127.0.0.1/back', 'http://127.0.0.1:51234/back'));
  assert.ok(matchesRedirect('http://[::1]:1/b', 'http://[::1]:2/b'));
  for (const [registered, asked] of [
    ['http://127.0.0.1/back', 'http://127.0.0.1:51234/other'],
    ['http://127.0.0.1/back', 'http://127.0.0.1.evil.example/back'],
    ['http://127.0.0.1/back', 'http://127.0.0.1:1@evil.example/back'],
    ['http://127.0.0.1/back', 'http://[::1]/back'],
    ['http://localhost:1/back', 'http://localhost:2/back'],
    ['https://app.example/back', 'https://app.example:8443/back'],
  ] as const)
    assert.ok(!matchesRedirect(registered, asked), asked);

  const site = await emptyShelf(t);
  const { address, em, clock } = site;
  for (const wrong of [
    { redirect_uris: ['javascript:alert(1)'] },
    { redirect_uris: [] },
    { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'private_key_jwt' },
    { redirect_uris: 'x' },
  ]) {
    const answer = await register(site, wrong);
    assert.equal(answer.status, 400);
    assert.match(answer.json.error, /^invalid_/);
  }
  const hidden = await register(site, {
    client_name: 'Ev\u202eil\u0007',
    ...{ token_endpoint_auth_method: undefined, redirect_uris: ['http://127.0.0.1/back'] },
  });
  assert.equal(hidden.json.client_name, 'Evil');
  const { client_id: id, client_secret: secret } = hidden.json;
  assert.ok(!JSON.stringify(await em.find(OAuthClient, {})).includes(secret));
  const browser = new Browser(address);
  await browser.signIn('ada');
  // a loopback app learns its port when it starts
  const redirect = 'http://127.0.0.1:51234/back';
  const code = await allowed(browser, id, { redirect_uri: redirect });
  const its = { redirect_uri: redirect };
  for (const more of [{}, { client_secret: 'guess' }]) {
    assert.equal((await exchange(site, id, code, { ...its, ...more })).json.error, 'invalid_client');
  }
  const basic = { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
  const fields = { grant_type: 'authorization_code', code, ...its, code_verifier: VERIFIER };
  assert.equal((await post(site, '/oauth/token', fields, basic)).status, 200);
  assert.equal(
    (await post(site, '/oauth/token', { grant_type: 'password' }, basic)).json.error,
    'unsupported_grant_type',
  );

  // programs that nobody allowed anything are forgotten, the others stay
  await register(site);
  clock.pass(25 * 3_600_000);
  await register(site);
  assert.deepEqual((await em.fork().find(OAuthClient, {})).map(({ name }) => name).sort(), ['Evil', 'Shelf app']);
});
