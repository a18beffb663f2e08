import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Login } from '../../src/accounts/login.ts';
import { OutboxMail } from '../../src/accounts/mail/model.ts';
import { Follow } from '../../src/accounts/model.ts';
import { Comment } from '../../src/gallery/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { undoDecision } from '../../src/moderation/queue/decide.ts';
import { executeDecision } from '../../src/moderation/queue/execute.ts';
import { findNext, listQueue } from '../../src/moderation/queue/list.ts';
import { releaseLock, takeLock } from '../../src/moderation/queue/lock.ts';
import { QueueDecision, QueueRow } from '../../src/moderation/queue/model.ts';
import { openRow } from '../../src/moderation/queue/open.ts';
import { openRowPage } from '../../src/moderation/queue/row-page.ts';
import { fileReport, ReportForm } from '../../src/moderation/reports/file.ts';
import { listOwnReports } from '../../src/moderation/reports/own.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenComment, givenImage, givenModel, givenPost } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { deskOf } from './desk.ts';

type Context = Parameters<typeof testNode>[0];

/** A picture that somebody reported, and two moderators who are no party to it. */
async function reported(t: Context) {
  const node = await testNode(t);
  const { em } = node;
  const desk = deskOf(node);
  const [mia, noor] = [givenAccount(em, { role: 'moderator' }), givenAccount(em, { role: 'moderator' })];
  const ada = givenAccount(em);
  const post = givenPost(em);
  const image = givenImage(em, { post });
  await em.flush();
  await desk.report(ada, 'image', image);
  const row = await desk.rowOf('image', image);
  const execute = (decisionId: string) => executeDecision(node.workAs(null), node.node.desks, decisionId);
  return { ...node, ...desk, mia, noor, ada, post, image, row, execute };
}

test('a decision waits for the time to undo it, and then starts its takedown, with its rows in the audit log', async (t) => {
  const test = await reported(t);
  const { fork, mia, image, row, lockAndDecide, execute } = test;
  const { decisionId } = await lockAndDecide(mia, row, 'remove', { strike: '1' });
  assert.equal(await fork().count(Takedown), 0, 'nothing follows yet');
  assert.equal((await fork().findOneOrFail(QueueRow, row.id)).state, 'decided');

  await execute(decisionId);
  await execute(decisionId);

  const takedowns = await fork().find(Takedown, {}, { orderBy: { id: 'asc' } });
  assert.deepEqual(
    takedowns.map(({ targetKind, targetId, outcome, category, parameters }) => [
      targetKind,
      targetId,
      outcome,
      category,
      parameters,
    ]),
    [
      ['account', image.owner.id, 'account_action', 'other', { action: 'strike' }],
      ['image', image.id, 'remove', 'other', { vault: true }],
    ],
  );
  const decision = await fork().findOneOrFail(QueueDecision, decisionId);
  assert.deepEqual([decision.state, decision.takedownId], ['done', takedowns[1]?.id]);
  const closed = await fork().findOneOrFail(QueueRow, row.id);
  assert.deepEqual([closed.state, closed.outcome], ['done', 'remove']);
  const entries = await fork().find(AuditEntry, {}, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    entries.map(({ action, actorId, actorRole, reason, rule }) => [action, actorId, actorRole, reason, rule]),
    [
      ['report.file', test.ada.id, 'reporter', '', ''],
      ['queue.decide', mia.id, 'staff', 'It is an advertisement.', '11'],
      ['queue.execute', null, 'worker', '', '11'],
    ],
  );
  assert.equal((await verifyAudit(fork())).isWhole, true);
});

test('each choice becomes its own outcome', async (t) => {
  const test = await reported(t);
  const { fork, em, ada, mia, lockAndDecide, report, rowOf, execute } = test;
  const wanted = {
    withhold: ['image', 'quarantine', {}],
    re_rate: ['image', 're_rate', { level: 4 }],
    age_lock: ['image', 'age_lock', {}],
    delist: ['image', 'limit', { bits: RESTRICTION.list }],
    suspend: ['account', 'account_action', { action: 'suspend' }],
  };
  for (const [choice, expected] of Object.entries(wanted)) {
    const image = givenImage(em);
    await em.flush();
    await report(ada, 'image', image);
    const level = choice === 're_rate' ? { level: '4' } : {};
    const { decisionId } = await lockAndDecide(mia, await rowOf('image', image), choice, level);
    await execute(decisionId);
    const { takedownId } = await fork().findOneOrFail(QueueDecision, decisionId);
    const takedown = await fork().findOneOrFail(Takedown, { id: takedownId ?? '' });
    assert.deepEqual([takedown.targetKind, takedown.outcome, takedown.parameters], expected, choice);
  }
});

