import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Follow } from '../../../src/accounts/model.ts';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { verifyAudit } from '../../../src/kit/audit/verify.ts';
import { newId } from '../../../src/kit/ids.ts';
import {
  fileAppeal,
  OverturnForm,
  overturnDecision,
  upholdDecision,
} from '../../../src/moderation/cases/appeals/appeal.ts';
import { DecideForm, decideCase, rejectCase } from '../../../src/moderation/cases/decide/decide.ts';
import { lookAtClaimant } from '../../../src/moderation/cases/decide/look.ts';
import { mergeByHand, pointCase } from '../../../src/moderation/cases/decide/point.ts';
import { Strike } from '../../../src/moderation/cases/model/strike.ts';
import { changeRule } from '../../../src/moderation/rules/edit.ts';
import { Takedown } from '../../../src/moderation/takedown/model.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenImage, givenModel, givenPost, NOW } from '../../factories/content.ts';
import { DAY, HOUR, openDesk } from './desk.ts';

async function staffed(t: Parameters<typeof openDesk>[0]) {
  const desk = await openDesk(t);
  const owner = await givenMember(desk.em, 'owner', { role: 'owner' });
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const second = await givenMember(desk.em, 'mod2', { role: 'moderator' });
  const ada = await givenMember(desk.em, 'ada');
  const model = givenModel(desk.em, { owner: ada });
  const image = givenImage(desk.em, { post: givenPost(desk.em, { owner: ada }) });
  const own = givenModel(desk.em, { owner: mod });
  await desk.em.flush();
  return { ...desk, owner, mod, second, ada, model, image, own };
}

const form = (outcome: string, more = {}) => DecideForm.parse({ outcome, rule: '3', facts: 'It is so.', ...more });
const limited = form('limit', { limits: ['download'] });

test('scenario 21: each look at who filed a case is written down, and the owner hears of somebody who looks too often', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.fileConfirmed('copyright', `/models/${desk.model.id}`);
  for (let n = 0; n < 10; n += 1) await lookAtClaimant(desk.workAs(desk.mod), desk.node.claims, caseId);
  assert.deepEqual(await desk.mailsTo('owner@example.org'), []);
  const found = await lookAtClaimant(desk.workAs(desk.mod), desk.node.claims, caseId);
  assert.equal(found?.personal.name, 'The name.');
  await lookAtClaimant(desk.workAs(desk.mod), desk.node.claims, caseId);
  assert.equal((await desk.mailsTo('owner@example.org')).length, 1, 'once, not for each');
  const looks = await desk.em.fork().count(AuditEntry, { action: 'case.see-claimant', actorId: desk.mod.id });
  assert.equal(looks, 12);
  await assert.rejects(lookAtClaimant(desk.workAs(desk.ada), desk.node.claims, caseId), { kind: 'not_found' });
});

test('scenario 22: nobody decides a case about their own model, and that they tried is written down', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.fileConfirmed('copyright', `/models/${desk.own.id}`);
  await assert.rejects(decideCase(desk.workAs(desk.mod), caseId, form('dismiss')), { kind: 'forbidden' });
  const browser = new Browser(desk.address);
  await browser.signIn('mod');
  assert.equal((await browser.get(`/moderation/cases/${caseId}`)).status, 403);
  const refused = await desk.em.fork().find(AuditEntry, { subjectId: caseId, actorId: desk.mod.id });
  assert.deepEqual(
    refused.map(({ action }) => action),
    ['case.decide', 'case.open'],
  );
  assert.equal((await desk.load(caseId)).state, 'open');
  assert.equal(await decideCase(desk.workAs(desk.second), caseId, form('dismiss')), 'decided');
});

