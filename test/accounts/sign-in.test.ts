import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from '@node-rs/argon2';
import { Credential, Session } from '../../src/accounts/access/model.ts';
import { hashPassword, matchesPassword } from '../../src/accounts/access/passwords.ts';
import { startSession } from '../../src/accounts/access/sessions.ts';
import { suspendAccount } from '../../src/accounts/staff/decide.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Browser, PASSWORD, textOf } from './browser.ts';

const BROWSER = { userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', addressPrefix: '127.0.0' };

test('a name or an address with the password signs in, and the way back is to a page of this node only', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');

  assert.equal((await browser.get('/settings/account')).location, '/sign-in?next=%2Fsettings%2Faccount');
  const form = { name: '@Ada', password: PASSWORD };
  assert.equal((await browser.post('/sign-in?next=%2Fsettings%2Faccount', form)).location, '/settings/account');
  assert.equal((await browser.get('/settings/account')).status, 200);
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '/\t/evil']) {
    browser.cookies.clear();
    const answer = await browser.post(`/sign-in?next=${encodeURIComponent(next)}`, {
      ...form,
      name: 'ada@example.org',
    });
    assert.equal(answer.location, '/');
  }
});

test('a wrong password and an unknown name get the same words and cost the same work', async (t) => {
  const { em, start, workAs } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');

  const wrong = await browser.signIn('ada', 'not the password');
  const unknown = await browser.signIn('nobody', 'not the password');
  assert.equal(wrong.status, 422);
  assert.equal(unknown.status, 422);
  assert.equal(textOf(wrong.text).replaceAll('ada', ''), textOf(unknown.text).replaceAll('nobody', ''));

  // processor time, which a busy machine stretches least: a name that nobody has costs a hash too
  const least = async (act: () => Promise<unknown>) => {
    let spent = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 10; i++) {
      const before = process.cpuUsage();
      await act();
      const { user, system } = process.cpuUsage(before);
      spent = Math.min(spent, user + system);
    }
    return spent;
  };
  const hashing = await least(() => hashPassword('not the password'));
  const nobody = await least(() => matchesPassword(workAs(null), null, 'not the password'));
  assert.ok(nobody > hashing / 3, `${nobody} µs against ${hashing} µs`);
});

test('passwords are kept as argon2id with at least the recommended cost', async (t) => {
  const { em } = await testNode(t);
  const account = await givenMember(em, 'ada');
  const { secret } = await em.findOneOrFail(Credential, { account, kind: 'password' });

  const options = parseOptions(secret);
  assert.match(secret, /^\$argon2id\$/);
  assert.ok(options.memoryCost >= 19_456 && options.timeCost >= 2);
});

test('signing in starts a new session and ends the one that the browser brought', async (t) => {
  const { em, start, workAs } = await testNode(t);
  const browser = new Browser(await start('web'));
  const ada = await givenMember(em, 'ada');
  const mallory = await givenMember(em, 'mallory');
  // an attacker plants a session of theirs, and waits for the victim to sign in under it
  const planted = await startSession(workAs(mallory), mallory, BROWSER, null);
  browser.cookies.set('session', planted.secret);

  await browser.signIn('ada');

  assert.notEqual(browser.cookies.get('session'), planted.secret);
  const stale = new Browser(browser.address);
  stale.cookies.set('session', planted.secret);
  assert.equal((await stale.get('/settings/account')).status, 302);
  const sessions = await em.find(Session, {});
  assert.deepEqual(
    sessions.map((session) => session.account.id),
    [ada.id],
  );
  assert.ok(!sessions.some((session) => session.tokenHash === browser.cookies.get('session')), 'kept as a hash');
});

test('a made-up cookie is a visitor, and a session ends after sixty days', async (t) => {
  const { em, start, clock } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  browser.cookies.set('session', 'ada');
  assert.equal((await browser.get('/settings/account')).status, 302);

  await browser.signIn('ada');
  clock.pass(59 * 86_400_000);
  assert.equal((await browser.get('/settings/account')).status, 200);
  clock.pass(2 * 86_400_000);
  assert.equal((await browser.get('/settings/account')).status, 302);
});