test('a comment is withheld, and a model in the same queue is left as it is', async (t) => {
  const test = await reported(t);
  const { fork, em, ada, mia, lockAndDecide, report, rowOf, execute } = test;
  const comment = givenComment(em, { post: test.post });
  const model = givenModel(em);
  await em.flush();
  await report(ada, 'comment', comment);
  await report(ada, 'model', model);
  const one = await lockAndDecide(mia, await rowOf('comment', comment), 'withhold');
  const other = await lockAndDecide(mia, await rowOf('model', model), 'dismiss');
  await execute(one.decisionId);
  await execute(other.decisionId);
  assert.ok((await fork().findOneOrFail(Comment, comment.id)).withheldAt);
  assert.equal(await fork().count(Takedown), 0);
});

test('what is undone has no consequence and is open again, with who undid it; later it is too late', async (t) => {
  const test = await reported(t);
  const { fork, workAs, mia, noor, row, lockAndDecide, execute } = test;
  const { decisionId } = await lockAndDecide(mia, row, 'remove');
  await assert.rejects(undoDecision(workAs(noor), decisionId), { kind: 'not_found' });
  await undoDecision(workAs(mia), decisionId);
  await execute(decisionId);
  assert.equal(await fork().count(Takedown), 0);
  const open = await fork().findOneOrFail(QueueRow, row.id);
  assert.deepEqual([open.state, open.lockedById], ['open', mia.id]);

  const again = await lockAndDecide(mia, row, 'withhold');
  await execute(again.decisionId);
  await assert.rejects(undoDecision(workAs(mia), again.decisionId), { kind: 'conflict' });
  assert.equal(await fork().count(AuditEntry, { action: 'queue.undo' }), 1);
});

test('the worker carries it out after ten seconds and tells the reporter, in no words of anybody', async (t) => {
  const node = await testNode(t);
  const { em, workAs, clock, settle, start } = node;
  const { fork, report, rowOf, lockAndDecide } = deskOf(node);
  const mia = await givenMember(em, 'mia', { role: 'moderator' });
  const ada = await givenMember(em, 'ada');
  const image = givenImage(em, { caption: '<script>alert(1)</script> =cmd [a](https://evil.example)' });
  await em.flush();
  await em.nativeUpdate(Login, { account: ada.id }, { emailVerifiedAt: clock.now() });
  await start('worker');
  await report(ada, 'image', image, { text: '=cmd|calc <svg onload=alert(1)> \u202Egnp.exe' });
  await lockAndDecide(mia, await rowOf('image', image), 'withhold');
  await settle();
  assert.equal(await fork().count(Takedown), 0);
  clock.pass(10_001);
  await settle();
  assert.equal(await fork().count(Takedown, { outcome: 'quarantine' }), 1);

  const [mail] = await fork().find(OutboxMail, { toAddress: 'ada@example.org' });
  assert.match(mail?.text ?? '', /done something about it/);
  for (const part of [mail?.subject, mail?.text, mail?.html]) {
    assert.doesNotMatch(part ?? '', /=cmd|onload|evil\.example|<script|\u202E/);
  }
  const { reports } = await listOwnReports(workAs(ada), null);
  assert.equal(reports[0]?.outcome, 'Looked at: something was done about it');
});

test('scenario 45: of two moderators who decide at once one wins and the other gets a conflict; a retry is the same decision', async (t) => {
  const test = await reported(t);
  const { fork, workAs, mia, noor, row, decide } = test;
  assert.equal(await takeLock(workAs(mia), row.id), true);
  assert.equal(await takeLock(workAs(noor), row.id), false, 'the row is with the first');
  assert.equal((await openRowPage(workAs(noor), test.node.desks, row.id, 'full')).lockedBy, `@${mia.name}`);

  const key = randomUUID();
  const answers = await Promise.allSettled([
    decide(mia, row, 'remove', { key }),
    decide(noor, row, 'dismiss'),
    decide(mia, row, 'remove', { key }),
  ]);
  assert.deepEqual(
    answers.map((one) => (one.status === 'fulfilled' ? one.value.decisionId : one.reason.kind)),
    [key, 'conflict', key],
  );
  assert.equal((await decide(mia, row, 'remove', { key })).decisionId, key, 'a later retry too');
  assert.equal(await fork().count(QueueDecision), 1);
  assert.equal(await fork().count(AuditEntry, { action: 'queue.decide' }), 1);
  await assert.rejects(decide(noor, row, 'dismiss', { key }), { kind: 'conflict' });
});

test('who opens the next row gives the one before back', async (t) => {
  const { em, workAs, ada, mia, noor, row, report, rowOf } = await reported(t);
  const image = givenImage(em);
  await em.flush();
  await report(ada, 'image', image);
  await takeLock(workAs(mia), row.id);
  await takeLock(workAs(mia), (await rowOf('image', image)).id);
  assert.equal(await takeLock(workAs(noor), row.id), true);
  assert.equal(await takeLock(workAs(noor), (await rowOf('image', image)).id), false);
});

