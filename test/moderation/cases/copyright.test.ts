import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimSettings } from '../../../src/accounts/claim-settings.ts';
import { rows } from '../../../src/kit/database/sql.ts';
import {
  fileCounterNotice,
  holdDown,
  restoreByCounter,
  showCourtAction,
} from '../../../src/moderation/cases/counter/counter.ts';
import { CounterForm } from '../../../src/moderation/cases/counter/draft.ts';
import { DecideForm, decideCase } from '../../../src/moderation/cases/decide/decide.ts';
import { type Claimant, unsealPerson } from '../../../src/moderation/cases/desk.ts';
import { CaseClaimant } from '../../../src/moderation/cases/model/claimant.ts';
import { CounterDraft, CounterNotice } from '../../../src/moderation/cases/model/redress.ts';
import { MisuseMark, Strike } from '../../../src/moderation/cases/model/strike.ts';
import { markMisuse } from '../../../src/moderation/cases/strikes/misuse.ts';
import { answerQuestions } from '../../../src/moderation/cases/threads/answer.ts';
import { Takedown } from '../../../src/moderation/takedown/model.ts';
import { PolicyState, RESTRICTION } from '../../../src/safety/policy.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenFile, givenModel, givenVersion, NOW } from '../../factories/content.ts';
import { DAY, type DeskTest, HOUR, openDesk } from './desk.ts';

const NO_USE = RESTRICTION.download | RESTRICTION.generate;

async function withModel(t: Parameters<typeof openDesk>[0]) {
  const desk = await openDesk(t);
  const ada = await givenMember(desk.em, 'ada');
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada, name: 'Ink Wash' });
  givenFile(desk.em, { version: givenVersion(desk.em, { model }) });
  await desk.em.flush();
  return { ...desk, ada, mod, model, url: `/models/${model.id}` };
}

const restrictionsOf = async ({ em }: DeskTest, kind: 'model', id: number) =>
  (await em.fork().findOne(PolicyState, { targetKind: kind, targetId: id }))?.restrictions ?? 0;

const decision = (fields: Record<string, unknown>) =>
  DecideForm.parse({ rule: '3', facts: 'It is their work.', ...fields });
const COUNTER = CounterForm.parse({
  ...{ name: 'Ada', address: 'Street 1', phone: '1', text: 'I made it myself.', signature: 'Ada' },
  ...{ perjury: '1', jurisdiction: '1', service: '1' },
});

/** A notice that was decided and carried out. */
async function upheld(desk: Awaited<ReturnType<typeof withModel>>) {
  const filed = await desk.fileConfirmed('copyright', desk.url);
  const form = decision({ outcome: 'limit', limits: ['download', 'generate'] });
  assert.equal(await decideCase(desk.workAs(desk.mod), filed.caseId, form), 'decided');
  await desk.carryOut(filed.caseId);
  return filed;
}

test('a notice with all its elements turns downloads off as soon as its sender is known, and not before', async (t) => {
  const desk = await withModel(t);
  await desk.file('copyright', desk.url);
  assert.equal(await restrictionsOf(desk, 'model', desk.model.id), 0);
  const { caseId } = await desk.fileConfirmed('copyright', desk.url);
  assert.equal(await restrictionsOf(desk, 'model', desk.model.id), NO_USE);
  assert.equal((await desk.load(caseId)).state, 'open');
  assert.match((await desk.mailsTo('ada@example.org')).join('\n'), /\/cases\/C-/);
});

test('a notice that lacks an element is asked for it by name, and counts from when it is complete', async (t) => {
  const desk = await withModel(t);
  const fields = { address: '', accuracy: '' };
  const { caseId } = await desk.fileConfirmed('copyright', desk.url, { fields });
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.state, kase.missing, kase.interim], ['needs_info', ['address', 'accuracy'], 0]);

  await answerQuestions(desk.workAs(null), desk.node.claims, caseId, { address: 'Road 2' });
  const asked = await desk.load(caseId);
  assert.deepEqual([asked.state, asked.missing], ['needs_info', ['accuracy']]);
  await desk.later(2 * DAY);
  await answerQuestions(desk.workAs(null), desk.node.claims, caseId, { accuracy: '1' });
  const complete = await desk.load(caseId);
  assert.deepEqual([complete.state, complete.interim], ['open', NO_USE]);
  assert.equal(complete.dueAt?.getTime(), NOW.getTime() + 3 * DAY);
});

test('a notice whose sender stays silent for fourteen days lapses', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('copyright', desk.url, { fields: { signature: '' } });
  await desk.later(14 * DAY - HOUR);
  assert.equal((await desk.load(caseId)).state, 'needs_info');
  await desk.later(2 * HOUR);
  assert.equal((await desk.load(caseId)).state, 'lapsed');
});

test('after 72 hours without a decision access is disabled by the timer', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('copyright', desk.url);
  await desk.later(3 * DAY + HOUR);
  const kase = await desk.load(caseId);
  assert.deepEqual(
    [kase.state, kase.outcome, kase.deciderId, kase.parameters],
    ['executed', 'limit', null, { bits: NO_USE }],
  );
});