test('who follows a party, or filed the case, does not decide it either', async (t) => {
  const desk = await staffed(t);
  desk.em.create(
    Follow,
    { id: newId(), follower: desk.mod.id, target: desk.ada.id, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  await desk.em.flush();
  const { caseId } = await desk.file('copyright', `/models/${desk.model.id}`, { as: desk.second });
  assert.equal(
    (await desk.load(caseId)).verifiedBy,
    'account',
    'a member with a confirmed address waits for no letter',
  );
  for (const who of [desk.mod, desk.second]) {
    await assert.rejects(decideCase(desk.workAs(who), caseId, limited), { kind: 'forbidden' });
  }
  assert.equal(await decideCase(desk.workAs(desk.owner), caseId, limited), 'decided');
});

test('a moderator decides the kinds of cases for which they have the permission', async (t) => {
  const desk = await staffed(t);
  const { PERMISSION } = await import('../../../src/accounts/permissions.ts');
  Object.assign(desk.mod, { permissions: PERMISSION.moderateContent | PERMISSION.decideRights });
  await desk.em.flush();
  const severe = await desk.file('ncii', `/images/${desk.image.id}`);
  await assert.rejects(decideCase(desk.workAs(desk.mod), severe.caseId, form('remove')), { kind: 'forbidden' });
  const rights = await desk.fileConfirmed('copyright', `/models/${desk.model.id}`);
  assert.equal(await decideCase(desk.workAs(desk.mod), rights.caseId, limited), 'decided');
});

test('turning a severe case down takes two people, removing takes one', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.file('minor', `/images/${desk.image.id}`);
  const no = { reason: 'not-a-claim', facts: '' } as const;
  assert.equal(await rejectCase(desk.workAs(desk.mod), desk.node.claims, caseId, no), 'waits');
  assert.equal((await desk.load(caseId)).state, 'open');
  assert.equal(await decideCase(desk.workAs(desk.second), caseId, form('remove')), 'decided');
  await desk.carryOut(caseId);
  const strike = await desk.em.fork().findOneOrFail(Strike, caseId);
  assert.deepEqual([strike.points, strike.expiresAt], [10, null]);
  const acts = await desk.em.fork().find(Takedown, { targetKind: 'account' });
  assert.deepEqual(
    acts.map(({ parameters }) => parameters),
    [{ action: 'suspend' }],
  );
});

test('an appeal is looked at by somebody else, once for each side, within half a year', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.fileConfirmed('copyright', `/models/${desk.model.id}`);
  await decideCase(desk.workAs(desk.mod), caseId, limited);
  await desk.carryOut(caseId);
  await fileAppeal(desk.workAs(desk.ada), caseId, 'uploader', { text: 'I made it.' });
  const upholding = { rule: '3', facts: 'It stands.' };
  await assert.rejects(upholdDecision(desk.workAs(desk.mod), desk.node.claims, caseId, upholding), {
    kind: 'forbidden',
  });
  await upholdDecision(desk.workAs(desk.second), desk.node.claims, caseId, upholding);
  assert.equal((await desk.load(caseId)).state, 'closed');
  await assert.rejects(fileAppeal(desk.workAs(desk.ada), caseId, 'uploader', { text: 'Again.' }), { kind: 'conflict' });

  await desk.later(179 * DAY);
  await fileAppeal(desk.workAs(null), caseId, 'claimant', { text: 'It must go.' });
  const overturn = OverturnForm.parse({ outcome: 'remove', rule: '3', facts: 'They are right.' });
  await assert.rejects(overturnDecision(desk.workAs(desk.second), caseId, overturn), { kind: 'forbidden' });
  assert.equal(await overturnDecision(desk.workAs(desk.owner), caseId, overturn), 'decided');
  assert.equal((await desk.load(caseId)).outcome, 'remove');
});

test('after half a year there is no appeal', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.fileConfirmed('copyright', `/models/${desk.model.id}`);
  await decideCase(desk.workAs(desk.mod), caseId, limited);
  await desk.carryOut(caseId);
  await desk.later(181 * DAY);
  await assert.rejects(fileAppeal(desk.workAs(desk.ada), caseId, 'uploader', { text: 'Late.' }), { kind: 'conflict' });
});

test('an appeal that succeeds takes back what was done and voids the strike; of a severe case two people do it', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.file('ncii', `/images/${desk.image.id}`);
  await desk.later(47 * HOUR + HOUR / 2);
  await desk.carryOut(caseId);
  const removal = (await desk.load(caseId)).takedownId;
  assert.equal((await desk.em.fork().findOneOrFail(Strike, caseId)).points, 6);
  await fileAppeal(desk.workAs(desk.ada), caseId, 'uploader', { text: 'That is a vase.' });
  const undo = OverturnForm.parse({ outcome: 'dismiss', rule: '1', facts: 'It is a vase.' });
  assert.equal(await overturnDecision(desk.workAs(desk.mod), caseId, undo), 'waits');
  assert.equal(await overturnDecision(desk.workAs(desk.second), caseId, undo), 'decided');
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.outcome, kase.parameters], ['undo', { undoes: removal }]);
  await desk.carryOut(caseId);
  assert.equal((await desk.em.fork().findOneOrFail(Strike, caseId)).voidReason, 'appeal');
});