test('a doubt about a rating is a row of its own kind, and is decided by a rating', async (t) => {
  const { em, fork, ada, mia, image, workAs, lockAndDecide, execute } = await reported(t);
  const form = ReportForm.parse({ reason: 'other', level: '8' });
  const ben = givenAccount(em);
  await em.flush();
  await fileReport(workAs(ben), { kind: 'image', id: String(image.id) }, form);
  const row = await fork().findOneOrFail(QueueRow, { kind: 'rating' });
  assert.equal(row.voiceCount, 1);
  assert.equal(await fork().count(QueueRow, { kind: 'report' }), 1, `beside what ${ada.name} reported`);
  const { decisionId } = await lockAndDecide(mia, row, 're_rate', { level: '8' });
  await execute(decisionId);
  assert.deepEqual((await fork().findOneOrFail(Takedown, { outcome: 're_rate' })).parameters, { level: 8 });
});

test('a lock ends by itself after five minutes, or when it is given back', async (t) => {
  const { workAs, clock, mia, noor, row } = await reported(t);
  await takeLock(workAs(mia), row.id);
  clock.pass(5 * 60_000 - 1);
  assert.equal(await takeLock(workAs(noor), row.id), false);
  clock.pass(1);
  assert.equal(await takeLock(workAs(noor), row.id), true);
  assert.equal(await takeLock(workAs(mia), row.id), false);
  await releaseLock(workAs(noor), row.id);
  assert.equal(await takeLock(workAs(mia), row.id), true);
});

test('scenario 22: a moderator decides nothing about their own model, nor what they reported, and the attempt is written down', async (t) => {
  const test = await reported(t);
  const { fork, em, ada, mia, noor, report, rowOf, lockAndDecide } = test;
  const model = givenModel(em, { owner: mia });
  const other = givenModel(em);
  await em.flush();
  await report(ada, 'model', model);
  await report(mia, 'model', other);
  await assert.rejects(lockAndDecide(mia, await rowOf('model', model), 'dismiss'), { kind: 'forbidden' });
  await assert.rejects(lockAndDecide(mia, await rowOf('model', other), 'dismiss'), { kind: 'forbidden' });
  const attempts = await fork().find(
    AuditEntry,
    { action: 'queue.decide', actorId: mia.id },
    { orderBy: { seq: 'asc' } },
  );
  assert.deepEqual(
    attempts.map(({ subjectId, after }) => [subjectId, (after as { bar: string }).bar]),
    [
      [String(model.id), 'owner'],
      [String(other.id), 'reporter'],
    ],
  );
  assert.equal(await fork().count(QueueDecision), 0);
  await releaseLock(test.workAs(mia), (await rowOf('model', model)).id);
  await lockAndDecide(noor, await rowOf('model', model), 'dismiss');
});

test('who follows the owner does not decide, unless nobody else could', async (t) => {
  const test = await reported(t);
  const { em, mia, noor, image, row, lockAndDecide, workAs, clock } = test;
  const follow = { follower: mia, target: image.owner, state: 'accepted' as const, createdAt: clock.now() };
  em.create(Follow, { id: randomUUID(), ...follow }, { persist: true });
  await em.flush();
  await assert.rejects(lockAndDecide(mia, row, 'dismiss'), { kind: 'forbidden' });
  noor.state = 'suspended';
  await em.flush();
  await takeLock(workAs(mia), row.id);
  await lockAndDecide(mia, row, 'dismiss');
});

test('a decision needs its rule, its facts and its rating, and what the thing can bear', async (t) => {
  const { mia, row, lockAndDecide } = await reported(t);
  await assert.rejects(lockAndDecide(mia, row, 'remove', { rule: '' }), { kind: 'invalid' });
  await assert.rejects(lockAndDecide(mia, row, 'dismiss', { facts: '  ' }), { kind: 'invalid' });
  await assert.rejects(lockAndDecide(mia, row, 're_rate'), { kind: 'invalid' });
  await assert.rejects(lockAndDecide(mia, row, 'explode'), { kind: 'invalid' });
});

test('members and visitors have no queue, and severe rows are for those who may decide them', async (t) => {
  const test = await reported(t);
  const { em, node, workAs, ada, image, report, rowOf, lockAndDecide } = test;
  const some = { kind: '', whose: 'all', cursor: '' } as const;
  await assert.rejects(listQueue(workAs(ada), node.desks, some), { kind: 'forbidden' });
  await assert.rejects(listQueue(workAs(null), node.desks, some), { kind: 'unauthenticated' });
  const ben = givenAccount(em);
  const junior = givenAccount(em, { role: 'moderator', permissions: 1 << 3 });
  await em.flush();
  await report(ben, 'image', image, { category: 'ncii' });
  const row = await rowOf('image', image);
  assert.deepEqual((await listQueue(workAs(junior), node.desks, some)).items, []);
  await assert.rejects(lockAndDecide(junior, row, 'dismiss'), { kind: 'not_found' });
});

