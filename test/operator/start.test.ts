import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInvite } from '../../src/accounts/joining/invites.ts';
import { issueSetUpToken } from '../../src/accounts/joining/set-up.ts';
import { SignUpForm, signUp } from '../../src/accounts/joining/sign-up.ts';
import { nodeSettings } from '../../src/accounts/node-settings.ts';
import { Browser, PASSWORD, textOf } from '../accounts/browser.ts';
import { givenMember, givenSettings } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

const CLAIMS = { contact: '', agent: '', ncii: '', jurisdiction: '', timeZone: 'UTC', holidays: '' };
const missingIn = (html: string): string[] =>
  [...html.matchAll(/<li id="step-(\w+)">(?:(?!<\/li>)[\s\S])*?>missing</g)].map(([, name = '']) => name);

test('who has set the node up is led through what it still needs, and strangers cannot join before there is a contact', async (t) => {
  const { workAs, start } = await testNode(t);
  const address = await start('web');
  const [owner, stranger] = [new Browser(address), new Browser(address)];
  const token = await issueSetUpToken(workAs(null));
  const made = await owner.post(`/setup?token=${token}`, {
    ...{ name: 'Ada', email: 'ada@example.org', password: PASSWORD, siteName: 'Mosaic', description: '' },
    ...{ rules: '', contact: '', signUpMode: 'open', ceiling: '4' },
  });
  const first = await owner.get(made.location);
  assert.deepEqual(missingIn(first.text), ['contact', 'agent', 'ncii', 'jurisdiction', 'zone', 'holidays', 'rules']);
  assert.match(textOf(first.text), /Public sign-up stays closed until there is a contact/);
  assert.match(textOf((await owner.get('/')).text), /7 things are missing on this node/);
  assert.doesNotMatch(textOf((await stranger.get('/')).text), /missing on this node/);
  assert.match((await stranger.get('/sign-up')).text, /You need an invitation/);
  assert.doesNotMatch((await stranger.get('/')).text, /href="\/sign-up"/);
  assert.equal((await owner.post('/admin/claims', { ...CLAIMS, contact: 'somewhere' })).status, 422);

  await owner.post('/admin/claims', { ...CLAIMS, contact: 'claims@example.org', jurisdiction: 'Germany' });
  const then = await owner.get('/admin/start');
  assert.deepEqual(missingIn(then.text), ['agent', 'ncii', 'holidays', 'rules']);
  assert.match(textOf(then.text), /claims@example\.org/);
  assert.doesNotMatch(textOf(then.text), /Public sign-up stays closed/);
  assert.match((await stranger.get('/sign-up')).text, /name="ticket"/);

  const whole = { contact: 'claims@example.org', jurisdiction: 'Germany', agent: 'A. Gent', ncii: 'help@example.org' };
  await owner.post('/admin/claims', { ...CLAIMS, ...whole, timeZone: 'Europe/Berlin', holidays: '2026-12-25' });
  await owner.post('/moderation/rules', { title: 'Be kind', text: '', category: 'harassment' });
  assert.deepEqual(missingIn((await owner.get('/admin/start')).text), []);
  assert.doesNotMatch(textOf((await owner.get('/')).text), /missing on this node/);
});

test('whoever was invited joins a node without a contact, which takes no strangers, and none that is closed', async (t) => {
  for (const [signUpMode, isLetIn] of [
    ['open', true],
    ['approval', true],
    ['closed', false],
  ] as const) {
    const context = await testNode(t);
    const { em, start, workAs } = context;
    const owner = await givenMember(em, 'zoe', { role: 'owner' });
    await givenSettings(context, { signUpMode, contact: '' });
    const stranger = new Browser(await start('web'));
    const invite = await createInvite(workAs(owner), { note: '', maxUses: 1, days: 14 });
    assert.doesNotMatch((await stranger.get('/sign-up')).text, /name="ticket"/, signUpMode);
    const { text } = await stranger.get(`/sign-up?invite=${invite.code}`);
    assert.equal(/name="ticket"/.test(text), isLetIn, signUpMode);
    const person = { name: 'newbie', email: 'newbie@example.org', password: PASSWORD, terms: '1', adult: '1' };
    const door = {
      settings: await context.node.settings.read(em, nodeSettings),
      ...{ hasContact: false, mailer: context.node.mailer, publicUrl: context.node.config.publicUrl },
    };
    await assert.rejects(signUp(workAs(null), door, SignUpForm.parse(person)), { kind: 'forbidden' });
    const joined = signUp(workAs(null), door, SignUpForm.parse({ ...person, invite: invite.code }));
    if (isLetIn) assert.equal((await joined).account?.name, 'newbie');
    else await assert.rejects(joined, { kind: 'forbidden' });
  }
});

test('the rules that a node began with become its own by a button, once, by who may change them', async (t) => {
  const { em, start } = await testNode(t);
  const address = await start('web');
  await givenMember(em, 'zoe', { role: 'owner' });
  await givenMember(em, 'mod', { role: 'moderator' });
  const [owner, mod] = [new Browser(address), new Browser(address)];
  await owner.signIn('zoe');
  await mod.signIn('mod');
  assert.equal((await mod.post('/moderation/rules/confirmation')).status, 403);
  assert.match((await owner.get('/moderation/rules')).text, /action="\/moderation\/rules\/confirmation"/);
  const { location } = await owner.post('/moderation/rules/confirmation');
  const page = await owner.get(location);
  assert.match(textOf(page.text), /These are the rules of this node now/);
  assert.doesNotMatch(page.text, /action="\/moderation\/rules\/confirmation"/);
  assert.ok(!missingIn((await owner.get('/admin/start')).text).includes('rules'));
});

test('the list leaves the front page when its owner says so, and is for those who may set the node alone', async (t) => {
  const { em, start } = await testNode(t);
  const address = await start('web');
  await givenMember(em, 'zoe', { role: 'owner' });
  await givenMember(em, 'mod', { role: 'moderator' });
  const [owner, mod] = [new Browser(address), new Browser(address)];
  await owner.signIn('zoe');
  await mod.signIn('mod');
  assert.equal((await mod.get('/admin/start')).status, 403);
  assert.equal((await mod.post('/admin/start/dismissal')).status, 403);
  assert.doesNotMatch(textOf((await mod.get('/')).text), /missing on this node/);
  assert.match(textOf((await owner.get('/')).text), /missing on this node/);
  assert.equal((await owner.post('/admin/start/dismissal')).location, '/admin/start?said=start-dismissed');
  assert.doesNotMatch(textOf((await owner.get('/')).text), /missing on this node/);
  assert.match(textOf((await owner.get('/admin/start')).text), /Designated agent/);
});
