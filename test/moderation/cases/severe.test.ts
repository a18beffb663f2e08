import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../../src/accounts/model.ts';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { rows } from '../../../src/kit/database/sql.ts';
import { fileAppeal } from '../../../src/moderation/cases/appeals/appeal.ts';
import { DecideForm, decideCase, rejectCase } from '../../../src/moderation/cases/decide/decide.ts';
import { undoSource } from '../../../src/moderation/cases/decide/undo-source.ts';
import { ClaimCase } from '../../../src/moderation/cases/model/case.ts';
import { Takedown } from '../../../src/moderation/takedown/model.ts';
import { PolicyState, QUARANTINE } from '../../../src/safety/policy.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenAccount, givenImage, givenPost, NOW } from '../../factories/content.ts';
import { DAY, type DeskTest, HOUR, openDesk } from './desk.ts';

async function withPictures(t: Parameters<typeof openDesk>[0], count = 1, owners = 1) {
  const desk = await openDesk(t);
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const second = await givenMember(desk.em, 'mod2', { role: 'moderator' });
  const posts = Array.from({ length: owners }, () => givenPost(desk.em, { owner: givenAccount(desk.em) }));
  const images = Array.from({ length: count }, (_, n) =>
    givenImage(desk.em, { post: posts[n % owners] ?? givenPost(desk.em) }),
  );
  await desk.em.flush();
  return { ...desk, mod, second, images, ids: images.map(({ id }) => id) };
}

const quarantined = async ({ em }: DeskTest): Promise<number[]> =>
  (await em.fork().find(PolicyState, { targetKind: 'image', restrictions: QUARANTINE })).map(
    ({ targetId }) => targetId,
  );
const dismissal = DecideForm.parse({ outcome: 'dismiss', rule: '1', facts: 'It shows nobody.' });

test('an intimate picture is hidden at once, and the clock does not wait for a letter', async (t) => {
  const desk = await withPictures(t);
  const { caseId } = await desk.file('ncii', `/images/${desk.ids[0]}`);
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.state, kase.interim, kase.verifiedAt], ['open', QUARANTINE, null]);
  assert.equal(kase.dueAt?.getTime(), NOW.getTime() + DAY);
});

test('scenario 51: at 44 hours staff are paged, at 47 the picture is removed while everybody sleeps, by the timer, and its owner may appeal', async (t) => {
  const desk = await withPictures(t);
  const { caseId } = await desk.file('ncii', `/images/${desk.ids[0]}`);
  await desk.later(44 * HOUR - 60_000);
  assert.equal((await desk.mailsTo('mod@example.org')).length, 0);
  await desk.later(2 * 60_000);
  assert.equal((await desk.mailsTo('mod@example.org')).length, 1);
  await desk.later(2 * HOUR + 57 * 60_000);
  assert.equal((await desk.load(caseId)).state, 'open');
  await desk.later(2 * 60_000);
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.state, kase.outcome, kase.deciderId], ['executed', 'remove', null]);
  const takedown = await desk.em.fork().findOneOrFail(Takedown, { caseId, outcome: 'remove' });
  assert.deepEqual(takedown.parameters, { vault: true, block: true });
  const entry = await desk.em.fork().findOneOrFail(AuditEntry, { subjectId: caseId, rule: 'clock' });
  assert.deepEqual([entry.action, entry.actorRole, entry.actorId], ['case.move', 'timer', null]);

  const owner = await desk.em.fork().findOneOrFail(Account, kase.uploaderId ?? 0);
  await fileAppeal(desk.workAs(owner), caseId, 'uploader', { text: 'It is a drawing of nobody.' });
  assert.equal((await desk.load(caseId)).state, 'appealed');
});

test('the 48 hours count from the first submission, through a question and a second claim', async (t) => {
  const desk = await withPictures(t);
  const first = await desk.file('ncii', `/images/${desk.ids[0]}`);
  await desk.later(40 * HOUR);
  const second = await desk.file('ncii', `/images/${desk.ids[0]}`, { ip: '198.51.100.9' });
  assert.equal((await desk.load(second.caseId)).state, 'merged');
  await desk.later(7 * HOUR + 60_000);
  assert.equal((await desk.load(first.caseId)).outcome, 'remove');
});

test('what nobody could look at because the node was off is removed when it is on again', async (t) => {
  const desk = await withPictures(t);
  const { caseId } = await desk.file('ncii', `/images/${desk.ids[0]}`);
  desk.clock.pass(5 * DAY);
  await desk.settle();
  assert.equal((await desk.load(caseId)).outcome, 'remove');
});