test('leaving a severe report as it is takes two people', async (t) => {
  const test = await reported(t);
  const { em, fork, mia, noor, image, report, row, lockAndDecide, execute, workAs } = test;
  const ben = givenAccount(em);
  await em.flush();
  await report(ben, 'image', image, { category: 'minor' });
  assert.equal((await lockAndDecide(mia, row, 'dismiss')).state, 'waits');
  assert.equal((await lockAndDecide(mia, row, 'dismiss')).state, 'waits', 'one person twice is one');
  assert.equal((await fork().findOneOrFail(QueueRow, row.id)).state, 'open');
  await releaseLock(workAs(mia), row.id);
  const page = await openRowPage(workAs(noor), test.node.desks, row.id, 'full');
  assert.equal(page.firstApprover, `@${mia.name}`);
  const { state, decisionId } = await lockAndDecide(noor, row, 'dismiss');
  assert.equal(state, 'decided');
  await execute(decisionId);
  assert.equal((await fork().findOneOrFail(QueueRow, row.id)).outcome, 'dismiss');
  assert.deepEqual(
    (await fork().find(AuditEntry, { action: 'queue.agree-first' })).map(({ actorId }) => actorId),
    [mia.id, mia.id],
  );
});

test('on a node with one moderator a severe report is left as it is only after three days', async (t) => {
  const test = await reported(t);
  const { em, fork, mia, noor, image, report, row, lockAndDecide, workAs, clock, settle, start } = test;
  noor.state = 'suspended';
  const ben = givenAccount(em);
  await em.flush();
  await report(ben, 'image', image, { category: 'ncii' });
  assert.equal((await openRowPage(workAs(mia), test.node.desks, row.id, 'full')).isAlone, true);
  assert.equal((await lockAndDecide(mia, row, 'dismiss')).state, 'alone');
  await start('worker');
  clock.pass(71 * 3_600_000);
  await settle();
  assert.equal((await fork().findOneOrFail(QueueRow, row.id)).state, 'decided');
  clock.pass(3_600_001);
  await settle();
  assert.equal((await fork().findOneOrFail(QueueRow, row.id)).state, 'done');
});

test('the list is by urgency and deadline, in pages, and filtered by kind and by whose it is', async (t) => {
  const test = await reported(t);
  const { node, workAs, mia, noor, row } = test;
  const work = workAs(mia);
  await work.em.transactional(async (em) => {
    for (let n = 0; n < 45; n += 1) {
      const entry = {
        kind: 'case' as const,
        subjectId: randomUUID(),
        about: { kind: 'image', id: n },
        title: `Case ${n}`,
      };
      const dueAt = n % 3 === 0 ? null : new Date(Date.UTC(2026, 2, 1 + (n % 7)));
      await openRow(em, { ...entry, priority: n % 4, dueAt }, work.now());
    }
  });
  const seen: { id: string; priority: number; dueAt: string | null }[] = [];
  let cursor = '';
  do {
    const page = await listQueue(workAs(mia), node.desks, { kind: '', whose: 'all', cursor });
    seen.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  assert.equal(new Set(seen.map(({ id }) => id)).size, 46);
  const order = seen.map(({ priority, dueAt }) => `${priority} ${dueAt ?? '9999'}`);
  assert.deepEqual(order, order.toSorted());

  const some = { kind: '', whose: 'all', cursor: '' } as const;
  const reports = await listQueue(workAs(noor), node.desks, { ...some, kind: 'report' });
  assert.deepEqual(
    reports.items.map(({ id, url }) => [id, url]),
    [[row.id, `/moderation/queue/${row.id}`]],
  );
  assert.deepEqual((await listQueue(workAs(noor), node.desks, { ...some, whose: 'mine' })).items, []);
  assert.equal(await findNext(workAs(noor), node.desks), `/moderation/queue/${row.id}`);
  await takeLock(workAs(mia), row.id);
  assert.equal(await findNext(workAs(noor), node.desks), '', 'what somebody looks at is nobody else’s next');
});

test('a thing that is reported after a decision waits anew', async (t) => {
  const test = await reported(t);
  const { fork, ada, mia, image, report, rowOf, row, lockAndDecide, execute, clock } = test;
  await execute((await lockAndDecide(mia, row, 'dismiss')).decisionId);
  clock.pass(1_000);
  await report(ada, 'image', image, { text: 'It is back.' });
  assert.notEqual((await rowOf('image', image)).id, row.id);
  assert.equal(await fork().count(QueueRow), 2);
});
