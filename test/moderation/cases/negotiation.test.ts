import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteAccount } from '../../../src/accounts/leaving/leave.ts';
import { Login } from '../../../src/accounts/login.ts';
import { deleteModel } from '../../../src/catalogue/delete.ts';
import { DecideForm, decideCase, leadOn } from '../../../src/moderation/cases/decide/decide.ts';
import { emailHashOf } from '../../../src/moderation/cases/desk.ts';
import { CaseClaimant } from '../../../src/moderation/cases/model/claimant.ts';
import { Strike } from '../../../src/moderation/cases/model/strike.ts';
import { CaseMessage, CaseOffer } from '../../../src/moderation/cases/model/talk.ts';
import { acceptOffer, makeOffer, OfferForm, vetoOffer } from '../../../src/moderation/cases/offers/offers.ts';
import { pointsOf } from '../../../src/moderation/cases/strikes/strikes.ts';
import { refuseClaim } from '../../../src/moderation/cases/threads/refuse.ts';
import { say, wishJoint } from '../../../src/moderation/cases/threads/threads.ts';
import { withdrawCase } from '../../../src/moderation/cases/threads/withdraw.ts';
import { Takedown } from '../../../src/moderation/takedown/model.ts';
import { PolicyState, RESTRICTION } from '../../../src/safety/policy.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenFile, givenModel, givenVersion } from '../../factories/content.ts';
import { DAY, HOUR, openDesk } from './desk.ts';

async function withModel(t: Parameters<typeof openDesk>[0]) {
  const desk = await openDesk(t);
  const ada = await givenMember(desk.em, 'ada');
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada });
  givenFile(desk.em, { version: givenVersion(desk.em, { model }) });
  await desk.em.flush();
  return { ...desk, ada, mod, model, url: `/models/${model.id}` };
}

const credit = OfferForm.parse({ outcome: 'credit', text: 'After the art of Mia.' });

test('an offer that both accept is carried out as it stands when nobody stops it within 48 hours', async (t) => {
  const desk = await withModel(t);
  const { claims } = desk.node;
  const { caseId } = await desk.fileConfirmed('style', desk.url);
  const kase = await desk.load(caseId);
  assert.equal(kase.state, 'notified');
  await makeOffer(desk.workAs(null), claims, kase, 'claimant', credit);
  const offer = await desk.em.fork().findOneOrFail(CaseOffer, { caseId });
  await acceptOffer(desk.workAs(desk.ada), claims, kase, 'uploader', offer.id);
  await desk.later(48 * HOUR - 60_000);
  assert.equal((await desk.load(caseId)).state, 'notified');
  await desk.later(2 * 60_000);
  const decided = await desk.load(caseId);
  assert.deepEqual(
    [decided.state, decided.outcome, decided.parameters],
    ['executed', 'credit', { text: 'After the art of Mia.' }],
  );
  await desk.carryOut(caseId);
  assert.equal(await desk.em.fork().count(Strike, { caseId }), 0, 'an agreement is no offence');
});

test('a moderator stops an agreement and decides; one who proposes cannot accept for the other side', async (t) => {
  const desk = await withModel(t);
  const { claims } = desk.node;
  const { caseId } = await desk.fileConfirmed('style', desk.url);
  const kase = await desk.load(caseId);
  await makeOffer(desk.workAs(desk.ada), claims, kase, 'uploader', credit);
  const offer = await desk.em.fork().findOneOrFail(CaseOffer, { caseId });
  await acceptOffer(desk.workAs(desk.ada), claims, kase, 'uploader', offer.id);
  assert.equal((await desk.em.fork().findOneOrFail(CaseOffer, offer.id)).state, 'open');
  await acceptOffer(desk.workAs(null), claims, kase, 'claimant', offer.id);
  await vetoOffer(desk.workAs(desk.mod), caseId, offer.id, 'It names a child.');
  assert.equal((await desk.load(caseId)).state, 'review');
  await desk.later(3 * DAY);
  assert.equal(await desk.em.fork().count(Takedown, { caseId }), 0);
});

