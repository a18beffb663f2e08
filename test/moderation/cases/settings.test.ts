import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimSettings } from '../../../src/accounts/claim-settings.ts';
import { nodeSettings } from '../../../src/accounts/node-settings.ts';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { Browser } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { NOW } from '../../factories/content.ts';
import { openDesk } from './desk.ts';

const FORM = { contact: '', agent: '', ncii: '', jurisdiction: 'Germany', timeZone: 'Europe/Berlin', holidays: '' };

test('strangers cannot join a node that takes no complaints: a contact opens the door', async (t) => {
  const desk = await openDesk(t);
  await givenMember(desk.em, 'owner', { role: 'owner' });
  const before = await desk.node.settings.read(desk.em, nodeSettings);
  await desk.node.settings.write(desk.em, nodeSettings, { ...before, signUpMode: 'open' }, NOW);
  await desk.em.flush();
  const [stranger, owner] = [new Browser(desk.address), new Browser(desk.address)];
  assert.match((await stranger.get('/sign-up')).text, /Nobody can join/);
  await owner.signIn('owner');
  assert.match((await owner.get('/admin/claims')).text, /strangers cannot join/);
  assert.equal((await owner.post('/admin/claims', { ...FORM, contact: 'claims@example.org' })).status, 302);
  assert.match((await stranger.get('/sign-up')).text, /name="ticket"/);
  assert.match((await stranger.get('/claims/new')).text, /claims@example\.org/);
  assert.equal(await desk.em.fork().count(AuditEntry, { action: 'setting.change' }), 1);
});

test('a calendar that cannot be is refused with what was typed, and a good one is kept in order', async (t) => {
  const desk = await openDesk(t);
  await givenMember(desk.em, 'owner', { role: 'owner' });
  const owner = new Browser(desk.address);
  await owner.signIn('owner');
  for (const wrong of [{ timeZone: 'Mars/Olympus' }, { holidays: '2026-02-30' }, { holidays: 'Christmas' }]) {
    const answer = await owner.post('/admin/claims', { ...FORM, ...wrong });
    assert.equal(answer.status, 422);
    assert.match(answer.text, /value="Germany"/);
  }
  await owner.post('/admin/claims', { ...FORM, holidays: '2026-12-26, 2026-12-25\n2026-12-25' });
  const { holidays } = await desk.node.settings.read(desk.em.fork(), claimSettings);
  assert.deepEqual(holidays, ['2026-12-25', '2026-12-26']);
});

test('only who may manage settings changes the desk', async (t) => {
  const desk = await openDesk(t);
  await givenMember(desk.em, 'mod', { role: 'moderator' });
  const mod = new Browser(desk.address);
  await mod.signIn('mod');
  assert.equal((await mod.post('/admin/claims', FORM)).status, 403);
});