test('of two people who decide at once one does, and every move has its row in a chain that holds', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.fileConfirmed('copyright', `/models/${desk.model.id}`);
  const both = await Promise.allSettled([
    decideCase(desk.workAs(desk.mod), caseId, limited),
    decideCase(desk.workAs(desk.second), caseId, form('remove')),
  ]);
  assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal(await desk.em.fork().count(Takedown, { caseId }), 1);
  const moves = await desk.em
    .fork()
    .find(AuditEntry, { action: 'case.move', subjectId: caseId }, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    moves.map(({ after }) => (after as { state: string }).state),
    ['received', 'open', 'decided'],
  );
  assert.equal((await verifyAudit(desk.em.fork())).isWhole, true);
});

test('a case about an address that nothing answers to is pointed to the right one', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.file('ncii', '/images/99999');
  assert.deepEqual([(await desk.load(caseId)).state, (await desk.load(caseId)).targetId], ['open', null]);
  await assert.rejects(decideCase(desk.workAs(desk.mod), caseId, form('remove')), { kind: 'conflict' });
  await assert.rejects(pointCase(desk.workAs(desk.mod), desk.node.claims, caseId, { url: '/images/88888' }), {
    kind: 'invalid',
  });
  await pointCase(desk.workAs(desk.mod), desk.node.claims, caseId, { url: `/images/${desk.image.id}` });
  assert.notEqual((await desk.load(caseId)).interim, 0);
});

test('only cases of one type about one thing are joined by hand', async (t) => {
  const desk = await staffed(t);
  const first = await desk.fileConfirmed('trademark', `/models/${desk.model.id}`);
  const other = await desk.fileConfirmed('privacy', `/models/${desk.model.id}`);
  await assert.rejects(mergeByHand(desk.workAs(desk.mod), other.caseId, { number: first.number }), { kind: 'invalid' });
});

test('a decision names one of the rules of the node, chosen from a list, and no other', async (t) => {
  const desk = await staffed(t);
  const { caseId } = await desk.fileConfirmed('copyright', `/models/${desk.model.id}`);
  const browser = new Browser(desk.address);
  await browser.signIn('mod');
  const page = await browser.get(`/moderation/cases/${caseId}`);
  const [, options = ''] = /<select[^>]*name="rule"[^>]*>([\s\S]*?)<\/select>/.exec(page.text) ?? [];
  assert.match(options, /^\s*<option value="4">4 · /, 'the one about copyright first');
  const unknown = form('limit', { limits: ['download'], rule: '17 U.S.C. 512' });
  await assert.rejects(decideCase(desk.workAs(desk.mod), caseId, unknown), { kind: 'invalid' });
  await changeRule(desk.workAs(desk.owner), 4, { title: 'No copies', text: '', category: 'copyright' });
  const former = form('limit', { limits: ['download'], rule: '4' });
  await assert.rejects(decideCase(desk.workAs(desk.mod), caseId, former), { kind: 'invalid' });
  const now = form('limit', { limits: ['download'], rule: '4.2' });
  assert.equal(await decideCase(desk.workAs(desk.mod), caseId, now), 'decided');
  assert.equal((await desk.load(caseId)).rule, '4.2');

  // who is claimed against reads the wording that was meant, whatever the rule says later
  await changeRule(desk.workAs(desk.owner), 4, { title: 'Ask first', text: 'Always.', category: 'copyright' });
  const ada = new Browser(desk.address);
  await ada.signIn('ada');
  const { number } = await desk.load(caseId);
  const told = textOf((await ada.get(`/cases/${number}`)).text);
  assert.match(told, /Rule 4\.2: No copies/);
  assert.doesNotMatch(told, /Ask first|Always/);
});