test('an uploader who stays silent for fourteen days loses the name and generation, by the clock alone', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('style', desk.url);
  await desk.later(14 * DAY - HOUR);
  assert.equal((await desk.load(caseId)).state, 'notified');
  await desk.later(3 * HOUR);
  await desk.later(2 * HOUR);
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.state, kase.outcome], ['decided', 'de_attribute']);
  assert.deepEqual(kase.parameters, { bits: RESTRICTION.generate, names: ['The artistName.'] });
});

test('a picture of a person stops use once its claimant is known, and is removed when nobody decides for seven days', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('likeness', desk.url);
  const state = await desk.em.fork().findOneOrFail(PolicyState, { targetKind: 'model', targetId: desk.model.id });
  assert.equal(state.restrictions, RESTRICTION.download | RESTRICTION.generate);
  await desk.later(4 * DAY + HOUR);
  assert.equal((await desk.load(caseId)).state, 'review');
  await desk.later(3 * DAY);
  assert.equal((await desk.load(caseId)).outcome, 'remove');
});

test('an uploader who disagrees gets a moderator at once', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('trademark', desk.url);
  await refuseClaim(desk.workAs(desk.ada), caseId);
  assert.equal((await desk.load(caseId)).state, 'review');
  await assert.rejects(refuseClaim(desk.workAs(desk.ada), caseId), { kind: 'conflict' });
});

test('the joint conversation is there when both want it, and nobody writes into another one', async (t) => {
  const desk = await withModel(t);
  const { claims } = desk.node;
  const { caseId } = await desk.fileConfirmed('style', desk.url);
  const work = desk.workAs(desk.ada);
  const { ClaimCase } = await import('../../../src/moderation/cases/model/case.ts');
  const kase = await work.em.findOneOrFail(ClaimCase, caseId);
  const joint = { thread: 'joint', text: 'Hello.' } as const;
  await assert.rejects(say(work, claims, kase, 'uploader', joint), { kind: 'not_found' });
  await assert.rejects(say(work, claims, kase, 'uploader', { thread: 'claimant', text: 'x' }), { kind: 'not_found' });
  await wishJoint(work, kase, 'uploader');
  await assert.rejects(say(work, claims, kase, 'uploader', joint), { kind: 'not_found' });
  await wishJoint(work, kase, 'claimant');
  await say(work, claims, kase, 'uploader', joint);
  assert.equal(await desk.em.fork().count(CaseMessage, { caseId, thread: 'joint' }), 1);
});

test('a claim that is taken back frees what it held, unless others made the same one', async (t) => {
  const desk = await withModel(t);
  const { claims } = desk.node;
  const first = await desk.fileConfirmed('likeness', desk.url);
  const second = await desk.fileConfirmed('likeness', desk.url, { ip: '198.51.100.2' });
  assert.equal((await desk.load(second.caseId)).state, 'merged');
  assert.equal(await withdrawCase(desk.workAs(null), claims, first.caseId), 'goes-on');
  assert.equal((await desk.load(first.caseId)).state, 'notified');
  const other = await desk.fileConfirmed('copyright', desk.url);
  assert.equal(await withdrawCase(desk.workAs(null), claims, other.caseId), 'withdrawn');
  assert.equal((await desk.load(other.caseId)).interim, 0);
});

test('what an intimate picture removed stays removed when the claim is taken back', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.file('ncii', desk.url);
  await desk.later(48 * HOUR);
  await desk.carryOut(caseId);
  await withdrawCase(desk.workAs(null), desk.node.claims, caseId);
  assert.equal(await desk.em.fork().count(Takedown, { caseId, outcome: 'undo' }), 0);
});

