import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { Login } from '../../src/accounts/login.ts';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { givenMember, givenSettings } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Browser, mailedSecret, PASSWORD, textOf } from './browser.ts';

const NEW_PASSWORD = 'another long password';

test('the link sets a password once, and signs out every browser and program', async (t) => {
  const { node, em, workAs, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const ada = await givenMember(em, 'ada');
  await browser.signIn('ada');
  const { secret: apiToken } = await createToken(workAs(null), ada, { label: 'cli', scopes: ['all'], expiresAt: null });
  const visitor = new Browser(browser.address);
  await visitor.post('/password/forgotten', { name: 'ada' });
  const secret = await mailedSecret({ node }, 'ada@example.org');

  const page = await visitor.get(`/password/reset?token=${secret}`);
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.equal((await visitor.post(`/password/reset?token=${secret}`, { password: 'short' })).status, 422);
  assert.equal((await visitor.post(`/password/reset?token=${secret}`, { password: NEW_PASSWORD })).status, 302);

  assert.equal((await visitor.post(`/password/reset?token=${secret}`, { password: PASSWORD })).status, 410);
  assert.equal((await browser.get('/settings/account')).status, 302);
  assert.equal((await visitor.get('/', { authorization: `Bearer ${apiToken}` })).status, 401);
  assert.equal((await visitor.signIn('ada')).status, 422);
  assert.equal((await visitor.signIn('ada', NEW_PASSWORD)).status, 302);
});

test('only the newest link works, and only for an hour', async (t) => {
  const { node, em, clock, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.post('/password/forgotten', { name: 'ada' });
  const first = await mailedSecret({ node }, 'ada@example.org');
  await browser.post('/password/forgotten', { name: 'ada@example.org' });
  const second = await mailedSecret({ node }, 'ada@example.org');
  assert.notEqual(first, second);

  assert.equal((await browser.get(`/password/reset?token=${first}`)).status, 410);
  clock.pass(61 * 60_000);
  assert.equal((await browser.post(`/password/reset?token=${second}`, { password: NEW_PASSWORD })).status, 410);
});

test('a link for one purpose is none for another', async (t) => {
  const { node, em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.signIn('ada');
  await browser.post('/settings/account/email', { email: 'new@example.org', password: PASSWORD });
  const verify = await mailedSecret({ node }, 'new@example.org');

  assert.equal((await browser.post(`/password/reset?token=${verify}`, { password: NEW_PASSWORD })).status, 410);
  assert.equal((await browser.get(`/setup?token=${verify}`)).status, 404);
});

test('asking says nothing about who is a member, and fills nobody’s mailbox', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');

  const known = await browser.post('/password/forgotten', { name: 'ada' });
  const unknown = await browser.post('/password/forgotten', { name: 'nobody' });
  assert.equal(known.status, unknown.status);
  assert.equal(textOf(known.text), textOf(unknown.text));
  for (let i = 0; i < 5; i++) await browser.post('/password/forgotten', { name: 'ada' });
  assert.equal(await em.count(OutboxMail, { toAddress: 'ada@example.org' }), 3);
});

test('without a mail server the owner alone reads the links', async (t) => {
  const { em, start } = await testNode(t);
  const address = await start('web');
  await givenMember(em, 'owner', { role: 'owner' });
  await givenMember(em, 'admin', { role: 'admin' });
  const browser = new Browser(address);
  await browser.post('/password/forgotten', { name: 'owner' });

  await browser.signIn('owner');
  assert.match((await browser.get('/admin/mail')).text, /password\/reset\?token=/);
  const admin = new Browser(address);
  await admin.signIn('admin');
  assert.equal((await admin.get('/admin/mail')).status, 403);
  assert.equal((await new Browser(address).get('/admin/mail')).status, 302);
});

test('with a mail server the letter goes out, with both bodies, and its link is forgotten here', async (t) => {
  const received: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => {
        received.push(text);
        done();
      });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.after(() => new Promise<void>((closed) => server.close(() => closed())));
  const { port } = server.server.address() as AddressInfo;
  const { em, start, settle } = await testNode(t, { env: { SMTP_URL: `smtp://127.0.0.1:${port}` }, realTime: true });
  const browser = new Browser(await start('web', 'worker'));
  await givenMember(em, 'ada');

  await browser.post('/password/forgotten', { name: 'ada' });
  await settle();

  assert.equal(received.length, 1);
  const [mail = ''] = received;
  assert.match(mail, /^To: ada@example\.org\r?$/m);
  assert.match(mail, /text\/plain/);
  assert.match(mail, /text\/html/);
  assert.match(mail.replaceAll('=\r\n', ''), /password\/reset\?token=/);
  const sent = await em.findOneOrFail(OutboxMail, { toAddress: 'ada@example.org' });
  assert.ok(sent.sentAt);
  assert.equal(sent.text + sent.html, '');
});

test('a link in the mail also confirms the address of somebody who never opened the first one', async (t) => {
  const { node, em, start } = await testNode(t, { env: { SMTP_URL: 'smtp://127.0.0.1:9' } });
  const browser = new Browser(await start('web'));
  const ada = await givenMember(em, 'ada');
  const login = await em.findOneOrFail(Login, ada.id);
  ada.state = 'unverified';
  login.emailVerifiedAt = null;
  login.inviter = null;
  await em.flush();
  await givenSettings({ node, em }, { signUpMode: 'open' });

  await browser.post('/password/forgotten', { name: 'ada' });
  const secret = await mailedSecret({ node }, 'ada@example.org');
  await browser.post(`/password/reset?token=${secret}`, { password: NEW_PASSWORD });

  assert.equal((await browser.signIn('ada', NEW_PASSWORD)).status, 302);
});

test('a new address counts once its link is opened; the old one is told at once', async (t) => {
  const { node, em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const ada = await givenMember(em, 'ada');
  await givenMember(em, 'eve');
  await browser.signIn('ada');
  const change = (email: string, password = PASSWORD) => browser.post('/settings/account/email', { email, password });

  assert.equal((await change('new@example.org', 'guess')).status, 422);
  assert.equal((await change('new@example.org')).status, 302);
  assert.equal((await em.fork().findOneOrFail(Login, ada.id)).email, 'ada@example.org');
  const warning = await em.fork().findOneOrFail(OutboxMail, { toAddress: 'ada@example.org' });
  assert.match(warning.text, /new@example\.org/);

  await browser.post(`/verify-email?token=${await mailedSecret({ node }, 'new@example.org')}`);
  assert.equal((await em.fork().findOneOrFail(Login, ada.id)).email, 'new@example.org');
  await change('eve@example.org');
  const stolen = await browser.post(`/verify-email?token=${await mailedSecret({ node }, 'eve@example.org')}`);
  assert.equal(stolen.status, 409);
});