test('a report of a child hides at once, pages everybody after a day, and is removed by nobody but a person', async (t) => {
  const desk = await withPictures(t);
  const { caseId } = await desk.file('minor', `/images/${desk.ids[0]}`);
  await desk.later(25 * HOUR);
  assert.match((await desk.mailsTo('mod2@example.org')).at(-1) ?? '', /\/moderation\/cases\//);
  await desk.later(30 * DAY);
  const kase = await desk.load(caseId);
  assert.deepEqual([kase.state, kase.interim], ['open', QUARANTINE]);
});

test('scenario 5: 200 claims that a program sent are all taken, hide nothing and wait for a person', async (t) => {
  const desk = await withPictures(t, 200, 40);
  for (const [n, id] of desk.ids.entries()) {
    const ip = `2001:db8:1:2::${n + 1}`;
    await desk.file('ncii', `/images/${id}`, { ip, fields: { ticket: 'none' }, isOnlySent: true });
  }
  await desk.settle();
  const all = await desk.em.fork().find(ClaimCase, {}, { orderBy: { id: 'asc' } });
  assert.equal(all.length, 200, 'a severe claim is never refused');
  assert.deepEqual(await quarantined(desk), []);
  assert.deepEqual(new Set(all.map(({ priority }) => priority)), new Set([0]));
  const waiting = await rows<{ priority: number }>(
    desk.em.fork(),
    `select priority from queue_row where state = 'open'`,
  );
  assert.deepEqual([waiting.length, new Set(waiting.map(({ priority }) => priority))], [200, new Set([1])]);
});

test('scenario 5: the breaker lets five through from one /64, the rest wait for a person, and nothing of them is removed', async (t) => {
  const desk = await withPictures(t, 12, 12);
  for (const [n, id] of desk.ids.entries()) {
    await desk.file('ncii', `/images/${id}`, { ip: `2001:db8:1:2:${n}::1` });
  }
  assert.deepEqual(
    (await quarantined(desk)).sort((a, b) => a - b),
    desk.ids.slice(0, 5),
  );
  const first = await desk.em.fork().findOneOrFail(ClaimCase, { targetId: desk.ids[0] ?? 0 });

  assert.equal(await undoSource(desk.workAs(desk.mod), first.id), 5);
  assert.deepEqual(await quarantined(desk), []);
  await desk.later(48 * HOUR);
  assert.equal(await desk.em.fork().count(Takedown, { outcome: 'remove' }), 0);
  assert.equal((await quarantined(desk)).length, 12, 'the timer hides and calls people');
});

test('an uploader who is claimed against ten times a day by nobody in particular is not hidden an eleventh time', async (t) => {
  const desk = await withPictures(t, 12);
  for (const [n, id] of desk.ids.entries()) await desk.file('ncii', `/images/${id}`, { ip: `192.0.${n}.1` });
  assert.equal((await quarantined(desk)).length, 10);
});

test('scenario 6: what was cleared once is not hidden again by the same claim, and who looks at it reads what was decided', async (t) => {
  const desk = await withPictures(t);
  const url = `/images/${desk.ids[0]}`;
  const { caseId } = await desk.file('ncii', url);
  assert.equal(await decideCase(desk.workAs(desk.mod), caseId, dismissal), 'waits');
  assert.deepEqual(await quarantined(desk), desk.ids);
  assert.equal(await decideCase(desk.workAs(desk.mod), caseId, dismissal), 'waits', 'the same person twice is one');
  assert.equal(await decideCase(desk.workAs(desk.second), caseId, dismissal), 'decided');
  assert.deepEqual(await quarantined(desk), []);
  await desk.carryOut(caseId);
  const again = await desk.file('ncii', url, { ip: '198.51.100.1' });
  assert.deepEqual(await quarantined(desk), []);
  assert.equal((await desk.load(again.caseId)).isBehindBreaker, true);
  const { number } = await desk.load(caseId);
  const browser = new Browser(desk.address);
  await browser.signIn('mod');
  const page = textOf((await browser.get(`/moderation/cases/${again.caseId}`)).text);
  assert.match(page, new RegExp(`Decided before about the same thing[\\s\\S]*${number}[\\s\\S]*It shows nobody\\.`));
});

test('scenario 25: an intimate picture that one person would give back stays hidden until a second agrees', async (t) => {
  const desk = await withPictures(t);
  const { caseId } = await desk.file('ncii', `/images/${desk.ids[0]}`);
  const no = { reason: 'not-a-claim', facts: 'It shows nobody.' } as const;
  assert.equal(await decideCase(desk.workAs(desk.mod), caseId, dismissal), 'waits');
  assert.equal(await rejectCase(desk.workAs(desk.mod), desk.node.claims, caseId, no), 'waits', 'nor at the door');
  await desk.later(HOUR);
  assert.deepEqual([(await desk.load(caseId)).state, await quarantined(desk)], ['open', desk.ids]);
  assert.equal(await desk.em.fork().count(Takedown, { caseId, outcome: { $ne: 'quarantine' } }), 0);
  assert.equal(await decideCase(desk.workAs(desk.second), caseId, dismissal), 'decided');
  assert.deepEqual(await quarantined(desk), []);
  const agreed = await desk.em.fork().find(AuditEntry, { subjectId: caseId, action: 'case.agree' });
  assert.deepEqual(new Set(agreed.map(({ actorId }) => actorId)), new Set([desk.mod.id]));
});

test('a claim that comes from elsewhere hides what the breaker left in view', async (t) => {
  const desk = await withPictures(t, 7, 7);
  for (const id of desk.ids) await desk.file('ncii', `/images/${id}`, { ip: '192.0.2.1' });
  assert.equal((await quarantined(desk)).length, 5);
  await desk.file('ncii', `/images/${desk.ids[6]}`, { ip: '198.51.100.1' });
  assert.equal((await quarantined(desk)).length, 6);
});
