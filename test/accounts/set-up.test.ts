import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issueSetUpToken } from '../../src/accounts/joining/set-up.ts';
import { Account } from '../../src/accounts/model.ts';
import { nodeSettings } from '../../src/accounts/node-settings.ts';
import { PERMISSION } from '../../src/accounts/permissions.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Browser, PASSWORD } from './browser.ts';

const FORM = {
  name: 'Ada',
  email: 'Ada@Example.org',
  password: PASSWORD,
  siteName: 'Mosaic',
  description: 'Small pictures',
  rules: 'Be kind.',
  contact: 'ada@example.org',
  signUpMode: 'invite',
  ceiling: '4',
};

test('the printed link makes the owner and the node, signs them in, and works once', async (t) => {
  const { node, em, workAs, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const token = await issueSetUpToken(workAs(null));

  assert.equal((await browser.get(`/setup?token=${token}`)).status, 200);
  const answer = await browser.post(`/setup?token=${token}`, FORM);

  assert.equal(answer.status, 302);
  const owner = await em.findOneOrFail(Account, { name: 'ada' });
  assert.equal(owner.role, 'owner');
  assert.ok(owner.permissions & PERMISSION.owner);
  const settings = await node.settings.read(em, nodeSettings);
  assert.equal(settings.name, 'Mosaic');
  assert.equal(settings.signUpMode, 'invite');
  assert.equal(settings.allowedLevels, 1 | 2 | 4);
  assert.equal((await browser.get('/admin/node')).status, 200);
  const stranger = await browser.post(`/setup?token=${token}`, { ...FORM, name: 'eve', email: 'eve@example.org' });
  assert.equal(stranger.status, 404);
  assert.equal(await em.count(Account, { name: 'eve' }), 0);
});

test('without the right link there is no set-up page', async (t) => {
  const { workAs, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await issueSetUpToken(workAs(null));

  assert.equal((await browser.get('/setup')).status, 404);
  assert.equal((await browser.get('/setup?token=guess')).status, 404);
  assert.equal((await browser.post('/setup?token=guess', FORM)).status, 404);
});

test('a link runs out after a week, and none is made once there is an owner', async (t) => {
  const { em, workAs, clock, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const token = await issueSetUpToken(workAs(null));
  clock.pass(8 * 86_400_000);
  assert.equal((await browser.get(`/setup?token=${token}`)).status, 404);

  await givenMember(em, 'ada', { role: 'owner' });
  assert.equal(await issueSetUpToken(workAs(null)), null);
});

test('a form that does not fit comes back as it was typed, without the password, and the link still works', async (t) => {
  const { workAs, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  const token = await issueSetUpToken(workAs(null));

  const answer = await browser.post(`/setup?token=${token}`, { ...FORM, password: 'short', email: 'nonsense' });

  assert.equal(answer.status, 422);
  assert.match(answer.text, /value="Mosaic"/);
  assert.match(answer.text, /does not look like an e-mail address/);
  assert.doesNotMatch(answer.text, /value="short"/);
  assert.equal((await browser.post(`/setup?token=${token}`, FORM)).status, 302);
});
