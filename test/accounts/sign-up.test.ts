import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInvite } from '../../src/accounts/joining/invites.ts';
import { SignUpForm, signUp } from '../../src/accounts/joining/sign-up.ts';
import { Login } from '../../src/accounts/login.ts';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { Account } from '../../src/accounts/model.ts';
import { nodeSettings } from '../../src/accounts/node-settings.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { givenMember, givenSettings } from '../factories/accounts.ts';
import { type TestNode, type TestNodeOptions, testNode } from '../node.ts';
import { Browser, mailedSecret, PASSWORD, solve, textOf } from './browser.ts';

type Context = Parameters<typeof testNode>[0];

async function openTo(t: Context, signUpMode: 'open' | 'approval' | 'invite' | 'closed', options?: TestNodeOptions) {
  const node = await testNode(t, options);
  const owner = await givenMember(node.em, 'owner', { role: 'owner' });
  await givenSettings(node, { signUpMode, termsVersion: 3 });
  return { ...node, owner, browser: new Browser(await node.start('web')) };
}

const PERSON = { name: 'newbie', email: 'newbie@example.org', password: PASSWORD, terms: '1', adult: '1' };

/** Opens the form, waits as long as a person needs, and sends it. */
async function join(browser: Browser, clock: TestNode['clock'], fields: Record<string, string> = {}, query = '') {
  const page = await browser.get(`/sign-up${query}`);
  clock.pass(10_000);
  return browser.post('/sign-up', { ...PERSON, ...solve(page.text), ...fields });
}

test('an open node without mail lets people in at once, and keeps what they agreed to', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open');

  const answer = await join(browser, clock);

  assert.equal(answer.location, '/settings/profile?said=welcome');
  assert.equal((await browser.get('/settings/profile')).status, 200);
  const login = await em.findOneOrFail(Login, { email: PERSON.email }, { populate: ['account'] });
  assert.equal(login.termsVersion, 3);
  assert.ok(login.adultStatedAt);
  assert.equal(login.account.$.role, 'member');
  assert.equal(await em.count(RecordedEvent, { name: 'account.joined' }), 2);
});

test('fields that the form does not have change nothing', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open');

  await join(browser, clock, { role: 'owner', permissions: '8191', state: 'active', host: 'evil.example', id: '1' });

  const account = await em.findOneOrFail(Account, { name: 'newbie' });
  assert.equal(account.role, 'member');
  assert.equal(account.permissions, 7);
  assert.equal(account.host, '');
  assert.notEqual(account.id, 1);
});

test('the terms and the adult statement are asked for, and what was typed comes back', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open');

  const answer = await join(browser, clock, { terms: '', adult: '' });

  assert.equal(answer.status, 422);
  assert.match(answer.text, /value="newbie@example.org"/);
  assert.match(textOf(answer.text), /You need to be an adult to join/);
  assert.equal(await em.count(Account, { name: 'newbie' }), 0);
});

test('programs are turned away: the trap, a form sent at once, a wrong sum, a forged and a used ticket', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open');
  const first = await browser.get('/sign-up');

  assert.match((await browser.post('/sign-up', { ...PERSON, ...solve(first.text) })).text, /That was very fast/);
  assert.equal((await join(browser, clock, { website: 'https://spam.example' })).status, 422);
  assert.match((await join(browser, clock, { sum: '999' })).text, /The sum is not right/);
  const { ticket, sum } = solve((await browser.get('/sign-up')).text);
  clock.pass(10_000);
  const forged = ticket.replace(/^\d+/, '1767323045000');
  assert.equal((await browser.post('/sign-up', { ...PERSON, ticket: forged, sum })).status, 422);
  assert.equal(await em.count(Account, { name: 'newbie' }), 0);

  assert.equal((await browser.post('/sign-up', { ...PERSON, ticket, sum })).status, 302);
});

test('a form can be sent once, and one network makes only a few accounts a day', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open');
  const page = solve((await browser.get('/sign-up')).text);
  clock.pass(10_000);
  await browser.post('/sign-up', { ...PERSON, ...page });
  browser.cookies.clear();
  const again = await browser.post('/sign-up', { ...PERSON, ...page, name: 'second', email: 'second@example.org' });
  assert.equal(again.status, 429);

  for (const n of [1, 2, 3, 4, 5, 6]) {
    browser.cookies.clear();
    await join(browser, clock, { name: `many${n}`, email: `many${n}@example.org` });
  }
  assert.ok((await em.count(Account, { name: { $like: 'many%' } })) < 6);
});

test('names of the node and taken names are refused', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open');
  await givenMember(em, 'ada');

  assert.match((await join(browser, clock, { name: 'admin' })).text, /kept for the node/);
  const taken = await join(browser, clock, { name: 'Ada' });
  assert.equal(taken.status, 409);
  assert.match(taken.text, /This name is taken/);
  assert.equal((await join(browser, clock, { name: '../etc' })).status, 422);
});