test('scenario 4: a perjured notice turns downloads off, and a counter-notice brings them back after ten to fourteen business days', async (t) => {
  const desk = await withModel(t);
  const { ada, mod } = desk;
  const { caseId } = await upheld(desk);
  const strike = await desk.em.fork().findOneOrFail(Strike, caseId);
  assert.deepEqual([strike.accountId, strike.points, strike.voidedAt], [ada.id, 1, null]);

  await fileCounterNotice(desk.workAs(ada), desk.node.claims, caseId, COUNTER);
  const counter = await desk.em.fork().findOneOrFail(CounterNotice, caseId);
  // 2 January 2026 is a Friday
  assert.equal(counter.notBefore.toISOString(), '2026-01-16T03:04:05.000Z');
  assert.equal(counter.notAfter.toISOString(), '2026-01-22T03:04:05.000Z');
  assert.doesNotMatch(counter.sealed ?? '', /Street/);
  await assert.rejects(restoreByCounter(desk.workAs(mod), desk.node.claims, caseId), { kind: 'conflict' });

  desk.clock.set(new Date('2026-01-20T04:00:00Z'));
  await desk.settle();
  const alarms = await rows(desk.em.fork(), `select id from queue_row where kind = 'case' and state = 'open'`);
  assert.equal(alarms.length, 1);
  desk.clock.set(new Date('2026-01-22T03:30:00Z'));
  await desk.settle();

  const kase = await desk.load(caseId);
  assert.equal(kase.state, 'reinstated');
  const undo = await desk.em.fork().findOneOrFail(Takedown, { caseId, outcome: 'undo' });
  assert.deepEqual(undo.parameters, { undoes: kase.takedownId });
  assert.equal((await desk.em.fork().findOneOrFail(Strike, caseId)).voidReason, 'counter-notice');

  await markMisuse(desk.workAs(mod), desk.node.claims, caseId, 'The work is in the public domain.');
  assert.equal(await desk.em.fork().count(MisuseMark, { caseId }), 1);
});

test('who goes to court in time keeps it down, and who does not is too late', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await upheld(desk);
  await fileCounterNotice(desk.workAs(desk.ada), desk.node.claims, caseId, COUNTER);
  await desk.later(11 * DAY);
  await showCourtAction(desk.workAs(null), desk.node.claims, caseId, { action: 'Court of somewhere, 26-1' });
  await desk.later(30 * DAY);
  assert.equal((await desk.load(caseId)).state, 'court_hold');
  await assert.rejects(restoreByCounter(desk.workAs(desk.mod), desk.node.claims, caseId), { kind: 'conflict' });
});

test('on the fourteenth day it comes back unless a person wrote down why not', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await upheld(desk);
  await fileCounterNotice(desk.workAs(desk.ada), desk.node.claims, caseId, COUNTER);
  await desk.later(12 * DAY);
  await holdDown(desk.workAs(desk.mod), caseId, { reason: 'The letter of a court is on its way.' });
  await desk.later(30 * DAY);
  assert.equal((await desk.load(caseId)).state, 'counter_wait');
  await restoreByCounter(desk.workAs(desk.mod), desk.node.claims, caseId);
  assert.equal((await desk.load(caseId)).state, 'reinstated');
});

test('scenario 52: a counter-notice runs by the calendar of the operator, over holidays and over the change of the clocks', async (t) => {
  const desk = await withModel(t);
  // Berlin goes from UTC+1 to UTC+2 on Sunday, 29 March 2026; Good Friday and Easter Monday are no business days
  const calendar = { timeZone: 'Europe/Berlin', holidays: ['2026-04-03', '2026-04-06'] };
  const value = { ...(await desk.node.settings.read(desk.em, claimSettings)), ...calendar };
  await desk.node.settings.write(desk.em, claimSettings, value, NOW);
  await desk.em.flush();
  desk.clock.set(new Date('2026-03-20T09:00:00Z'));
  const { caseId } = await upheld(desk);
  await fileCounterNotice(desk.workAs(desk.ada), desk.node.claims, caseId, COUNTER);
  const counter = await desk.em.fork().findOneOrFail(CounterNotice, caseId);
  // ten in the morning, before and after
  assert.equal(counter.notBefore.toISOString(), '2026-04-07T08:00:00.000Z');
  assert.equal(counter.notAfter.toISOString(), '2026-04-13T08:00:00.000Z');
  const stateAt = async (time: string) => {
    desk.clock.set(new Date(time));
    await desk.settle();
    return (await desk.load(caseId)).state;
  };
  assert.equal(await stateAt('2026-04-07T07:59:00Z'), 'counter_wait');
  await assert.rejects(restoreByCounter(desk.workAs(desk.mod), desk.node.claims, caseId), { kind: 'conflict' });
  assert.equal(await stateAt('2026-04-13T07:59:00Z'), 'counter_wait');
  assert.equal(await stateAt('2026-04-13T08:01:00Z'), 'reinstated');
});

