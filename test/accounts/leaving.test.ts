import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiToken, Credential, Session } from '../../src/accounts/access/model.ts';
import { createToken } from '../../src/accounts/access/tokens.ts';
import { followAccount } from '../../src/accounts/follow.ts';
import { deleteAccount } from '../../src/accounts/leaving/leave.ts';
import { Login } from '../../src/accounts/login.ts';
import { Account, Follow } from '../../src/accounts/model.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { Browser, PASSWORD } from './browser.ts';

type Context = Parameters<typeof testNode>[0];
const DAY_MS = 86_400_000;

async function leaving(t: Context) {
  const node = await testNode(t);
  const browser = new Browser(await node.start('web', 'worker'));
  const ada = await givenMember(node.em, 'ada');
  await browser.signIn('ada');
  await createToken(node.workAs(null), ada, { label: 'cli', scopes: ['all'], expiresAt: null });
  const leave = (fields: Record<string, string> = {}) =>
    browser.post('/settings/data/leave', { name: 'ada', password: PASSWORD, ...fields });
  return { ...node, browser, ada, leave };
}

test('leaving asks for the name and the password', async (t) => {
  const { em, ada, leave } = await leaving(t);
  assert.equal((await leave({ name: 'eve' })).status, 422);
  assert.equal((await leave({ password: 'guess' })).status, 422);
  assert.equal((await em.findOneOrFail(Login, ada.id)).deleteRequestedAt, null);
});

test('leaving signs out everywhere; after two weeks nothing private is left and the name is taken for ever', async (t) => {
  const { em, ada, leave, clock, settle, browser, workAs } = await leaving(t);
  const bob = givenAccount(em, { name: 'bob' });
  const remote = givenAccount(em, { name: 'cleo', host: 'peer.example', uri: 'https://peer.example/users/cleo' });
  Object.assign(ada, { displayName: 'Ada L.', bio: 'I paint.' });
  await em.flush();
  await followAccount(workAs(ada), bob.id);
  await followAccount(workAs(ada), remote.id);

  assert.equal((await leave()).location, '/sign-in?said=leaving');
  assert.equal((await browser.get('/settings/account')).status, 302);
  assert.equal(await em.count(ApiToken), 0);

  clock.pass(13 * DAY_MS);
  await settle();
  assert.equal((await em.fork().findOneOrFail(Account, ada.id)).state, 'active');
  clock.pass(DAY_MS);
  await settle();

  const after = em.fork();
  const account = await after.findOneOrFail(Account, ada.id);
  assert.equal(account.state, 'deleted');
  assert.deepEqual([account.displayName, account.bio, account.permissions], ['', '', 0]);
  assert.deepEqual([await after.count(Login), await after.count(Credential), await after.count(Session)], [0, 0, 0]);
  assert.equal(await after.count(Follow, { target: bob.id }), 0);
  assert.equal(await after.count(RecordedEvent, { name: 'account.deleted' }), 1);
  await assert.rejects(givenMember(after, 'ada'), { kind: 'conflict' });
  assert.equal((await browser.signIn('ada')).status, 422);
});

test('signing in within two weeks takes the wish back', async (t) => {
  const { em, ada, leave, clock, settle, browser } = await leaving(t);
  await leave();
  clock.pass(10 * DAY_MS);

  assert.equal((await browser.signIn('ada')).location, '/settings/data?said=kept');

  clock.pass(10 * DAY_MS);
  await settle();
  assert.equal((await em.fork().findOneOrFail(Account, ada.id)).state, 'active');
});

test('the job of a first wish does not cut a second one short', async (t) => {
  const { em, ada, leave, clock, browser, workAs } = await leaving(t);
  await leave();
  clock.pass(10 * DAY_MS);
  await browser.signIn('ada');
  await leave();
  clock.pass(4 * DAY_MS);

  await deleteAccount(workAs(null), ada.id);

  assert.equal((await em.fork().findOneOrFail(Account, ada.id)).state, 'active');
});

test('running the job twice is harmless', async (t) => {
  const { em, ada, leave, clock, workAs } = await leaving(t);
  await leave();
  clock.pass(15 * DAY_MS);
  await deleteAccount(workAs(null), ada.id);
  await deleteAccount(workAs(null), ada.id);
  assert.equal(await em.count(RecordedEvent, { name: 'account.deleted' }), 1);
});

test('the only owner cannot leave', async (t) => {
  const { em, start } = await testNode(t);
  const browser = new Browser(await start('web'));
  await givenMember(em, 'owner', { role: 'owner' });
  await browser.signIn('owner');
  assert.equal((await browser.post('/settings/data/leave', { name: 'owner', password: PASSWORD })).status, 409);
});
