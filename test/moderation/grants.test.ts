import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { can } from '../../src/accounts/permissions.ts';
import { suspendAccount } from '../../src/accounts/staff/decide.ts';
import { GrantForm, grantPermission, listGrants, revokeGrant } from '../../src/accounts/staff/grant.ts';
import { permissionsOf } from '../../src/accounts/staff/grants.ts';
import { changeRole } from '../../src/accounts/staff/roles.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

const DAY_MS = 86_400_000;
type Context = Parameters<typeof testNode>[0];

async function staffed(t: Context) {
  const node = await testNode(t);
  const { em } = node;
  const owner = await givenMember(em, 'olga', { role: 'owner' });
  const admin = await givenMember(em, 'aron', { role: 'admin' });
  const moderator = await givenMember(em, 'mia', { role: 'moderator' });
  const member = await givenMember(em, 'ada');
  const fork = () => node.node.orm.em.fork();
  return { ...node, owner, admin, moderator, member, fork };
}
const give = (permission: string, days = 7) => GrantForm.parse({ permission, days, reason: 'On holiday cover' });

test('a right that is given for a week works in the next request and ends by itself', async (t) => {
  const { start, clock, workAs, admin, member, fork } = await staffed(t);
  const ada = new Browser(await start('web'));
  await ada.signIn('ada');
  assert.equal((await ada.get('/moderation')).status, 403);
  await grantPermission(workAs(admin), member.id, give('moderateContent'));
  assert.equal((await ada.get('/moderation')).status, 200);
  clock.pass(7 * DAY_MS - 1);
  assert.equal((await ada.get('/moderation')).status, 200);
  clock.pass(1);
  assert.equal((await ada.get('/moderation')).status, 403);
  assert.deepEqual(await listGrants(workAs(admin), member.id), []);

  await grantPermission(workAs(admin), member.id, give('moderateContent'));
  assert.equal((await ada.get('/moderation')).status, 200, 'given again');
  await revokeGrant(workAs(admin), member.id, 'moderateContent');
  assert.equal((await ada.get('/moderation')).status, 403, 'taken back');
  const entries = await fork().find(AuditEntry, {}, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    entries.map(({ action, actorId, reason }) => [action, actorId, reason]),
    [
      ['grant.give', admin.id, 'On holiday cover'],
      ['grant.give', admin.id, 'On holiday cover'],
      ['grant.revoke', admin.id, ''],
    ],
  );
});

test('scenario 24: nobody raises themselves or others above their own rank, and each attempt is written down', async (t) => {
  const { start, workAs, node, owner, admin, moderator, member, fork, clock } = await staffed(t);
  const browser = new Browser(await start('web'));
  await browser.signIn('mia');
  const asMia = (path: string, fields: Record<string, string>) => browser.post(path, fields);
  const right = { permission: 'manageRules', days: '90', reason: 'I would like to' };
  assert.equal((await asMia(`/admin/accounts/${moderator.id}/grants`, right)).status, 403);
  assert.equal((await asMia(`/admin/accounts/${member.id}/grants`, right)).status, 403);
  assert.equal((await asMia(`/admin/accounts/${moderator.id}/role`, { role: 'owner' })).status, 403);
  assert.equal((await asMia(`/admin/accounts/${owner.id}/suspension`, {})).status, 403);

  await assert.rejects(grantPermission(workAs(admin), admin.id, give('manageRules')), { kind: 'forbidden' });
  await assert.rejects(changeRole(workAs(admin), member.id, 'owner'), { kind: 'forbidden' });
  await assert.rejects(grantPermission(workAs(admin), owner.id, give('manageRules')), { kind: 'forbidden' });
  assert.throws(() => give('owner'), 'what the owner alone may do is not given for a time');

  const attempts = await fork().find(AuditEntry, {}, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    attempts.map(({ action, subjectId, actorId }) => [action, subjectId, actorId]),
    [
      ['grant.give', String(moderator.id), moderator.id],
      ['grant.give', String(member.id), moderator.id],
      ['account.role', String(moderator.id), moderator.id],
      ['account.change', String(owner.id), moderator.id],
      ['grant.give', String(admin.id), admin.id],
      ['account.role', String(member.id), admin.id],
      ['account.change', String(owner.id), admin.id],
    ],
  );
  assert.ok(attempts.every(({ after }) => 'refused' in (after as object)));
  assert.ok(!can({ permissions: await permissionsOf(fork(), moderator.id, clock.now()) }, 'manageRules'));
  assert.ok(node);
});

test('a right that was lent is not lent on, and raises nobody’s role', async (t) => {
  const { node, workAs, owner, moderator, member, fork, clock } = await staffed(t);
  for (const right of ['manageRoles', 'manageSettings', 'manageRules'])
    await grantPermission(workAs(owner), moderator.id, give(right));
  const permissions = await permissionsOf(fork(), moderator.id, clock.now());
  assert.ok(can({ permissions }, 'manageRoles'));
  const work = () => node.openWork({ ...viewerOf(moderator), permissions });
  await assert.rejects(grantPermission(work(), member.id, give('manageRules')), { kind: 'forbidden' });
  await assert.rejects(changeRole(work(), moderator.id, 'admin'), { kind: 'forbidden' });
  await assert.rejects(changeRole(work(), member.id, 'moderator'), { kind: 'forbidden' });
});

test('whoever was lent a right above the viewer cannot be suspended by them', async (t) => {
  const { workAs, owner, moderator, member } = await staffed(t);
  await grantPermission(workAs(owner), member.id, give('manageFederation'));
  await assert.rejects(suspendAccount(workAs(moderator), member.id), { kind: 'forbidden' });
  await suspendAccount(workAs(owner), member.id);
});

test('the page of an account gives and takes rights, and says what was wrong with the form', async (t) => {
  const { start, member } = await staffed(t);
  const admin = new Browser(await start('web'));
  await admin.signIn('aron');
  const url = `/admin/accounts/${member.id}`;
  const refused = await admin.post(`${url}/grants`, { permission: 'invite', days: '91', reason: 'Party' });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /At most 90 days/);
  const given = await admin.post(`${url}/grants`, { permission: 'invite', days: '3', reason: '<b>Party</b>' });
  const page = await admin.get(given.location);
  assert.match(textOf(page.text), /Invite · until/);
  assert.match(page.text, /&lt;b&gt;Party/);
  await admin.post(`${url}/grants/removal`, { permission: 'invite' });
  assert.doesNotMatch(textOf((await admin.get(url)).text), /Invite · until/);
});