test('scenario 53: a counter-notice without consent to a jurisdiction is kept and asked for it, and is not passed on before', async (t) => {
  const desk = await withModel(t);
  const { caseId, number, secret } = await upheld(desk);
  const { email } = unsealPerson<Claimant>(
    desk.node.claims,
    (await desk.em.fork().findOneOrFail(CaseClaimant, caseId)).sealed,
  );
  desk.clock.pass(DAY + HOUR);
  const before = (await desk.mailsTo(email)).length;
  const ada = new Browser(desk.address);
  await ada.signIn('ada');
  const { jurisdiction: _, ...lacking } = COUNTER;
  assert.equal(
    (await ada.post(`/cases/${number}/counter-notice`, { perjury: '' })).status,
    422,
    'nothing stands in it',
  );
  assert.equal((await desk.load(caseId)).state, 'executed');
  const kept = await ada.post(`/cases/${number}/counter-notice`, lacking);
  assert.equal(kept.status, 302);
  await desk.settle();
  assert.equal((await desk.load(caseId)).state, 'needs_info');
  assert.equal(await desk.em.fork().count(CounterNotice, { caseId }), 0);
  assert.equal((await desk.mailsTo(email)).length, before);
  assert.doesNotMatch((await desk.em.fork().findOneOrFail(CounterDraft, caseId)).sealed, /Street/);

  const asked = await ada.get(`/cases/${number}`);
  assert.match(textOf(asked.text), /Counter-notice incomplete.*It still lacks: the consent to a jurisdiction\./s);
  assert.match(asked.text, /id="jurisdiction"[^>]*aria-invalid/, 'the missing element is named');
  assert.match(asked.text, /I made it myself\./, 'and what was typed is there');
  assert.match(textOf(asked.text), /Complete the counter-notice by/);
  const claimant = new Browser(desk.address);
  await claimant.post(`/claims/${number}/key`, { secret });
  const theirs = textOf((await claimant.get(`/claims/${number}`)).text);
  assert.match(theirs, /Carried out/, 'for the claimant nothing happened');
  assert.doesNotMatch(theirs, /Street 1|made it myself|Answer by|incomplete/);
  const mod = new Browser(desk.address);
  await mod.signIn('mod');
  const staff = textOf((await mod.get(`/moderation/cases/${caseId}`)).text);
  assert.match(staff, /still lacks: the consent to a jurisdiction/);
  assert.doesNotMatch(staff, /made it myself/);
  await assert.rejects(restoreByCounter(desk.workAs(desk.mod), desk.node.claims, caseId), { kind: 'conflict' });

  assert.equal((await ada.post(`/cases/${number}/counter-notice`, COUNTER)).status, 302);
  await desk.settle();
  assert.equal((await desk.load(caseId)).state, 'counter_wait');
  assert.equal((await desk.mailsTo(email)).length, before + 1);
  assert.equal(await desk.em.fork().count(CounterDraft, { caseId }), 0);
});

test('a counter-notice that nobody completes in fourteen days changes nothing, and can be completed until the case is closed', async (t) => {
  const desk = await withModel(t);
  const { caseId, number } = await upheld(desk);
  await desk.later(20 * DAY);
  const lacking = { ...COUNTER, service: '' } as const;
  const file = (form: typeof COUNTER) => fileCounterNotice(desk.workAs(desk.ada), desk.node.claims, caseId, form);
  assert.equal(await file(lacking), 'counter-lacks');
  assert.equal(await file({ ...lacking, phone: '' }), 'counter-lacks', 'a second try is kept in its place');
  await desk.later(13 * DAY);
  assert.equal((await desk.load(caseId)).state, 'needs_info', 'the thirty days do not end it meanwhile');
  await desk.later(DAY + HOUR);
  assert.equal((await desk.load(caseId)).state, 'executed');
  assert.match((await desk.mailsTo('ada@example.org')).at(-1) ?? '', /did not come in time/);
  const ada = new Browser(desk.address);
  await ada.signIn('ada');
  assert.match((await ada.get(`/cases/${number}`)).text, /I made it myself\./);
  assert.equal(await file(COUNTER), 'countered');
  assert.equal((await desk.load(caseId)).state, 'counter_wait');
});

test('the second unfounded notice warns its sender, and after the third their cases wait in the slow lane for 90 days', async (t) => {
  const desk = await withModel(t);
  const email = 'troll@example.net';
  const file = async (ip: string) => {
    desk.clock.pass(DAY + HOUR);
    return desk.fileConfirmed('copyright', desk.url, { email, ip });
  };
  for (let n = 0; n < 3; n += 1) {
    const { caseId } = await file(`192.0.${n}.1`);
    await markMisuse(desk.workAs(desk.mod), desk.node.claims, caseId, 'Nothing to it.');
  }
  assert.match((await desk.mailsTo(email)).join('\n'), /unfounded/);
  const slow = await file('192.0.9.1');
  assert.equal((await desk.load(slow.caseId)).priority, 3);
  await desk.later(91 * DAY);
  assert.equal((await desk.load((await file('192.0.10.1')).caseId)).priority, 2);
});