test('guesses at one name are slowed down from whichever network, and the right password waits too', async (t) => {
  const { em, start, clock } = await testNode(t, { env: { TRUSTED_PROXIES: '1' } });
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) {
    const form = { name: i % 2 ? 'ada' : '@ADA', password: `guess ${i}` };
    statuses.push((await browser.post('/sign-in', form, { 'x-forwarded-for': `203.0.${i}.1` })).status);
  }
  assert.deepEqual(statuses.slice(0, 10), Array(10).fill(422));
  assert.deepEqual(statuses.slice(10), [429, 429]);
  const right = await browser.post(
    '/sign-in',
    { name: 'ada', password: PASSWORD },
    { 'x-forwarded-for': '203.0.99.1' },
  );
  assert.equal(right.status, 429);
  assert.ok(Number(right.headers.get('retry-after')) > 0);

  clock.pass(15 * 60_000);
  assert.equal((await browser.signIn('ada')).status, 302);
});

test('one network cannot try many names', async (t) => {
  const { start } = await testNode(t);
  const browser = new Browser(await start('web'));
  let last = 0;
  for (let i = 0; i < 31; i++) last = (await browser.signIn(`name${i}`, 'password')).status;
  assert.equal(last, 429);
});

test('a form from another site is not carried out', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.signIn('ada');

  const foreign = [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': '' }];
  for (const headers of foreign) assert.equal((await browser.post('/sign-out', {}, headers)).status, 403);
  const elsewhere = { 'sec-fetch-site': '', origin: 'https://evil.example' };
  assert.equal((await browser.post('/settings/profile', { displayName: 'Hacked' }, elsewhere)).status, 403);
  assert.equal((await browser.get('/settings/account')).status, 200);

  const old = { 'sec-fetch-site': '', origin: browser.address.origin };
  assert.equal((await browser.post('/sign-out', {}, old)).status, 302);
});

test('signing out ends the session on the server, not only in the browser', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'ada');
  await browser.signIn('ada');
  const copied = browser.cookies.get('session') ?? '';

  await browser.post('/sign-out');

  assert.equal(browser.cookies.has('session'), false);
  browser.cookies.set('session', copied);
  assert.equal((await browser.get('/settings/account')).status, 302);
});

test('a person sees their browsers and ends one or all others, and nobody else’s', async (t) => {
  const { em, start, workAs } = await testNode(t);
  const browser = new Browser(await start('web'));
  const ada = await givenMember(em, 'ada');
  const eve = await givenMember(em, 'eve');
  await browser.signIn('ada');
  await startSession(workAs(ada), ada, BROWSER, null);
  await startSession(workAs(ada), ada, BROWSER, null);
  await startSession(workAs(eve), eve, BROWSER, null);

  const page = await browser.get('/settings/sessions');
  assert.match(page.text, /Firefox, Linux/);
  const theirs = await em.findOneOrFail(Session, { account: eve });
  assert.equal((await browser.post(`/settings/sessions/${theirs.id}/end`)).status, 404);
  const [own] = await em.find(Session, { account: ada, userAgent: { $like: '%Firefox%' } });
  assert.equal((await browser.post(`/settings/sessions/${own?.id}/end`)).status, 302);
  assert.equal(await em.count(Session, { account: ada }), 2);
  await browser.post('/settings/sessions/end-others');
  assert.equal(await em.count(Session, { account: ada }), 1);
  assert.equal(await em.count(Session, { account: eve }), 1);
  assert.equal((await browser.get('/settings/sessions')).status, 200);
});

test('a suspended person is out at once, and is told so only with the right password', async (t) => {
  const { em, start, workAs } = await testNode(t);
  const browser = new Browser(await start('web'));
  const ada = await givenMember(em, 'ada');
  const moderator = await givenMember(em, 'mod', { role: 'moderator' });
  await browser.signIn('ada');

  await suspendAccount(workAs(moderator), ada.id);

  assert.equal((await browser.get('/settings/account')).status, 302);
  assert.match((await browser.signIn('ada')).text, /suspended/);
  assert.doesNotMatch((await browser.signIn('ada', 'guess')).text, /suspended/);
});

test('changing the password asks for the old one and signs every other browser out', async (t) => {
  const { em, start } = await testNode(t);
  const address = await start('web');
  const [here, there] = [new Browser(address), new Browser(address)];
  await givenMember(em, 'ada');
  await here.signIn('ada');
  await there.signIn('ada');

  const wrong = await here.post('/settings/account/password', { current: 'guess', password: 'a new long password' });
  assert.equal(wrong.status, 422);
  await here.post('/settings/account/password', { current: PASSWORD, password: 'a new long password' });

  assert.equal((await here.get('/settings/account')).status, 200);
  assert.equal((await there.get('/settings/account')).status, 302);
  assert.equal((await there.signIn('ada')).status, 422);
  assert.equal((await there.signIn('ada', 'a new long password')).status, 302);
});