test('where people must wait, staff let them in or turn them down, and a turned-down name is free again', async (t) => {
  const { em, clock, browser, node } = await openTo(t, 'approval');
  const answer = await join(browser, clock, { note: 'I paint.' });
  assert.match(answer.text, /Your request is in/);
  const account = await em.findOneOrFail(Account, { name: 'newbie' });
  assert.equal(account.state, 'awaiting_approval');
  assert.equal((await browser.signIn('newbie')).status, 403);

  const staff = new Browser(browser.address);
  await staff.signIn('owner');
  assert.match((await staff.get('/admin/sign-ups')).text, /I paint\./);
  await staff.post(`/admin/sign-ups/${account.id}/rejection`, { reason: 'Not now.' });
  assert.equal(await node.orm.em.fork().count(Account, { name: 'newbie' }), 0);
  const letter = await node.orm.em.fork().findOneOrFail(OutboxMail, { subject: { $like: 'Your request%' } });
  assert.match(letter.text, /Not now\./);

  await join(browser, clock);
  const second = await em.fork().findOneOrFail(Account, { name: 'newbie' });
  assert.equal((await staff.post(`/admin/sign-ups/${second.id}/approval`)).status, 302);
  assert.equal((await browser.signIn('newbie')).status, 302);
});

test('an invitation opens the door as often as it says, and until it ends', async (t) => {
  const { clock, browser, owner, workAs, em, node } = await openTo(t, 'invite');
  const invite = await createInvite(workAs(owner), { note: '', maxUses: 1, days: 14 });
  assert.match((await browser.get('/sign-up')).text, /You need an invitation/);
  const door = {
    settings: await node.settings.read(em, nodeSettings),
    hasContact: true,
    mailer: node.mailer,
    publicUrl: node.config.publicUrl,
  };
  const uninvited = SignUpForm.parse(PERSON);
  await assert.rejects(signUp(workAs(null), door, uninvited), { kind: 'forbidden' });

  assert.equal((await join(browser, clock, { invite: invite.code }, `?invite=${invite.code}`)).status, 302);
  const login = await em.fork().findOneOrFail(Login, { email: PERSON.email });
  assert.equal(login.inviter?.id, owner.id);
  browser.cookies.clear();
  const late = SignUpForm.parse({ ...PERSON, invite: invite.code, name: 'late', email: 'late@example.org' });
  await assert.rejects(signUp(workAs(null), door, late), { kind: 'forbidden' });
  const overdue = await createInvite(workAs(owner), { note: '', maxUses: 5, days: 14 });
  clock.pass(15 * 86_400_000);
  await assert.rejects(signUp(workAs(null), door, { ...late, invite: overdue.code }), { kind: 'forbidden' });
});

test('a closed node takes nobody, nor does one that nobody runs yet', async (t) => {
  for (const isRun of [true, false]) {
    const context = await testNode(t);
    const { node, em, workAs, start } = context;
    if (isRun) await givenMember(em, 'owner', { role: 'owner' });
    await givenSettings(context, { signUpMode: isRun ? 'closed' : 'open' });
    const browser = new Browser(await start('web'));
    assert.match((await browser.get('/sign-up')).text, isRun ? /Nobody can join/ : /not set up yet/);
    const door = {
      settings: await node.settings.read(em, nodeSettings),
      hasContact: true,
      mailer: node.mailer,
      publicUrl: node.config.publicUrl,
    };
    await assert.rejects(signUp(workAs(null), door, SignUpForm.parse(PERSON)), { kind: 'forbidden' });
  }
});

test('with mail, an account opens when its link is confirmed by a person, not when a scanner opens it', async (t) => {
  const { em, clock, browser, node } = await openTo(t, 'open', { env: { SMTP_URL: 'smtp://127.0.0.1:9' } });
  assert.match((await join(browser, clock)).text, /Look into your mail/);
  assert.equal((await browser.signIn('newbie')).status, 403);
  const secret = await mailedSecret({ node }, PERSON.email);

  await browser.get(`/verify-email?token=${secret}`);
  assert.equal((await em.findOneOrFail(Account, { name: 'newbie' })).state, 'unverified');
  assert.equal((await browser.post(`/verify-email?token=${secret}`)).location, '/sign-in?said=verified');
  assert.equal((await browser.signIn('newbie')).status, 302);
  browser.cookies.clear();
  assert.equal((await browser.post(`/verify-email?token=${secret}`)).status, 410);
});

test('with mail, the form does not tell who is a member: the answer is the same, and the member gets a letter', async (t) => {
  const { em, clock, browser } = await openTo(t, 'open', { env: { SMTP_URL: 'smtp://127.0.0.1:9' } });

  const answer = await join(browser, clock, { name: 'spy', email: 'owner@example.org' });

  assert.equal(answer.status, 200);
  assert.match(answer.text, /Look into your mail/);
  assert.equal(await em.count(Account, { name: 'spy' }), 0);
  const letter = await em.findOneOrFail(OutboxMail, { toAddress: 'owner@example.org' });
  assert.match(letter.subject, /member/);
});
