import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { signIn, skip, withChromium } from './chromium.ts';
import { look, WATCH_SHIFTS } from './faults.ts';

const browser = withChromium();
const VERIFIER = 'v'.repeat(64);

test('an app asks, the person allows, the browser takes the answer there, and the app can be disconnected', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web');
  await givenMember(node.em, 'ada');
  const app = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Back</title><h1>Back in the app</h1>');
  }).listen(0, '127.0.0.1');
  t.after(() => app.close());
  await once(app, 'listening');
  const redirectUri = `http://127.0.0.1:${(app.address() as AddressInfo).port}/back`;
  const send = async (path: string, body: object) =>
    (await (await fetch(new URL(path, address), { method: 'POST', body: JSON.stringify(body) })).json()) as object;
  const { client_id: clientId } = (await send('/oauth/register', {
    ...{ client_name: 'Picture frame', token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/back'] },
  })) as { client_id: string };
  const start = new URL('/oauth/authorize', address);
  start.search = new URLSearchParams({
    ...{ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state: 'x' },
    ...{ scope: 'read write:images generate', code_challenge_method: 'S256' },
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  }).toString();

  const window = await browser.open();
  const { page } = window;
  await page.addInitScript(WATCH_SHIFTS);
  await signIn(page, address, 'ada');
  assert.deepEqual(await look(window, start), []);
  await page.getByRole('button', { name: 'Allow', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/back\?/);
  assert.equal(await page.locator('h1').textContent(), 'Back in the app');
  const code = new URL(page.url()).searchParams.get('code') ?? '';
  const answer = await fetch(new URL('/oauth/token', address), {
    method: 'POST',
    body: new URLSearchParams({
      ...{ grant_type: 'authorization_code', client_id: clientId, code, redirect_uri: redirectUri },
      code_verifier: VERIFIER,
    }),
  });
  assert.equal(answer.status, 200);

  const apps = new URL('/settings/apps', address);
  assert.deepEqual(await look(window, apps), []);
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByRole('button', { name: 'Disconnect' }).click();
  const sure = page.getByRole('dialog').getByRole('button', { name: 'Disconnect' });
  if (await sure.isVisible().catch(() => false)) await sure.click();
  await page.getByText('No app is connected.').waitFor();
  assert.deepEqual(await look(window, apps), []);
  // what an app asks wrongly is told here, and goes nowhere
  start.searchParams.set('code_challenge_method', 'plain');
  await page.goto(start.href);
  assert.match((await page.locator('main').textContent()) ?? '', /asked in a way that this node does not take/);
  await window.context.close();
});
