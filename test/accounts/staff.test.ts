import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { Login } from '../../src/accounts/login.ts';
import { Account } from '../../src/accounts/model.ts';
import { nodeSettings } from '../../src/accounts/node-settings.ts';
import { ROLE_PERMISSIONS } from '../../src/accounts/permissions.ts';
import { reinstateAccount, setQuota, suspendAccount } from '../../src/accounts/staff/decide.ts';
import { listAccounts } from '../../src/accounts/staff/queries.ts';
import { changeRole } from '../../src/accounts/staff/roles.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { Browser, textOf } from './browser.ts';

type Context = Parameters<typeof testNode>[0];

async function staffed(t: Context) {
  const node = await testNode(t);
  const owner = await givenMember(node.em, 'owner', { role: 'owner' });
  const admin = await givenMember(node.em, 'admin', { role: 'admin' });
  const moderator = await givenMember(node.em, 'mod', { role: 'moderator' });
  const member = await givenMember(node.em, 'ada');
  return { ...node, owner, admin, moderator, member };
}

test('nobody grants what they do not have', async (t) => {
  const { em, workAs, owner, admin, moderator, member } = await staffed(t);

  await assert.rejects(changeRole(workAs(admin), member.id, 'owner'), { kind: 'forbidden' });
  await assert.rejects(changeRole(workAs(admin), admin.id, 'owner'), { kind: 'forbidden' });
  await assert.rejects(changeRole(workAs(moderator), member.id, 'member'), { kind: 'forbidden' });
  await assert.rejects(changeRole(workAs(member), member.id, 'admin'), { kind: 'forbidden' });
  await assert.rejects(changeRole(workAs(null), member.id, 'admin'), { kind: 'forbidden' });

  await changeRole(workAs(admin), member.id, 'moderator');
  await changeRole(workAs(owner), moderator.id, 'owner');
  const changed = await em.fork().find(Account, { id: { $in: [member.id, moderator.id] } }, { orderBy: { id: 'asc' } });
  assert.deepEqual(
    changed.map(({ role, permissions }) => [role, permissions]),
    [
      ['owner', ROLE_PERMISSIONS.owner],
      ['moderator', ROLE_PERMISSIONS.moderator],
    ],
  );
});

test('nobody changes an account that can do more than they can', async (t) => {
  const { workAs, owner, admin, moderator } = await staffed(t);

  await assert.rejects(changeRole(workAs(admin), owner.id, 'member'), { kind: 'forbidden' });
  await assert.rejects(suspendAccount(workAs(moderator), admin.id), { kind: 'forbidden' });
  await assert.rejects(suspendAccount(workAs(admin), owner.id), { kind: 'forbidden' });
  await assert.rejects(setQuota(workAs(admin), owner.id, { quotaGb: 1 }), { kind: 'forbidden' });
});

test('a token of an owner grants only within its scopes', async (t) => {
  const { node, owner, member } = await staffed(t);
  const work = { ...node.openWork(viewerOf(owner, new Set(['read', 'write:models']))) };

  await assert.rejects(changeRole(work, member.id, 'moderator'), { kind: 'forbidden' });
});

test('the last owner stays owner', async (t) => {
  const { workAs, owner } = await staffed(t);
  await assert.rejects(changeRole(workAs(owner), owner.id, 'admin'), { kind: 'conflict' });
});

test('a suspension is lifted by staff, and nobody suspends themselves', async (t) => {
  const { em, workAs, moderator, member } = await staffed(t);
  await assert.rejects(suspendAccount(workAs(moderator), moderator.id), { kind: 'conflict' });
  await suspendAccount(workAs(moderator), member.id);
  await assert.rejects(reinstateAccount(workAs(member), member.id), { kind: 'forbidden' });
  await reinstateAccount(workAs(moderator), member.id);
  assert.equal((await em.fork().findOneOrFail(Account, member.id)).state, 'active');
});

test('each admin page opens for those who may, and for nobody else', async (t) => {
  const { start } = await staffed(t);
  const address = await start('web');
  const open = async (name: string) => {
    const browser = new Browser(address);
    await browser.signIn(name);
    const statuses: number[] = [];
    for (const page of ['node', 'accounts', 'accounts/1', 'sign-ups', 'invites', 'mail']) {
      statuses.push((await browser.get(`/admin/${page}`)).status);
    }
    return statuses;
  };

  assert.deepEqual(await open('owner'), [200, 200, 200, 200, 200, 200]);
  assert.deepEqual(await open('admin'), [200, 200, 200, 200, 200, 403]);
  assert.deepEqual(await open('mod'), [403, 200, 200, 200, 200, 403]);
  assert.deepEqual(await open('ada'), [403, 403, 403, 403, 403, 403]);
});

test('the page of an account offers the roles that the viewer may give, and the form cannot give more', async (t) => {
  const { em, start, member } = await staffed(t);
  const browser = new Browser(await start('web'));
  await browser.signIn('admin');

  const page = await browser.get(`/admin/accounts/${member.id}`);
  assert.match(page.text, /<option value="admin"/);
  assert.doesNotMatch(page.text, /<option value="owner"/);
  assert.equal((await browser.post(`/admin/accounts/${member.id}/role`, { role: 'owner' })).status, 403);
  assert.equal((await em.fork().findOneOrFail(Account, member.id)).role, 'member');
});

test('accounts are found by a part of their name or address, and signs of LIKE mean nothing', async (t) => {
  const { workAs, moderator } = await staffed(t);
  const find = async (query: string, state = '') =>
    (await listAccounts(workAs(moderator), { query, state, before: null })).rows.map(({ account }) => account.name);

  assert.deepEqual(await find('AD'), ['ada', 'admin']);
  assert.deepEqual(await find('ada@exam'), ['ada']);
  assert.deepEqual(await find('%'), ['ada', 'mod', 'admin', 'owner']);
  assert.deepEqual(await find('a%a'), []);
  assert.deepEqual(await find('', 'suspended'), []);
});

test('a quota is set in gigabytes, and an empty field is the node’s own', async (t) => {
  const { em, start, member } = await staffed(t);
  const browser = new Browser(await start('web'));
  await browser.signIn('admin');
  const quota = async () => (await em.fork().findOneOrFail(Login, member.id)).quotaBytes;

  await browser.post(`/admin/accounts/${member.id}/quota`, { quotaGb: '2,5' });
  assert.equal(await quota(), 2_500_000_000);
  const answer = await browser.post(`/admin/accounts/${member.id}/quota`, { quotaGb: 'much' });
  assert.match(textOf(answer.text), /A number of gigabytes/);
  await browser.post(`/admin/accounts/${member.id}/quota`, { quotaGb: '' });
  assert.equal(await quota(), null);
});

test('new terms get a new number, so that it can be told who agreed to what', async (t) => {
  const { node, em, start } = await staffed(t);
  const browser = new Browser(await start('web'));
  await browser.signIn('admin');
  const form = { name: 'Mosaic', signUpMode: 'open', ceiling: '2', terms: '' };
  const version = async () => (await node.settings.read(em.fork(), nodeSettings)).termsVersion;

  await browser.post('/admin/node', form);
  assert.equal(await version(), 1);
  await browser.post('/admin/node', { ...form, terms: 'Be kind.' });
  assert.equal(await version(), 2);
  assert.match((await browser.get('/')).text, /Mosaic/);
});
