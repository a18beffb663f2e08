import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issueSetUpToken } from '../../src/accounts/joining/set-up.ts';
import { Browser, PASSWORD, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
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
  assert.match((await stranger.get('/sign-up')).text, /Nobody can join/);

  await owner.post('/admin/claims', { ...CLAIMS, contact: 'claims@example.org', jurisdiction: 'Germany' });
  const then = await owner.get('/admin/start');
  assert.deepEqual(missingIn(then.text), ['agent', 'ncii', 'holidays', 'rules']);
  assert.doesNotMatch(textOf(then.text), /Public sign-up stays closed/);
  assert.match((await stranger.get('/sign-up')).text, /name="ticket"/);

  const whole = { contact: 'claims@example.org', jurisdiction: 'Germany', agent: 'A. Gent', ncii: 'help@example.org' };
  await owner.post('/admin/claims', { ...CLAIMS, ...whole, timeZone: 'Europe/Berlin', holidays: '2026-12-25' });
  await owner.post('/moderation/rules', { title: 'Be kind', text: '', category: 'harassment' });
  assert.deepEqual(missingIn((await owner.get('/admin/start')).text), []);
  assert.doesNotMatch(textOf((await owner.get('/')).text), /missing on this node/);
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
