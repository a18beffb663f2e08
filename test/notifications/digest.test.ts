import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { Login } from '../../src/accounts/login.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { textOf } from '../accounts/browser.ts';
import { painter } from '../gallery/painter.ts';

/** A stand-in for a mail server that keeps what it is given. */
async function mailServer(t: TestContext) {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => {
        mails.push(text.replace(/=\r\n/g, '').replaceAll('=3D', '='));
        done();
      });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.after(() => server.close());
  return { mails, url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}` };
}

const HOUR_MS = 3_600_000;

test('a mail a day tells what was not read, once, and its link stops it without a sign-in', async (t) => {
  const { mails, url } = await mailServer(t);
  const { browser, visitor, ada, other, em, clock, settle, post } = await painter(t, { env: { SMTP_URL: url } });
  const { browser: bob } = await other('bob');
  await em.fork().nativeUpdate(Login, { account: ada.id }, { emailVerifiedAt: clock.now() });
  const { imageIds } = await post(ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  await bob.post(`${page}/comments`, { text: 'Before she asked' });
  await settle();
  await browser.post('/settings/notifications', {
    'page[]': ['comment', 'like'],
    'mail[]': ['comment'],
    digest: 'daily',
  });
  const pass = async (hours: number) => {
    for (let n = 0; n < hours; n += 1) {
      clock.pass(HOUR_MS + 1);
      await settle();
    }
  };
  clock.pass(60_000);
  await bob.post(`${page}/comments`, { text: 'Fine <b>light</b>' });
  await bob.post(`${page}/likes`, { on: '1' });
  await settle();
  await pass(2);
  assert.equal(mails.length, 0, 'the day is not over');
  await pass(22);
  assert.equal(mails.length, 1);
  const mail = mails[0] ?? '';
  assert.match(mail, /bob commented on your picture/);
  assert.doesNotMatch(mail, /liked/);
  assert.match(mail, /List-Unsubscribe-Post: List-Unsubscribe=One-Click/);
  const link = /List-Unsubscribe:\s*<([^>]+)>/.exec(mail.replace(/\r\n[ \t]/g, ''))?.[1] ?? '';
  const path = link.slice(new URL(link).origin.length);
  await pass(24);
  assert.equal(mails.length, 1, 'nothing happened since');

  // as a program of mail does it (RFC 8058, 3.2): no cookie, no origin
  assert.match(textOf((await visitor.get(path)).text), /Stop the mails to ada/);
  assert.equal((await visitor.get(`${path}x`)).status, 404);
  const stopped = await fetch(new URL(path, browser.address), {
    method: 'POST',
    body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
  });
  assert.equal(stopped.status, 200);
  assert.match((await browser.get('/settings/notifications')).text, /value="off" checked/);
  await bob.post(`${page}/comments`, { text: 'And once more' });
  await settle();
  await pass(25);
  assert.equal(mails.length, 1);
  const [row] = await rows<{ n: unknown }>(
    em.fork(),
    `select count(*) as n from job where name = 'notifications.digest' and state = 'queued'`,
  );
  assert.equal(Number(row?.n), 1);
});