test('scenario 55: an uploader who deletes model and account does not end the case, and the strike finds them again', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('copyright', desk.url);
  await deleteModel(desk.workAs(desk.ada), desk.model.id);
  await desk.em
    .fork()
    .nativeUpdate(
      Login,
      { account: desk.ada.id },
      { deleteRequestedAt: new Date(desk.clock.now().getTime() - 15 * DAY) },
    );
  await deleteAccount(desk.workAs(null), desk.ada.id);
  const kase = await desk.load(caseId);
  assert.match(kase.snapshot?.title ?? '', /^Model/);
  assert.equal(kase.snapshot?.hashes.length, 1);
  const form = DecideForm.parse({ outcome: 'remove', rule: '3', facts: 'It is a copy.' });
  assert.equal(await decideCase(desk.workAs(desk.mod), caseId, form), 'decided');
  await desk.carryOut(caseId);
  assert.equal((await desk.load(caseId)).state, 'executed');
  const emailHash = emailHashOf(desk.node.claims, 'A.d.a+again@EXAMPLE.org'.replace('A.d.a', 'ada'));
  assert.equal(await pointsOf(desk.em.fork(), { accountId: null, emailHash }, desk.clock.now()), 1);
});

test('strikes add up to a lock, a suspension and a person who looks, and run out after 180 days', async (t) => {
  const desk = await withModel(t);
  const who = { accountId: desk.ada.id, emailHash: null };
  const points = () => pointsOf(desk.em.fork(), who, desk.clock.now());
  const strike = async (n: number) => {
    const { caseId } = await desk.fileConfirmed('copyright', `${desk.url}?${n}`, { ip: `192.0.${n}.1` });
    const form = DecideForm.parse({ outcome: 'limit', limits: ['download'], rule: '3', facts: 'So.' });
    await decideCase(desk.workAs(desk.mod), caseId, form);
    await desk.carryOut(caseId);
  };
  const acts = async () =>
    (await desk.em.fork().find(Takedown, { targetKind: 'account' }, { orderBy: { id: 'asc' } })).map(
      ({ parameters }) => parameters,
    );
  await strike(1);
  assert.deepEqual([await points(), await acts()], [1, []]);
  await desk.later(31 * DAY);
  await strike(2);
  assert.deepEqual([await points(), await acts()], [3, [{ action: 'lock_uploads', days: 7 }]]);
  await desk.later(31 * DAY);
  await strike(3);
  await desk.later(31 * DAY);
  await strike(4);
  assert.deepEqual([await points(), (await acts()).at(-1)], [7, { action: 'suspend' }]);
  await desk.later(181 * DAY);
  assert.equal(await points(), 0);
});

test('who filed is forgotten in time, and later what they wrote: the case itself stays', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.file('copyright', desk.url);
  await desk.later(3 * DAY + HOUR);
  assert.equal((await desk.load(caseId)).state, 'expired');
  assert.equal(await desk.em.fork().count(CaseClaimant, { caseId }), 1);
  await desk.later(7 * DAY);
  assert.equal(await desk.em.fork().count(CaseClaimant, { caseId }), 0);
  await desk.later(21 * DAY);
  assert.equal((await desk.load(caseId)).sourceHash, null);
  await desk.later(365 * DAY);
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.url, kase.answers, kase.state], ['', {}, 'expired']);
  assert.ok(kase.redactedAt);
});

test('a case closes thirty days after it was carried out, and its claimant is kept as long as the law asks', async (t) => {
  const desk = await withModel(t);
  const { caseId } = await desk.fileConfirmed('privacy', desk.url);
  await leadOn(desk.workAs(desk.mod), desk.node.claims, caseId, 'notify');
  await refuseClaim(desk.workAs(desk.ada), caseId);
  const form = DecideForm.parse({ outcome: 'remove', rule: '5', facts: 'It shows a home.' });
  await decideCase(desk.workAs(desk.mod), caseId, form);
  await desk.carryOut(caseId);
  await desk.later(30 * DAY + HOUR);
  assert.equal((await desk.load(caseId)).state, 'closed');
  await desk.later(364 * DAY);
  assert.equal(await desk.em.fork().count(CaseClaimant, { caseId }), 1);
  await desk.later(2 * DAY);
  assert.equal(await desk.em.fork().count(CaseClaimant, { caseId }), 0);
});
