import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { Credential } from '../../src/accounts/access/model.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Authenticator } from './authenticator.ts';
import { Browser, PASSWORD, textOf } from './browser.ts';

type Context = Parameters<typeof testNode>[0];

async function signedIn(t: Context, env: Record<string, string> = {}) {
  const node = await testNode(t, { env });
  const browser = new Browser(await node.start('web'));
  const ada = await givenMember(node.em, 'ada');
  await browser.signIn('ada');
  return { ...node, browser, ada };
}

/** Sets up an app as its person would: reads the key on the page, types the code that it gives now. */
async function withApp(t: Context) {
  const context = await signedIn(t);
  const page = await context.browser.get('/settings/security/app');
  const secret = /<code class="secret">([A-Z2-7]+)<\/code>/.exec(page.text)?.[1] ?? '';
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  const code = () => totp.generate({ timestamp: context.clock.now().getTime() });
  const answer = await context.browser.post('/settings/security/app', { code: code() });
  const recovery = [...answer.text.matchAll(/<li><code>([\w-]+)<\/code>/g)].map(([, one]) => one ?? '');
  context.clock.pass(30_000);
  return { ...context, code, recovery };
}

test('with an app, the password alone signs nobody in; with its code it does', async (t) => {
  const { browser, code, recovery } = await withApp(t);
  browser.cookies.clear();

  assert.match((await browser.signIn('ada')).location, /^\/sign-in\/code/);
  assert.equal(browser.cookies.has('session'), false);
  assert.equal((await browser.get('/settings/account')).status, 302);
  assert.equal((await browser.post('/sign-in/code', { code: code() })).status, 302);
  assert.equal((await browser.get('/settings/account')).status, 200);
  assert.equal(recovery.length, 10);
});

test('a code works once: read over a shoulder, it is worth nothing', async (t) => {
  const { browser, code } = await withApp(t);
  const seen = code();
  browser.cookies.clear();
  await browser.signIn('ada');
  assert.equal((await browser.post('/sign-in/code', { code: seen })).status, 302);

  const thief = new Browser(browser.address);
  await thief.signIn('ada');
  assert.equal((await thief.post('/sign-in/code', { code: seen })).status, 422);
});

test('five wrong codes ask for the password again', async (t) => {
  const { browser, code } = await withApp(t);
  browser.cookies.clear();
  await browser.signIn('ada');
  for (let i = 0; i < 5; i++) {
    assert.equal((await browser.post('/sign-in/code', { code: '000000' })).status, 422);
  }
  assert.equal((await browser.post('/sign-in/code', { code: code() })).status, 401);
  assert.equal(browser.cookies.has('session'), false);
});

test('the second step waits ten minutes, and needs the first', async (t) => {
  const { browser, code, clock } = await withApp(t);
  browser.cookies.clear();
  assert.equal((await browser.post('/sign-in/code', { code: code() })).status, 401);
  await browser.signIn('ada');
  clock.pass(11 * 60_000);
  assert.equal((await browser.post('/sign-in/code', { code: code() })).status, 401);
});

test('a recovery code stands in for the app, once', async (t) => {
  const { browser, recovery } = await withApp(t);
  const [first = ''] = recovery;
  browser.cookies.clear();
  await browser.signIn('ada');
  const typed = first.toUpperCase().replaceAll('-', ' ');
  assert.equal((await browser.post('/sign-in/code', { code: typed })).status, 302);

  const again = new Browser(browser.address);
  await again.signIn('ada');
  assert.equal((await again.post('/sign-in/code', { code: first })).status, 422);
});

test('the app’s key is sealed in the database, and taking the app away asks for the password', async (t) => {
  const { browser, em, ada } = await withApp(t);
  const { secret } = await em.findOneOrFail(Credential, { account: ada, kind: 'totp' });
  assert.doesNotMatch(secret, /^[A-Z2-7]+$/);

  assert.equal((await browser.post('/settings/security/app/remove', { password: 'guess' })).status, 422);
  assert.equal((await browser.post('/settings/security/app/remove', { password: PASSWORD })).status, 302);
  assert.equal(await em.count(Credential, { account: ada, kind: { $in: ['totp', 'recovery'] } }), 0);
  browser.cookies.clear();
  assert.equal((await browser.signIn('ada')).location, '/');
});

test('an app that never showed a code protects nothing and locks nobody out', async (t) => {
  const { browser } = await signedIn(t);
  await browser.get('/settings/security/app');
  assert.equal((await browser.post('/settings/security/app', { code: '000000' })).status, 422);
  browser.cookies.clear();
  assert.equal((await browser.signIn('ada')).location, '/');
});

const ORIGIN = 'https://node.example';

/** Cookies of an https node carry a prefix; the test speaks plain http to it, as a proxy does. */
async function withPasskey(t: Context) {
  const context = await signedIn(t, { PUBLIC_URL: ORIGIN });
  const device = new Authenticator(ORIGIN);
  const asked = await context.browser.postJson('/settings/security/passkeys/options', { password: PASSWORD });
  const answer = device.register(asked.body as never);
  const added = await context.browser.postJson('/settings/security/passkeys', { label: 'Phone', answer });
  return { ...context, device, added };
}

test('a passkey signs in by itself', async (t) => {
  const { browser, device, added } = await withPasskey(t);
  assert.equal(added.status, 200);
  assert.match(textOf((await browser.get('/settings/security')).text), /Phone/);
  browser.cookies.clear();

  const asked = await browser.postJson('/sign-in/passkey/options', {});
  const answer = await browser.postJson('/sign-in/passkey', { answer: device.sign(asked.body as never) });

  assert.equal(answer.status, 200);
  assert.equal((await browser.get('/settings/account')).status, 200);
});

test('an answer to an old challenge, for another site, or by another key is refused', async (t) => {
  const { browser, device } = await withPasskey(t);
  browser.cookies.clear();
  const asked = (await browser.postJson('/sign-in/passkey/options', {})).body as never;
  const phished = new Authenticator('https://n0de.example', device).sign(asked);
  assert.equal((await browser.postJson('/sign-in/passkey', { answer: phished })).status, 422);

  const fresh = (await browser.postJson('/sign-in/passkey/options', {})).body as never;
  const good = device.sign(fresh);
  const forged = {
    ...good,
    response: { ...good.response, signature: new Authenticator(ORIGIN, device, true).sign(fresh).response.signature },
  };
  assert.equal((await browser.postJson('/sign-in/passkey', { answer: forged })).status, 422);

  const next = (await browser.postJson('/sign-in/passkey/options', {})).body as never;
  const used = device.sign(next);
  assert.equal((await browser.postJson('/sign-in/passkey', { answer: used })).status, 200);
  browser.cookies.clear();
  assert.equal((await browser.postJson('/sign-in/passkey', { answer: used })).status, 422);
  assert.equal((await browser.get('/settings/account')).status, 302);
});

test('adding a passkey asks for the password, and a suspended person’s passkey opens nothing', async (t) => {
  const { browser, device, em, ada } = await withPasskey(t);
  assert.equal((await browser.postJson('/settings/security/passkeys/options', { password: 'guess' })).status, 422);

  ada.state = 'suspended';
  await em.flush();
  browser.cookies.clear();
  const asked = await browser.postJson('/sign-in/passkey/options', {});
  const answer = await browser.postJson('/sign-in/passkey', { answer: device.sign(asked.body as never) });
  assert.equal(answer.status, 403);
});
