import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimSettings } from '../../../src/accounts/claim-settings.ts';
import { nodeSettings } from '../../../src/accounts/node-settings.ts';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
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
  assert.match((await stranger.get('/sign-up')).text, /You need an invitation/);
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

test('the page of the calendar says when a counter-notice of today would be back, without its holidays', async (t) => {
  // a Friday
  const desk = await openDesk(t);
  await givenMember(desk.em, 'owner', { role: 'owner' });
  const owner = new Browser(desk.address);
  await owner.signIn('owner');
  const calendar = async () => textOf((await owner.get('/admin/claims')).text);
  assert.match(await calendar(), /would come back: Fri, Jan 16, 2026 – Thu, Jan 22, 2026/);
  assert.match(await calendar(), /No holidays are ahead/);
  const holidays = '2025-12-25, 2026-01-06, 2026-01-10, 2026-01-19';
  await owner.post('/admin/claims', { ...FORM, holidays });
  const then = await calendar();
  assert.match(then, /would come back: Tue, Jan 20, 2026 – Mon, Jan 26, 2026/);
  assert.match(then, /Tue, Jan 6, 2026 Sat, Jan 10, 2026 Mon, Jan 19, 2026/);
  assert.doesNotMatch(then, /Dec 25/);
});

test('what nobody can use is no contact', async (t) => {
  const desk = await openDesk(t);
  await givenMember(desk.em, 'owner', { role: 'owner' });
  const owner = new Browser(desk.address);
  await owner.signIn('owner');
  for (const [contact, status] of [
    ['me', 422],
    ['javascript:alert(1)', 422],
    ['a@b', 422],
    ['claims@example.org', 302],
    ['https://example.org/claims', 302],
    ['', 302],
  ] as const) {
    const answer = await owner.post('/admin/claims', { ...FORM, contact });
    assert.equal(answer.status, status, contact);
    if (status === 422) assert.match(answer.text, /An e-mail address, or a link/);
  }
});

test('only who may manage settings changes the desk', async (t) => {
  const desk = await openDesk(t);
  await givenMember(desk.em, 'mod', { role: 'moderator' });
  const mod = new Browser(desk.address);
  await mod.signIn('mod');
  assert.equal((await mod.post('/admin/claims', FORM)).status, 403);
});
